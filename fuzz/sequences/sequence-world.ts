// A broker without sockets that serves the parties of one sequence, with real users, rules and reloads.

import { ConfiguredAccess } from '../../src/server/configured-access.ts'
import type { Access } from '../../src/access/access.ts'
import { AccessFileError } from '../../src/access/access-file.ts'
import { UsersAccess } from '../../src/access/users-access.ts'
import type { Limits } from '../../src/limits.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { fileOf } from '../../test/access/rules/acl-oracle.ts'
import { Pond, type PondOptions } from '../../test/pond.ts'
import { Ledger } from './ledger.ts'
import { Party, startOf } from './party.ts'
import { rulesOf } from './rules-of.ts'
import { USERS } from './script.ts'

const PASSWORD = 'p'
/** Reading the configuration takes longer than a sequence. */
const CONFIG = parseConfig({})
const HASH = `$7$1$${Buffer.alloc(12, 1).toString('base64')}$${Buffer.alloc(64, 2).toString('base64')}`
const WRONG_RULES = 'user u\ntopic deny #\ntopc read a\n'
const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** What tests plant faults in. */
export interface WorldParts {
  readonly access?: (access: Access) => Access
  readonly limits?: Partial<Limits>
}

// Wide on purpose: one method a command.
export class SequenceWorld {
  readonly ledger = new Ledger(USERS)
  readonly parties: readonly Party[]
  commands = 0
  readonly #settings: { anonymous: 'never'; users: Record<string, string>; rules: string }
  readonly #store = new MemoryStore()
  #configured: ConfiguredAccess
  #pond: Pond
  #published = 0
  #packetId = 0
  readonly #parts: WorldParts

  constructor(parties: string, parts: WorldParts = {}) {
    this.#parts = parts
    this.parties = parties.split(' ').map(each => {
      const [clientId = '', username = '', version] = each.split(':')
      const number = version === '3' ? 3 : version === '4' ? 4 : 5
      return new Party({ clientId, username }, number, this.ledger)
    })
    this.#settings = {
      anonymous: 'never',
      users: Object.fromEntries(USERS.map(user => [user, HASH])),
      rules: '',
    }
    this.#configured = this.#opened()
    this.#pond = this.#served({})
  }

  /** Runs one command; a restart takes a promise. */
  run(line: string): void | Promise<void> {
    this.commands++
    const [verb = '', ...words] = line.split(' ')
    if (verb === 'restart') return this.#restart()
    const ofAll = this.#runForAll(verb, words)
    if (!ofAll) {
      const party = this.parties[Number(words[0])]
      if (party !== undefined) this.#runFor(party, verb, words.slice(1))
    }
    this.settles()
  }

  /** Everybody hears and answers, until nothing comes any more. */
  settles(): void {
    for (let isBusy = true; isBusy;) {
      isBusy = false
      for (const party of this.parties) if (party.hears()) isBusy = true
    }
    for (const party of this.parties) party.looksAround()
    for (const party of this.parties) {
      if (!party.isConnected || !party.hasUnansweredPublish) continue
      this.ledger.expect(false, `${party.person.clientId} was not answered`)
    }
  }

  /** Everybody who has a session comes back and hears what waits. */
  ends(): void {
    for (const person of this.ledger.durable()) {
      if (!this.ledger.users.has(person.username)) continue
      const index = this.parties.findIndex(
        each =>
          each.person.clientId === person.clientId && each.person.username === person.username,
      )
      const party = this.parties[index]
      if (party === undefined) continue
      party.isLazy = false
      if (party.isConnected) party.acknowledges()
      else this.#connect(party, ['keep'])
      this.settles()
      if (party.isConnected) this.ledger.owedTo(person)
      else this.ledger.expect(false, `${person.clientId} was not let in again`)
    }
  }

  async close(): Promise<void> {
    await this.#configured.close()
    await this.#store.close()
  }

  #runForAll(verb: string, words: readonly string[]): boolean {
    const [word = ''] = words
    switch (verb) {
      case 'rules':
        this.ledger.rules = rulesOf(Number(word))
        this.#settings.rules = fileOf(this.ledger.rules)
        this.#reloads()
        return true
      case 'revoke':
        this.ledger.users.delete(word)
        this.#settings.users = Object.fromEntries([...this.ledger.users].map(user => [user, HASH]))
        this.#reloads()
        return true
      case 'restore':
        this.ledger.users.add(word)
        this.#settings.users = Object.fromEntries([...this.ledger.users].map(user => [user, HASH]))
        this.#reloads()
        return true
      case 'wrong-rules':
        this.#reloadsInVain()
        return true
      case 'pass':
        this.#pond.passes({ seconds: Number(word) })
        return true
      case 'nameless':
        this.#namelessIsRefused()
        return true
      default:
        return false
    }
  }

  #runFor(party: Party, verb: string, words: readonly string[]): void {
    if (verb === 'connect') return this.#connect(party, words)
    if (verb === 'lazy') {
      party.isLazy = !party.isLazy
      return
    }
    const { clientId } = party.person
    if (verb === 'kick') void this.#pond.commands.disconnectClient(clientId, 'kicked')
    if (verb === 'end') {
      this.ledger.sessionEnded(clientId)
      void this.#pond.commands.endSession(clientId, 'ended')
    }
    if (!party.isConnected && (verb === 'publish' || verb === 'subscribe')) {
      this.#connect(party, ['keep'])
      this.settles()
    }
    if (party.isConnected) this.#runConnected(party, verb, words)
    this.#pond.settles()
  }

  #runConnected(
    party: Party,
    verb: string,
    [first = '', second = '', third]: readonly string[],
  ): void {
    const { client, will } = party
    switch (verb) {
      case 'disconnect':
        if (will !== null) this.ledger.willDiscarded(will.name)
        return client?.disconnects()
      case 'disconnect-with-will':
        return party.version === 5 ? client?.disconnects(0x04) : client?.vanishes()
      case 'vanish':
        return client?.vanishes()
      case 'subscribe':
        return this.#subscribe(party, first, Number(second))
      case 'unsubscribe':
        this.ledger.unsubscribed(party.person.clientId, first)
        return client?.says({
          type: 'unsubscribe',
          packetId: this.#nextId(),
          filters: [first],
          properties: {},
        })
      case 'acknowledge':
        return party.acknowledges()
      case 'publish':
        return this.#publish(party, first, Number(second), third === '1')
    }
  }

  #connect(party: Party, [kind = 'keep', topic, qos, retain]: readonly string[]): void {
    // A user that does not exist costs a hash, which takes its time.
    if (!this.ledger.users.has(party.person.username)) return
    if (party.client !== null) {
      party.client.vanishes()
      party.looksAround()
      this.settles()
    }
    const { clientId, username } = party.person
    const { cleanStart, isDurable, properties } = startOf(kind, party.version)
    const will =
      topic === undefined
        ? null
        : {
            name: `w${++this.#published}`,
            topic,
            qos: Number(qos),
            retain: retain === '1',
            by: party.person,
          }
    if (will !== null) this.ledger.willArmed(will)
    const client = this.#pond.stranger(clientId, {
      version: party.version,
      cleanStart,
      keepAliveSeconds: 0,
      username,
      password: PASSWORD,
      properties,
      ...(will !== null && {
        will: { topic: will.topic, payload: will.name, qos: qosOf(will.qos), retain: will.retain },
      }),
    })
    party.begins(client, isDurable, !cleanStart, will)
    client.connects()
  }

  #subscribe(party: Party, filter: string, qos: number): void {
    const packetId = this.#nextId()
    party.asked(packetId, filter, qos)
    // What a new subscription brings comes before its SUBACK is heard.
    party.client?.says({
      type: 'subscribe',
      packetId,
      subscriptions: [
        {
          filter,
          qos: qosOf(qos),
          noLocal: false,
          retainAsPublished: false,
          retainHandling: 0,
        },
      ],
      properties: {},
    })
  }

  #publish(party: Party, topic: string, qos: number, retain: boolean): void {
    const name = `m${++this.#published}`
    this.ledger.said({ name, topic, qos, retain, by: party.person })
    const packetId = qos === 0 ? 0 : this.#nextId()
    if (qos > 0) party.published(packetId, name)
    party.client?.publishes(topic, name, { qos: qosOf(qos), retain, packetId })
  }

  #namelessIsRefused(): void {
    const client = this.#pond.stranger('nameless', { version: 4 })
    client.connects()
    const [packet] = client.receives()
    this.ledger.expect(
      packet?.type === 'connack' && packet.reason !== 0,
      'a client without a user name was let in',
    )
  }

  #reloads(): void {
    this.ledger.rulesChanged()
    this.#configured.reload()
    this.#pond.settles()
  }

  /** A file with one wrong line changes nothing, also not for those lines that are right. */
  #reloadsInVain(): void {
    const { rules } = this.#settings
    this.#settings.rules = WRONG_RULES
    try {
      this.#configured.reload()
      this.ledger.expect(false, 'wrong rules were taken')
    } catch (error) {
      this.ledger.expect(error instanceof AccessFileError, `a reload threw ${String(error)}`)
    }
    this.#settings.rules = rules
  }

  async #restart(): Promise<void> {
    // The wires are gone with the broker: nobody is told.
    for (const party of this.parties) {
      if (party.will !== null) this.ledger.willFired(party.will.name)
      party.client = null
      party.will = null
    }
    await this.#configured.close()
    await this.#store.close()
    this.#configured = this.#opened()
    const { now } = this.#pond
    const snapshot = await this.#store.open()
    this.#pond = this.#served({ snapshot, now })
    this.settles()
  }

  #opened(): ConfiguredAccess {
    const configured = new ConfiguredAccess({ ...CONFIG, access: this.#settings }, SILENT)
    const { access } = configured
    if (!(access instanceof UsersAccess)) throw new Error('there are no users')
    // Hashes are not the subject: each password was seen before.
    for (const user of USERS) {
      const { passwords } = access
      const digest = passwords?.verified.digestOf(user, Buffer.from(PASSWORD), HASH)
      if (digest !== undefined) passwords?.verified.add(digest)
    }
    return configured
  }

  /** A broker that goes on with what the store has. */
  #served(before: Pick<PondOptions, 'snapshot' | 'now'>): Pond {
    const { access = same => same, limits = {} } = this.#parts
    const pond = new Pond({
      access: access(this.#configured.access),
      store: this.#store,
      limits,
      ...before,
    })
    this.#configured.watch(pond.core)
    return pond
  }

  #nextId(): number {
    this.#packetId = (this.#packetId % 65_535) + 1
    return this.#packetId
  }
}

function qosOf(qos: number): 0 | 1 | 2 {
  return qos === 1 || qos === 2 ? qos : 0
}
