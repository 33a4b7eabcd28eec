// The broker as a program embeds it: publish, subscribe, hand over streams, hear what happens.

import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { UNRESTRICTED } from '../access/permissions.ts'
import type { ClientFacts, Observer } from '../broker/observer.ts'
import type { Statistics } from '../broker/statistics.ts'
import type { Target } from '../session/target.ts'
import { nearest } from '../config/nearest.ts'
import { refusalOf, retainRefusal, storeRefusal } from '../connection/publish.ts'
import { makeMessage, type Message, owningBytes } from '../message.ts'
import type { ReasonCode } from '../packet/reason.ts'
import { type Subscription, wholeSubscription } from '../routing/subscription.ts'
import { parseFilter } from '../routing/topic.ts'
import type { DropReason } from '../session/session-context.ts'
import type { Durability } from '../store/store.ts'
import type { Peer } from '../transport/wire.ts'
import { embeddingOf, type EmbedOptions } from './embed-options.ts'
import { type Guard, guardOf, Handlers } from './handlers.ts'
import { checkedPublication, type Publication } from './publication.ts'
import { refusingPrototype, seal } from './sealed.ts'
import { Server } from './server.ts'

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

/** Its own topics apart, the embedding program may publish to all. */
const PROGRAM = { clientId: null, permissions: UNRESTRICTED }

export type MessageHandler = (message: Message) => unknown

const EVENTS: readonly (keyof BrokerEvents)[] = [
  'connected',
  'disconnected',
  'refused',
  'subscribed',
  'unsubscribed',
  'published',
  'publishRefused',
  'dropped',
]

/**
 * Starts a broker inside this process. Without `listeners` it opens no port: hand it streams.
 * Rejects with an error that has a `code`: that of the system, `ERR_CONFIG`, `ERR_STORE_LOCKED`, or another `ERR_`.
 */
export async function createBroker(options: EmbedOptions = {}): Promise<EmbeddedBroker> {
  const { config, parts, log } = embeddingOf(options)
  let server: Server | null = null
  const guard = guardOf(error => server?.core.broker.faults.failed('observer', error, null))
  const handlers = new Handlers<BrokerEvents>(guard)
  server = new Server(config, log, { ...parts, observer: observerOf(handlers) })
  await server.start()
  return new EmbeddedBroker(server, handlers, guard)
}

export class EmbeddedBroker {
  readonly #server: Server
  readonly #handlers: Handlers<BrokerEvents>
  readonly #guard: Guard

  /** @internal */
  constructor(server: Server, handlers: Handlers<BrokerEvents>, guard: Guard) {
    this.#server = server
    this.#handlers = handlers
    this.#guard = guard
    seal(this, EmbeddedBroker.prototype)
  }

  get listeners(): readonly { readonly name: string; readonly port: number }[] {
    return this.#server.listeners
  }

  /** What an acknowledgement promises: `fsync`, `os` or `memory`. */
  get durability(): Durability {
    return this.#server.status.durability
  }

  get statistics(): Readonly<Statistics> {
    return this.#server.core.broker.statistics
  }

  get connectionCount(): number {
    return this.#server.connectionCount
  }

  on<Name extends keyof BrokerEvents>(
    name: Name,
    handler: (...facts: BrokerEvents[Name]) => unknown,
  ): this {
    checkEvent(name)
    checkHandler(handler)
    this.#handlers.add(name, handler)
    return this
  }

  off<Name extends keyof BrokerEvents>(
    name: Name,
    handler: (...facts: BrokerEvents[Name]) => unknown,
  ): this {
    checkEvent(name)
    this.#handlers.remove(name, handler)
    return this
  }

  /**
   * Publishes to everybody who matches, at once and in order. Resolves with how many that were when all of it is
   * stored as `durability` says: after the commit that holds it, or, where nothing must be stored, at the end of
   * the turn. Rejects for an invalid topic, while the disk is full, when the store fails, and once the broker closes.
   */
  async publish(publication: Publication): Promise<number> {
    this.#server.mustBeOpen()
    const { journal } = this.#server.core.broker
    const before = journal.length
    const receivers = this.#publish(publication)
    await this.#server.committed(journal.length > before ? journal.current : 0)
    return receivers
  }

  #publish(publication: Publication): number {
    const { topic, said } = checkedPublication(publication)
    const { broker, turn } = this.#server.core
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
    checkHandler(handler)
    const target: Target = {
      clientId: null,
      isDurable: false,
      deliver: message => this.#guard(() => handler(owningBytes(message))),
    }
    const { broker } = this.#server.core
    broker.subscriptions.listen(target, wholeSubscription(filter))
    return () => broker.subscriptions.unlisten(target, filter)
  }

  /** Serves the client at the other end of a stream. */
  handle(stream: Duplex, peer: Partial<Peer> = {}): void {
    this.#server.handle(stream, { ...peerOf(stream), ...peer })
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

/** What the stream itself tells, when it is a socket. Throws when it is no stream. */
function peerOf(stream: Duplex): Partial<Peer> {
  if (typeof (stream as Partial<Duplex> | null)?.pipe !== 'function') {
    throw new TypeError('broker.handle takes a duplex stream')
  }
  const { remoteAddress, remotePort } = stream as Partial<Socket>
  return {
    ...(remoteAddress === undefined ? {} : { address: remoteAddress.replace(/^::ffff:/, '') }),
    ...(remotePort === undefined ? {} : { port: remotePort }),
  }
}

function checkHandler(handler: unknown): void {
  if (typeof handler !== 'function') throw new TypeError('a handler must be a function')
}

function checkEvent(name: string): void {
  if (EVENTS.some(each => each === name)) return
  const meant = nearest(name, EVENTS)
  const hint = meant === null ? `one of ${EVENTS.join(', ')}` : `did you mean ${meant}?`
  throw new TypeError(`the broker has no event ${JSON.stringify(name)} (${hint})`)
}

const MEMBERS = Object.getOwnPropertyNames(EmbeddedBroker.prototype)
Object.setPrototypeOf(EmbeddedBroker.prototype, refusingPrototype(MEMBERS))

function observerOf(handlers: Handlers<BrokerEvents>): Observer {
  return {
    connected: (...facts) => handlers.tell('connected', ...facts),
    disconnected: (...facts) => handlers.tell('disconnected', ...facts),
    refused: (...facts) => handlers.tell('refused', ...facts),
    subscribed: (...facts) => handlers.tell('subscribed', ...facts),
    subscribeRefused: (...facts) => handlers.tell('subscribeRefused', ...facts),
    unsubscribed: (...facts) => handlers.tell('unsubscribed', ...facts),
    // What the program hears it may keep; where it does not listen, nothing is made for it.
    published: (message, receivers) => {
      if (handlers.has('published')) handlers.tell('published', owningBytes(message), receivers)
    },
    publishRefused: (...facts) => handlers.tell('publishRefused', ...facts),
    dropped: (reason, message, clientId) => {
      if (handlers.has('dropped')) handlers.tell('dropped', reason, owningBytes(message), clientId)
    },
  }
}
