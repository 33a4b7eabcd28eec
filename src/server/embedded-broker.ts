// The broker as a program embeds it: publish, subscribe, hand over streams, hear what happens.

import { EventEmitter } from 'node:events'
import type { Duplex } from 'node:stream'
import type { ClientFacts, Observer } from '../broker/observer.ts'
import type { Statistics } from '../broker/statistics.ts'
import type { Target } from '../broker/target.ts'
import type { ConfigInput } from '../config/config.ts'
import { parseConfig } from '../config/parse.ts'
import { type Message, owningBytes } from '../message.ts'
import { NO_PROPERTIES, type Properties, type QoS } from '../packet/packet.ts'
import type { ReasonCode } from '../packet/reason.ts'
import type { Log } from '../observe/log.ts'
import { type Subscription, wholeSubscription } from '../routing/subscription.ts'
import { isTopicName, parseFilter } from '../routing/topic.ts'
import type { DropReason } from '../session/session-context.ts'
import type { Durability, Store } from '../store/store.ts'
import type { Peer } from '../transport/wire.ts'
import { Server, type ServerParts } from './server.ts'

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

/** A message that the embedding program publishes. */
export interface Publication {
  readonly topic: string
  readonly payload: Buffer | string
  readonly qos?: QoS
  readonly retain?: boolean
  readonly properties?: Properties
}

export type EmbedOptions = Omit<ConfigInput, 'store'> &
  Omit<ServerParts, 'observer' | 'store'> & {
    readonly log?: Log
    /** A store of your own, or how the broker is to store. Default: in memory. */
    readonly store?: Store | ConfigInput['store']
  }

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

  /** Publishes to everybody who matches and returns how many that were. Throws for an invalid topic, and while the disk is full. */
  publish(publication: Publication): number {
    const { topic, payload, qos = 0, retain = false, properties = NO_PROPERTIES } = publication
    if (!isTopicName(topic)) throw new TypeError(`${JSON.stringify(topic)} is no topic name`)
    const { broker, turn } = this.#server
    turn.begin()
    const { messageExpiryInterval, ...forwarded } = properties
    const expiresAt =
      messageExpiryInterval === undefined ? Infinity : broker.now + messageExpiryInterval * 1_000
    const message: Message = {
      topic,
      payload: Buffer.from(payload),
      qos,
      retain,
      properties: Object.keys(forwarded).length === 0 ? NO_PROPERTIES : forwarded,
      publisher: null,
      expiresAt,
      sequence: broker.nextSequence(),
    }
    if (broker.storeIsFull && broker.mustStore(message)) {
      throw new Error('the disk is full, and the message must be stored')
    }
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
