// The broker as a program embeds it: publish, subscribe, hand over streams, hear what happens.

import { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import type { ClientFacts, Observer } from '../broker/observer.ts'
import type { Statistics } from '../broker/statistics.ts'
import type { Target } from '../broker/target.ts'
import type { ConfigInput } from '../config/config.ts'
import { parseConfig } from '../config/parse.ts'
import { refusalOf, retainRefusal, storeRefusal } from '../connection/publish.ts'
import { makeMessage, type Message, owningBytes } from '../message.ts'
import type { ReasonCode } from '../packet/reason.ts'
import type { Log } from '../observe/log.ts'
import { type Subscription, wholeSubscription } from '../routing/subscription.ts'
import { parseFilter } from '../routing/topic.ts'
import type { DropReason } from '../session/session-context.ts'
import type { Durability, Store } from '../store/store.ts'
import type { Peer } from '../transport/wire.ts'
import { checkedPublication, type Publication } from './publication.ts'
import { Server, type ServerParts } from './server.ts'

export type { Publication } from './publication.ts'

/** Event names and what their listeners are given. */
export interface BrokerEvents {
  connected: [client: ClientFacts, sessionPresent: boolean]
  disconnected: [client: ClientFacts, reason: ReasonCode, sentence: string]
  refused: [client: ClientFacts, reason: ReasonCode, sentence: string]
  subscribed: [clientId: string, subscription: Subscription]
  subscribeRefused: [clientId: string, filter: string, reason: ReasonCode, sentence: string]
  unsubscribed: [clientId: string, filter: string]
  published: [message: Message, receivers: number]
  publishRefused: [clientId: string, topic: string, reason: ReasonCode, sentence: string]
  dropped: [reason: DropReason, message: Message, clientId: string | null]
}

export type EmbedOptions = Omit<ConfigInput, 'store'> &
  Omit<ServerParts, 'observer' | 'store'> & {
    readonly log?: Log
    /** A store of your own, or how the broker is to store. Default: in memory. */
    readonly store?: Store | ConfigInput['store']
  }

/** Its own topics apart, the embedding program may publish to all. */
const PROGRAM = { permissions: { mayPublish: () => true, maySubscribe: () => true } }

export type MessageHandler = (message: Message) => void

const SILENT: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** Starts a broker inside this process. Without `listeners` it opens no port: hand it streams. */
export async function createBroker(options: EmbedOptions = {}): Promise<EmbeddedBroker> {
  const { log, access, store, commitFailed, ...input } = options
  const isOwn = store !== undefined && 'commit' in store
  const config = parseConfig({
    listeners: [],
    ...input,
    store: store === undefined || isOwn ? { durability: 'memory' } : store,
  })
  const events = new EventEmitter<BrokerEvents>()
  const guard = guardOf(log ?? SILENT)
  const parts: ServerParts = {
    observer: observerOf(events, guard),
    ...(access === undefined ? {} : { access }),
    ...(isOwn ? { store } : {}),
    ...(commitFailed === undefined ? {} : { commitFailed }),
  }
  const server = new Server(config, log ?? SILENT, parts)
  await server.start()
  return new EmbeddedBroker(server, events, guard)
}

export class EmbeddedBroker {
  readonly #server: Server
  readonly #events: EventEmitter<BrokerEvents>
  readonly #guard: Guard

  constructor(server: Server, events: EventEmitter<BrokerEvents>, guard: Guard) {
    this.#server = server
    this.#events = events
    this.#guard = guard
  }

  get listeners(): readonly { readonly name: string; readonly port: number }[] {
    return this.#server.listeners
  }

  /** What an acknowledgement promises: `fsync`, `os` or `memory`. */
  get durability(): Durability {
    return this.#server.status.durability
  }

  get statistics(): Readonly<Statistics> {
    return this.#server.broker.statistics
  }

  get connectionCount(): number {
    return this.#server.connectionCount
  }

  on<Name extends keyof BrokerEvents>(
    name: Name,
    listener: (...facts: BrokerEvents[Name]) => void,
  ): this {
    listenersOf(this.#events).on(name, listener)
    return this
  }

  off<Name extends keyof BrokerEvents>(
    name: Name,
    listener: (...facts: BrokerEvents[Name]) => void,
  ): this {
    listenersOf(this.#events).off(name, listener)
    return this
  }

  /**
   * Publishes to everybody who matches and returns how many that were. Throws a TypeError for what MQTT cannot say, and
   * an Error for what would be refused to a client as well: too many levels, no room, a full disk.
   */
  publish(publication: Publication): number {
    const { topic, said } = checkedPublication(publication)
    const { broker, turn } = this.#server
    turn.begin()
    const refusal = refusalOf(said, topic, PROGRAM, broker)
    if (refusal !== null) throw new Error(refusal.sentence)
    const message = makeMessage(said, topic, null, broker)
    const noRoom = retainRefusal(message, broker) ?? storeRefusal(message, broker)
    if (noRoom !== null) throw new Error(noRoom.sentence)
    return broker.publish(message)
  }

  /** Calls the handler for every message that matches, at once and in order. Returns how to stop it. */
  subscribe(filter: string, handler: MessageHandler): () => void {
    const parsed = parseFilter(filter)
    if (parsed === null || parsed.shareName !== null) {
      throw new TypeError(`${JSON.stringify(filter)} is no topic filter for a handler`)
    }
    const target: Target = {
      clientId: null,
      isDurable: false,
      deliver: message => this.#guard(() => handler(owningBytes(message))),
    }
    const { broker } = this.#server
    broker.subscriptions.listen(target, wholeSubscription(filter))
    return () => broker.subscriptions.unlisten(target, filter)
  }

  /** Serves the client at the other end of a stream. */
  handle(stream: Duplex, peer: Partial<Peer> = {}): void {
    this.#server.handle(stream, peer)
  }

  async reloadCertificates(): Promise<void> {
    await this.#server.reloadCertificates()
  }

  async close(): Promise<void> {
    await this.#server.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** The emitter without its types: they ask for a listener in a form that a type parameter cannot be shown to have. */
function listenersOf(events: EventEmitter<BrokerEvents>): EventEmitter {
  return events as unknown as EventEmitter
}

/** Runs what the embedding program gave us: its faults are logged and stay its own. */
type Guard = (run: () => void) => void

function guardOf(log: Log): Guard {
  return run => {
    try {
      run()
    } catch (error) {
      const cause = error instanceof Error ? error.stack : String(error)
      log.error({ event: 'embedder.fault', cause }, 'a handler of the embedding program has thrown')
    }
  }
}

function observerOf(events: EventEmitter<BrokerEvents>, guard: Guard): Observer {
  const told =
    <Name extends keyof BrokerEvents>(name: Name) =>
    (...facts: BrokerEvents[Name]): void =>
      guard(() => listenersOf(events).emit(name, ...facts))
  return {
    connected: told('connected'),
    disconnected: told('disconnected'),
    refused: told('refused'),
    subscribed: told('subscribed'),
    subscribeRefused: told('subscribeRefused'),
    unsubscribed: told('unsubscribed'),
    // What the program hears it may keep; where it does not listen, nothing is made for it.
    published: (message, receivers) => {
      if (events.listenerCount('published') > 0) told('published')(owningBytes(message), receivers)
    },
    publishRefused: told('publishRefused'),
    dropped: (reason, message, clientId) => {
      if (events.listenerCount('dropped') > 0)
        told('dropped')(reason, owningBytes(message), clientId)
    },
  }
}
