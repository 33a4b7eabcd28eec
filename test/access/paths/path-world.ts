// Clients, users and rules at random in one broker. Each step is one thing that happens; after it, everything that anybody was told is
// compared with what the oracle says of that moment.

import type { Message } from '../../../src/message.ts'
import type { Packet, PublishPacket, QoS } from '../../../src/packet/packet.ts'
import { parseFilter } from '../../../src/routing/topic.ts'
import { UNRESTRICTED } from '../../../src/access/permissions.ts'
import type { Session } from '../../../src/session/session.ts'
import { MemoryStore } from '../../../src/store/memory-store.ts'
import type { Snapshot } from '../../../src/store/store.ts'
import type { PondClient } from '../../pond-client.ts'
import { RuledPond } from '../ruled-pond.ts'
import {
  fileOf,
  matches,
  randomFilter,
  randomFrom,
  randomLines,
  type RandomSubject,
  randomSubject,
  TOPICS,
} from '../rules/acl-oracle.ts'
import { exists, mayHear, mayHearAllOf, maySend, maySubscribe, type Moment } from './path-oracle.ts'

const NAMES = ['u', 'a', 'a/b', '$S', 'u+']
const DURABLE = { cleanStart: false, properties: { sessionExpiryInterval: 3_600 } }
const PROGRAM = { clientId: null, permissions: UNRESTRICTED, identity: null }
const NOBODY: RandomSubject = { username: null, clientId: '', address: '' }

interface Actor {
  readonly client: PondClient
  readonly subject: RandomSubject
  /** The messages that must arrive in this step. */
  readonly due: Set<string>
  hasAlias: string | null
}

interface Asked {
  readonly topic: string
  readonly qos: number
  readonly retain: boolean
}

const NOTHING_ASKED: Asked = { topic: '', qos: 0, retain: false }

/** A message that was published, by its payload. */
interface Published extends Asked {
  /** Null for the program. */
  readonly author: RandomSubject | null
}

export class PathWorld {
  /** What was told and should not have been, or the other way round. */
  readonly wrong: string[] = []
  checks = 0
  readonly #random: (below: number) => number
  readonly #store = new MemoryStore()
  readonly #actors = new Map<string, Actor>()
  /** Who had each client id last. */
  readonly #subjects = new Map<string, RandomSubject>()
  readonly #published = new Map<string, Published>()
  readonly #retained = new Map<string, string>()
  #moment: Moment
  #pond: RuledPond
  #count = 0

  constructor(seed: number) {
    this.#random = randomFrom(seed)
    this.#moment = this.#newMoment()
    this.#pond = this.#newPond()
  }

  async step(): Promise<void> {
    const what = this.#random(100)
    if (what < 45) this.#publish()
    else if (what < 60) this.#subscribe()
    else if (what < 63) this.#unsubscribe()
    else if (what < 79) for (let count = 0; count < 3; count++) this.#connect()
    else if (what < 84) this.#leave()
    else if (what < 90) this.#publishAsProgram()
    else if (what < 92) this.#passes()
    else if (what < 98 || this.#random(3) > 0) this.#change()
    else await this.#restart()
    this.#settle()
  }

  #newMoment(): Moment {
    const lines = randomLines(this.#random)
    return { lines, users: NAMES.filter(() => this.#random(8) > 0), found: new Map() }
  }

  #newPond(snapshot?: Snapshot, now = 1_700_000_000_000): RuledPond {
    const { lines, users } = this.#moment
    return new RuledPond(
      { rules: fileOf(lines), users },
      {
        store: this.#store,
        now,
        ...(snapshot !== undefined && { snapshot }),
        observer: { published: message => this.#heardPublished(message) },
      },
    )
  }

  #one<Value>(values: readonly Value[]): Value | undefined {
    return values[this.#random(values.length)]
  }

  #topic(): string {
    return this.#one(TOPICS) ?? 'a'
  }

  /** A payload that nothing else has, or none, which clears what is retained. */
  #payload(retain: boolean): string {
    return retain && this.#random(4) === 0 ? '' : `m${++this.#count}`
  }

  /** Up to 24 messages in one turn. */
  #publish(): void {
    const actor = this.#one([...this.#actors.values()])
    if (actor === undefined) return
    const asked = new Map<number, Asked>()
    this.#pond.inOneTurn(() => {
      for (let count = this.#random(24); count >= 0; count--) this.#publishOne(actor, asked)
    })
    for (const packet of this.#take(actor)) {
      if (packet.type !== 'puback' && packet.type !== 'pubrec') continue
      const { topic, qos, retain } = asked.get(packet.packetId) ?? NOTHING_ASKED
      const isTaken = packet.reason < 0x80
      const isRight = isTaken === maySend(this.#moment, actor.subject, topic, { qos, retain })
      this.#check(isRight, () => {
        return `${nameOf(actor.subject)} publishes ${topic} q${qos} ${retain}: ${isTaken}`
      })
      asked.delete(packet.packetId)
      if (qos === 2 && isTaken) actor.client.acknowledges('pubrel', packet.packetId)
    }
    this.#check(asked.size === 0, () => `${nameOf(actor.subject)} has no answer`)
  }

  #publishOne(actor: Actor, asked: Map<number, Asked>): void {
    const qos = this.#random(3) as QoS
    const retain = this.#random(3) === 0
    const useAlias = actor.hasAlias !== null && this.#random(3) === 0
    const topic = useAlias ? (actor.hasAlias ?? '') : this.#topic()
    const packetId = actor.client.publishes(useAlias ? '' : topic, this.#payload(retain), {
      qos,
      retain,
      properties: { topicAlias: 1 },
    })
    actor.hasAlias = topic
    if (qos > 0) asked.set(packetId, { topic, qos, retain })
  }

  #publishAsProgram(): void {
    const retain = this.#random(2) === 0
    const payload = Buffer.from(this.#payload(retain))
    const said = { payload, qos: this.#random(3) as QoS, retain, properties: {} }
    void this.#pond.commands.publish(said, this.#topic(), PROGRAM)
    this.#pond.settles()
  }

  #subscribe(): void {
    const actor = this.#one([...this.#actors.values()])
    if (actor === undefined) return
    const topicFilter = randomFilter(this.#random)
    const isShared = this.#random(3) === 0
    const { client, subject } = actor
    const isAllowed = maySubscribe(this.#moment, subject, topicFilter)
    if (!isShared && isAllowed) this.#expectRetained(actor, topicFilter)
    client.subscribes(isShared ? `$share/g/${topicFilter}` : topicFilter, this.#random(3) as QoS)
    const suback = this.#take(actor).find(each => each.type === 'suback')
    const isGranted = suback?.type === 'suback' && (suback.reasons[0] ?? 0x80) < 0x80
    // A share group may be refused to who could have it: when several rules together allow its filter.
    const isRight = isShared
      ? !isGranted || (isAllowed && mayHearAllOf(this.#moment, subject, topicFilter))
      : isGranted === isAllowed
    this.#check(isRight, () => {
      return `${nameOf(subject)} subscribes ${topicFilter} ${isShared}: ${isGranted}`
    })
  }

  #unsubscribe(): void {
    const actor = this.#one([...this.#actors.values()])
    const filter = this.#one([...(this.#sessionOf(actor)?.subscriptions.keys() ?? [])])
    if (filter !== undefined) actor?.client.unsubscribes(filter)
  }

  #connect(): void {
    const { clientId: some, username: any, address } = randomSubject(this.#random)
    const clientId = this.#one([some, some, 'd', 'e', 'f', 'g']) ?? some
    const owner = this.#pond.broker.sessions.get(clientId)?.rights.identity.username ?? null
    // Seldom somebody who does not exist, or who wants the session of another one.
    const known = owner ?? this.#one([null, ...this.#moment.users]) ?? null
    const username = this.#random(6) > 0 ? known : any === '' ? null : any
    const subject = { clientId, username, address }
    const will = this.#random(4) > 0 ? null : this.#will()
    const isWelcome =
      exists(this.#moment, subject) &&
      (owner === null || owner === subject.username || !this.#moment.users.includes(owner)) &&
      (will === null || maySend(this.#moment, subject, will.topic, will))
    const client = this.#pond.stranger(clientId, {
      ...(this.#random(3) > 0 ? DURABLE : { cleanStart: true }),
      ...(subject.username !== null && { username: subject.username }),
      ...(will !== null && { will }),
      acknowledges: true,
    })
    Object.assign(client.wire.peer, { address })
    // What the old connection leaves as a will is heard by others only.
    if (isWelcome) this.#actors.delete(clientId)
    const before = this.#subjects.get(clientId)
    const actor: Actor = { client, subject, due: new Set(), hasAlias: null }
    client.connects()
    if (before !== undefined) this.#subjects.set(clientId, before)
    const packets = client.receives()
    const isIn = packets[0]?.type === 'connack' && packets[0].reason === 0
    this.#check(isIn === isWelcome, () => `${nameOf(subject)} connects: ${isIn}`)
    if (!isIn) return
    this.#subjects.set(clientId, subject)
    this.#actors.set(clientId, actor)
    this.#judge(actor, packets)
  }

  #will() {
    return {
      topic: this.#topic(),
      payload: this.#payload(false),
      qos: this.#random(3) as QoS,
      retain: this.#random(3) === 0,
      properties: { willDelayInterval: this.#random(2) * 10 },
    }
  }

  #leave(): void {
    const actor = this.#one([...this.#actors.values()])
    if (actor === undefined) return
    this.#actors.delete(actor.subject.clientId)
    if (this.#random(3) === 0) actor.client.disconnects()
    else actor.client.vanishes()
  }

  #passes(): void {
    this.#pond.passes({ seconds: 11 })
    for (const actor of this.#actors.values()) actor.client.pings()
  }

  #change(): void {
    this.#moment = this.#newMoment()
    for (const [clientId, { subject }] of this.#actors) {
      if (!exists(this.#moment, subject)) this.#actors.delete(clientId)
    }
    const { lines, users } = this.#moment
    this.#pond.changes({ rules: fileOf(lines), users })
    this.#checkSubscriptions()
  }

  async #restart(): Promise<void> {
    this.#actors.clear()
    if (this.#random(2) === 0) this.#moment = this.#newMoment()
    await this.#store.close()
    this.#pond = this.#newPond(await this.#store.open(), this.#pond.now)
    this.#checkSubscriptions()
  }

  /** After a change nobody has a subscription that would be refused now, or is in a group of which it may not hear all. */
  #checkSubscriptions(): void {
    for (const session of this.#pond.broker.sessions.all()) {
      const { username, address } = session.rights.identity
      const subject = { clientId: session.clientId, username, address }
      for (const { topicFilter, shareName } of session.subscriptions.values()) {
        const isGone = !exists(this.#moment, subject)
        const isRight = isGone
          ? shareName === null
          : maySubscribe(this.#moment, subject, topicFilter) &&
            (shareName === null || mayHearAllOf(this.#moment, subject, topicFilter))
        this.#check(isRight, () => `${nameOf(subject)} keeps ${shareName} ${topicFilter}`)
      }
    }
  }

  /** Every publication comes by here: of clients, with or without an alias, of wills, and of the program. */
  #heardPublished(message: Message): void {
    const { topic, qos, retain, publisher } = message
    const payload = message.payload.toString()
    const author = publisher === null ? null : (this.#subjects.get(publisher) ?? NOBODY)
    if (author !== null) {
      this.#check(maySend(this.#moment, author, topic, message), () => {
        return `${nameOf(author)} has published ${topic} q${qos} ${retain}`
      })
    }
    if (retain && payload === '') this.#retained.delete(topic)
    else if (retain) this.#retained.set(topic, payload)
    if (payload === '') return
    this.#published.set(payload, { topic, qos, retain, author })
    for (const actor of this.#actors.values()) {
      const isDue = this.#isSubscribed(actor, topic) && mayHear(this.#moment, actor.subject, topic)
      this.checks++
      if (isDue) actor.due.add(payload)
    }
  }

  #isSubscribed(actor: Actor, topic: string): boolean {
    const subscriptions = this.#sessionOf(actor)?.subscriptions.values() ?? []
    for (const { shareName, topicFilter } of subscriptions) {
      if (shareName === null && matches(topicFilter, topic)) return true
    }
    return false
  }

  #sessionOf(actor: Actor | undefined): Session | undefined {
    if (actor === undefined) return undefined
    return this.#pond.broker.sessions.get(actor.subject.clientId)
  }

  #expectRetained(actor: Actor, topicFilter: string): void {
    for (const [topic, payload] of this.#retained) {
      if (!matches(topicFilter, topic) || !mayHear(this.#moment, actor.subject, topic)) continue
      const message = this.#published.get(payload)
      if (message !== undefined && this.#hasItsAuthor(message)) actor.due.add(payload)
    }
  }

  #hasItsAuthor({ author, topic, qos }: Published): boolean {
    return author === null || maySend(this.#moment, author, topic, { qos, retain: true })
  }

  #settle(): void {
    for (const actor of this.#actors.values()) {
      this.#take(actor)
      this.#check(actor.due.size === 0, () => {
        return `${nameOf(actor.subject)} was not told ${[...actor.due].join()}`
      })
      actor.due.clear()
    }
  }

  #take(actor: Actor): readonly Packet[] {
    const packets = actor.client.receives()
    this.#judge(actor, packets)
    return packets
  }

  #judge(actor: Actor, packets: readonly Packet[]): void {
    for (const packet of packets) {
      if (packet.type === 'publish' && parseFilter(packet.topic) !== null)
        this.#hears(actor, packet)
    }
  }

  #hears(actor: Actor, { topic, payload, retain }: PublishPacket): void {
    const id = payload.toString()
    actor.due.delete(id)
    const message = this.#published.get(id)
    const isAllowed = mayHear(this.#moment, actor.subject, topic)
    const isRetained = retain && message !== undefined
    this.#check(isAllowed && (!isRetained || this.#hasItsAuthor(message)), () => {
      return `${nameOf(actor.subject)} was told ${id} of ${topic}${retain ? ' retained' : ''}`
    })
  }

  #check(isRight: boolean, sentence: () => string): void {
    this.checks++
    if (isRight) return
    const { lines, users } = this.#moment
    this.wrong.push(`${sentence()}\n${fileOf(lines)}\nusers ${users.join(' ')}`)
  }
}

function nameOf({ username, clientId, address }: RandomSubject): string {
  return `${username ?? '-'} as ${clientId} from ${address}`
}
