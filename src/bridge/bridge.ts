// A bridge: it keeps a link to another broker, tries again when it ends, and says how it is.

import type { Duplex } from 'node:stream'
import { readFileSync } from 'node:fs'
import type { Address } from '../config/network-address.ts'
import type { Log } from '../observe/log.ts'
import { NO_PROPERTIES, type SubscriptionRequest, type Will } from '../packet/packet.ts'
import { UNSUPPORTED_PROTOCOL_VERSION } from '../packet/reason.ts'
import { thrownSentence, unreachedSentence } from '../thrown.ts'
import type { Paths } from './bridge-path.ts'
import { BridgeTopics, type BridgeTopic } from './bridge-topics.ts'
import { type BridgeTls, dial } from './dial.ts'
import { BridgeRefused } from './leg.ts'
import { Link, type LinkOptions } from './link.ts'
import { beginSession, type LocalSession } from './local-session.ts'
import type { RelayCounters } from './relay.ts'

export interface BridgeSettings {
  readonly name: string
  /** Tried in turn. */
  readonly addresses: readonly Address[]
  readonly tls: BridgeTls | null
  readonly protocol: '5' | '3.1.1'
  readonly clientId: string
  readonly username: string | null
  readonly password: string | null
  /** Its first line is the password. */
  readonly passwordFile: string | null
  readonly bridgeBit: boolean
  readonly keepAliveSeconds: number
  readonly cleanStart: boolean
  readonly retains: boolean
  readonly topics: readonly BridgeTopic[]
  readonly notifications: 'both' | 'local' | 'none'
  readonly notificationTopic: string
  readonly restartSecondsMin: number
  readonly restartSecondsMax: number
  /** Whether messages of MQTT 5 carry the brokers that they have passed. */
  readonly loopProtection: boolean
}

/** What a bridge needs of the broker that it belongs to. */
interface BridgeHost {
  readonly log: Log
  readonly packetBytesMax: number
  readonly receiveMax: number
  readonly paths: Omit<Paths, 'arriveThere'>
  /** Opens a connection of the bridge to this broker. */
  open(): Duplex
  session(clientId: string): LocalSession | null
  announce(topic: string, payload: string): void
  queuedMessages(clientId: string): number
  /** From 0 up to 1. */
  random(): number
  /** Of a clock that is never set. */
  milliseconds(): number
}

export interface BridgeStatus extends Readonly<RelayCounters> {
  readonly name: string
  readonly state: 'connecting' | 'connected' | 'waiting' | 'closed'
  /** Milliseconds since 1970. */
  readonly since: number
  /** The address of the last try. */
  readonly address: string
  /** Why it is not connected. */
  readonly cause: string | null
  /** What waits for the other broker. */
  readonly queuedMessages: number
}

const DIAL_MS_MAX = 30_000

const LOOP =
  'a message has passed this broker before, and is not carried again: bridges join brokers in a ring'

/** What the session of a bridge is called here, and its user: no other client may have it. */
export function localIdOf(name: string): string {
  return `bridge:${name}`
}

// Wide on purpose: the state of a bridge, and what its next try needs.
export class Bridge {
  readonly #settings: BridgeSettings
  readonly #host: BridgeHost
  readonly #topics: BridgeTopics
  readonly #counters: RelayCounters = {
    messagesSent: 0,
    messagesReceived: 0,
    refusedThere: 0,
    refusedHere: 0,
    unmapped: 0,
    looped: 0,
  }
  #state: BridgeStatus['state'] = 'connecting'
  #since = Date.now()
  #cause: string | null = null
  #tries = 0
  /** When the connection that there is, or was, was made, in milliseconds of `host.milliseconds`; Infinity for none. */
  #connectedAt = Infinity
  #saysBridge: boolean
  /** There was no session here: one at the other broker is not of this bridge. */
  #isNew = false
  readonly #freshFilters = new Set<string>()
  #link: Link | null = null
  #timer: NodeJS.Timeout | undefined
  readonly #closing = new AbortController()

  constructor(settings: BridgeSettings, host: BridgeHost) {
    this.#settings = settings
    this.#host = host
    this.#topics = new BridgeTopics(settings.topics)
    this.#saysBridge = settings.bridgeBit
  }

  get status(): BridgeStatus {
    const { name } = this.#settings
    return {
      name,
      state: this.#state,
      since: this.#since,
      address: named(this.#address()),
      cause: this.#cause,
      queuedMessages: this.#host.queuedMessages(localIdOf(name)),
      ...this.#counters,
    }
  }

  /** Messages that are published here from now on wait for the first connection. */
  async start(): Promise<void> {
    this.#tell('0')
    const { name, cleanStart } = this.#settings
    const known = this.#host.session(localIdOf(name))
    this.#isNew = known === null
    const fresh = this.#topics.outgoing(2).filter(({ filter }) => !known?.filters.includes(filter))
    if (!cleanStart) {
      for (const { filter } of fresh) this.#freshFilters.add(filter)
      if (fresh.length > 0 || known === null) await this.#beginSession(fresh)
    }
    void this.#try()
  }

  /** A bridge that this broker refuses does not keep it from starting. */
  async #beginSession(requests: readonly SubscriptionRequest[]): Promise<void> {
    const { name } = this.#settings
    try {
      await beginSession(this.#host.open(), localIdOf(name), requests)
    } catch (error) {
      this.#host.log.error(
        { event: 'bridge.no-session', bridge: name, cause: thrownSentence(error) },
        'this broker keeps nothing for the bridge before its first connection',
      )
    }
  }

  close(): void {
    clearTimeout(this.#timer)
    this.#closing.abort()
    const link = this.#link
    this.#link = null
    if (link !== null && this.#settings.notifications === 'both')
      link.announce(this.#settings.notificationTopic, '0')
    link?.close()
    this.#is('closed')
  }

  #address(): Address {
    const { addresses } = this.#settings
    // A configuration without an address is refused.
    return addresses[this.#tries % addresses.length] as Address
  }

  async #try(): Promise<void> {
    this.#is('connecting')
    const { name, notifications, notificationTopic } = this.#settings
    const { log } = this.#host
    let link: Link | null = null
    try {
      const options = this.#linkOptions(sentence => this.#lost(sentence, link))
      if (options.version < 5 && !options.isClean && this.#isNew) {
        link = new Link(await this.#dial(), { ...options, ended: () => {} })
        this.#link = link
        await link.wipe()
      }
      link = new Link(await this.#dial(), options)
      this.#link = link
      await link.open()
    } catch (error) {
      this.#failed(error, link)
      return
    }
    this.#isNew = false
    this.#freshFilters.clear()
    this.#connectedAt = this.#host.milliseconds()
    this.#cause = null
    this.#is('connected')
    log.info(
      { event: 'bridge.connected', bridge: name, address: named(this.#address()) },
      'connected',
    )
    this.#tell('1')
    if (notifications === 'both') link.announce(notificationTopic, '1')
  }

  async #dial(): Promise<Duplex> {
    const stream = await dial(
      this.#address(),
      this.#settings.tls,
      DIAL_MS_MAX,
      this.#closing.signal,
    )
    if (this.#state !== 'closed') return stream
    stream.destroy()
    throw new Error('the bridge is closed')
  }

  #linkOptions(ended: (sentence: string) => void): LinkOptions {
    const { name, cleanStart: isClean, ...settings } = this.#settings
    const { log, ...host } = this.#host
    const localId = localIdOf(name)
    let hasLooped = false
    return {
      ...settings,
      topics: this.#topics,
      version: settings.protocol === '5' ? 5 : 4,
      saysBridge: this.#saysBridge,
      localId,
      password: passwordOf(settings),
      isClean,
      isNew: this.#isNew,
      freshFilters: this.#freshFilters,
      will: this.#will(),
      packetBytesMax: host.packetBytesMax,
      userPropertiesMax: host.paths.userPropertiesMax,
      receiveMax: host.receiveMax,
      paths: settings.loopProtection
        ? { ...host.paths, arriveThere: settings.protocol === '5' }
        : null,
      looped: topic => {
        if (hasLooped) return
        hasLooped = true
        log.warn({ event: 'bridge.loop', bridge: name, topic }, LOOP)
      },
      counters: this.#counters,
      openLocal: () => this.#host.open(),
      session: () => this.#host.session(localId),
      refused: (where, packetId, reason) => {
        log.warn(
          { event: 'bridge.message-refused', bridge: name, where, packetId, reason },
          where === 'there'
            ? 'the other broker refused a message: it is lost to it'
            : 'this broker refused a message of the other',
        )
      },
      filterRefused: (where, filter, reason) => {
        log.warn(
          { event: 'bridge.filter-refused', bridge: name, where, filter, reason },
          where === 'there'
            ? 'the other broker refuses a filter: nothing comes by it'
            : 'this broker refuses a filter of the bridge: nothing goes out by it',
        )
      },
      ended,
    }
  }

  #will(): Will | null {
    const { notifications, notificationTopic, retains } = this.#settings
    if (notifications !== 'both') return null
    const payload = Buffer.from('0')
    return { topic: notificationTopic, payload, qos: 1, retain: retains, properties: NO_PROPERTIES }
  }

  #failed(error: unknown, link: Link | null): void {
    const sentence = unreachedSentence(error)
    // mosquitto before 1.4, and others: then it is a client like any other.
    const isThere = error instanceof BridgeRefused && error.where === 'there'
    if (isThere && error.reason === UNSUPPORTED_PROTOCOL_VERSION) this.#saysBridge = false
    this.#lost(sentence, link)
  }

  #lost(sentence: string, link: Link | null): void {
    if (this.#state === 'closed' || link !== this.#link) return
    this.#link = null
    this.#cause = sentence
    const { name, restartSecondsMax } = this.#settings
    const fields = { event: 'bridge.lost', bridge: name, address: named(this.#address()) }
    // A broker that ends each connection soon is tried as seldom as one that is not there.
    const heldMs = this.#host.milliseconds() - this.#connectedAt
    if (heldMs > restartSecondsMax * 1_000) this.#tries = 0
    this.#connectedAt = Infinity
    const seconds = this.#pauseSeconds()
    this.#host.log.warn(
      { ...fields, cause: sentence, seconds: Math.round(seconds) },
      'the other broker is not connected: messages wait in the store',
    )
    this.#tries += 1
    this.#tell('0')
    this.#is('waiting')
    this.#timer = setTimeout(() => void this.#try(), seconds * 1_000)
  }

  /** Doubled with each try, and spread, so that bridges of many brokers do not come at once. */
  #pauseSeconds(): number {
    const { restartSecondsMin, restartSecondsMax, addresses } = this.#settings
    const rounds = Math.floor(this.#tries / addresses.length)
    const seconds = Math.min(restartSecondsMax, restartSecondsMin * 2 ** Math.min(rounds, 20))
    return seconds * (0.75 + this.#host.random() / 2)
  }

  #tell(state: '0' | '1'): void {
    const { notifications, notificationTopic } = this.#settings
    if (notifications !== 'none') this.#host.announce(notificationTopic, state)
  }

  #is(state: BridgeStatus['state']): void {
    if (this.#state === 'closed' || this.#state === state) return
    this.#state = state
    this.#since = Date.now()
  }
}

function named({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Throws an error of the system if the file cannot be read. */
function passwordOf(settings: Pick<BridgeSettings, 'password' | 'passwordFile'>): Buffer | null {
  const { password, passwordFile } = settings
  if (passwordFile === null) return password === null ? null : Buffer.from(password)
  return Buffer.from(readFileSync(passwordFile, 'utf8').split(/\r?\n/, 1)[0] ?? '')
}
