// The API for programs that embed the broker: publish, subscribe, serve streams, listen to events, give commands.

import { DRAIN_SECONDS_MAX } from '../api/contract/drain.ts'
import type { Server as HttpServer } from 'node:http'
import type { Socket } from 'node:net'
import { type Duplex, duplexPair } from 'node:stream'
import { plainAddress } from '../access/addresses.ts'
import { PROGRAM } from '../broker/admission.ts'
import { type BrokerEvents, type Observer, PROGRAM_EVENTS } from '../broker/observer.ts'
import type { Observers } from '../broker/observers.ts'
import type { Statistics } from '../broker/statistics.ts'
import type { Target } from '../session/target.ts'
import { nearest } from '../nearest.ts'
import { type Message, shownMessage } from '../message.ts'
import { wholeSubscription } from '../routing/subscription.ts'
import { parseFilter } from '../routing/topic.ts'
import type { Durability } from '../store/store.ts'
import type { Peer } from '../transport/wire.ts'
import { attach, type AttachOptions } from './attached.ts'
import { embeddingOf, type EmbedOptions } from './embed-options.ts'
import { type Guard, guardOf, Handlers } from './handlers.ts'
import type { Clients } from '../hooks/client.ts'
import type { HookName, Hooks } from '../hooks/contexts.ts'
import type { Decoration, Decorations } from '../hooks/decorators.ts'
import { type Plugin, type PluginOptions, PluginScope } from '../hooks/plugins.ts'
import { RetainedView } from '../hooks/retained-view.ts'
import { HOOK_NAMES } from '../hooks/registry.ts'
import { checkedReason } from '../loop/checked.ts'
import { checkedPublication, type Publication } from '../loop/publication.ts'
import {
  MessageStream,
  ProgramClient,
  type ProgramClientOptions,
  type SubscribeOptions,
} from './program-client.ts'
import { refusingPrototype, seal } from './sealed.ts'
import { Server } from './server.ts'

export type { BrokerEvents } from '../broker/observer.ts'
export type { Publication } from '../loop/publication.ts'

export type MessageHandler = (message: Message) => unknown

/**
 * Starts a broker inside this process. Without `listeners` it opens no port: hand it streams.
 * Rejects with an error that has a `code`: that of the system, `ERR_CONFIG`, `ERR_STORE_LOCKED`, or another `ERR_`.
 */
export async function createBroker(options: EmbedOptions = {}): Promise<EmbeddedBroker> {
  const { config, parts, log, hooks, setUp } = embeddingOf(options)
  const server: Server = new Server(config, log, { ...parts, setUp: async () => setUp(broker) })
  const broker = embedded(server)
  addAll(hooks, broker)
  await server.start()
  return broker
}

function addAll(hooks: Partial<Hooks>, broker: EmbeddedBroker): void {
  const add = <Name extends HookName>(name: Name): void => {
    const hook = hooks[name]
    if (hook !== undefined) broker.addHook(name, hook)
  }
  for (const name of HOOK_NAMES) add(name)
}

/** The types of the package show no constructor, and so nothing of the server. */
let embedded: (server: Server) => EmbeddedBroker

/** It has the members that the program has added by `decorate`. */
export interface EmbeddedBroker extends Decorations {}

// Wide on purpose: a method for each thing that a program may ask of its broker.
export class EmbeddedBroker {
  static {
    embedded = server => new EmbeddedBroker(server)
  }

  readonly #server: Server
  readonly #handlers: Handlers<BrokerEvents>
  readonly #guard: Guard
  readonly #scope: PluginScope<EmbeddedBroker>
  readonly #retained: RetainedView

  private constructor(server: Server) {
    const { faults } = server.core.broker
    this.#server = server
    this.#guard = guardOf(error => faults.failed('observer', error, null))
    this.#handlers = observingHandlers(faults.observers, this.#guard)
    this.#scope = new PluginScope<EmbeddedBroker>(
      this,
      server.hooks,
      { name: '', prefix: '' },
      null,
    )
    this.#retained = new RetainedView(server.core)
    seal(this, EmbeddedBroker.prototype)
  }

  get listeners(): readonly { readonly name: string; readonly port: number }[] {
    return this.#server.listeners
  }

  /** What an acknowledged message survives: see `Durability`. */
  get durability(): Durability {
    return this.#server.status.durability
  }

  get statistics(): Readonly<Statistics> {
    return this.#server.core.broker.statistics
  }

  get connectionCount(): number {
    return this.#server.connectionCount
  }

  /** The clients that are connected. */
  get clients(): Clients {
    return this.#server.hooks.clients
  }

  get retained(): RetainedView {
    return this.#retained
  }

  /** Connects a client in this process, without a socket. Without a user name it may do what the program may. */
  async connect(options: ProgramClientOptions = {}): Promise<ProgramClient> {
    const { statistics } = this.#server.core.broker
    const dropped = (): void => {
      statistics.dropped['outbox-full'] += 1
    }
    const [near, far] = duplexPair()
    const peer = this.#server.handle(far, { listener: 'program' })
    this.#server.hooks.clients.trust(peer)
    return new ProgramClient(near, dropped).connect(options)
  }

  /**
   * Yields the messages that match, from its first `next` on. Each one of QoS 1 or 2 is acknowledged when the next is asked for: a slow
   * program has a queue as a slow client has, with its bounds. With a client id and a session expiry it continues where it was left.
   */
  messages(filter: string, options: ProgramClientOptions & SubscribeOptions = {}): MessageStream {
    return new MessageStream(async () => {
      const client = await this.connect(options)
      try {
        await client.subscribe(filter, options)
      } catch (error) {
        await client.end()
        throw error
      }
      return client
    })
  }

  /**
   * Serves MQTT over WebSocket on a path of an HTTP server of the program. Returns how to detach it. Pages of other origins than this
   * machine need `origins`, or `hosts` with the names of this machine.
   */
  attach(server: HttpServer, path = '/mqtt', options: AttachOptions = {}): () => void {
    const { packetBytesMax, connectPacketBytesMax } = this.#server.core.broker.limits
    return attach(server, path, options, {
      wire: wire => this.#server.accept(wire),
      frameBytesMax: 2 * packetBytesMax,
      firstFrameBytesMax: 2 * connectPacketBytesMax,
    })
  }

  /** Adds a hook behind those of its name. Returns how to remove it. */
  addHook<Name extends HookName>(name: Name, hook: Hooks[Name]): () => void {
    return this.#scope.addHook(name, hook)
  }

  /** Calls a plugin when those before it are ready. Rejects with a PluginError that names it; then its hooks are removed. */
  async register<Options extends PluginOptions>(
    plugin: Plugin<EmbeddedBroker, Options>,
    ...options: Partial<Options> extends Options ? [options?: Options] : [options: Options]
  ): Promise<void> {
    await this.#scope.register(plugin, ...options)
  }

  /** Adds a member to the broker, and to the scopes of all plugins. Throws a PluginError if there is such a member. */
  decorate<Name extends string>(name: Name, value: Decoration<Name>): this {
    this.#scope.decorate(name, value)
    return this
  }

  hasDecorator(name: string): boolean {
    return this.#scope.hasDecorator(name)
  }

  on<Name extends keyof BrokerEvents>(
    name: Name,
    handler: (...args: BrokerEvents[Name]) => unknown,
  ): this {
    checkEvent(name)
    checkHandler(handler)
    this.#handlers.add(name, handler)
    return this
  }

  off<Name extends keyof BrokerEvents>(
    name: Name,
    handler: (...args: BrokerEvents[Name]) => unknown,
  ): this {
    checkEvent(name)
    this.#handlers.remove(name, handler)
    return this
  }

  /**
   * Publishes to all matching subscribers, at once and in order. Resolves with how many matched when the message is
   * stored as `durability` says: after its commit, or, if nothing must be stored, at the end of
   * the turn. Rejects for an invalid topic, while the disk is full, when the store fails, and once the broker closes.
   */
  async publish(publication: Publication): Promise<number> {
    const { topic, said } = checkedPublication(publication)
    const { receivers } = await this.#server.core.commands.publish(said, topic, PROGRAM)
    return receivers
  }

  /**
   * Ends the client's connection. A client of MQTT 5 gets 0x98 (Administrative action), and `reason` as Reason String.
   * Its will is published, and its session stays as long as it would without its client. Resolves with false when no
   * such client is connected.
   */
  async disconnectClient(clientId: string, reason?: string): Promise<boolean> {
    const sentence = checkedReason(reason)
    return this.#server.core.commands.disconnectClient(checkedClientId(clientId), sentence)
  }

  /** The same for its session, connected or away. Resolves with false when there is no such session. */
  async endSession(clientId: string, reason?: string): Promise<boolean> {
    const sentence = checkedReason(reason)
    return this.#server.core.commands.endSession(checkedClientId(clientId), sentence)
  }

  /**
   * Clears the retained messages that match the filter. Subscribers are not informed. Resolves with how many were cleared when
   * that is stored.
   */
  async clearRetained(filter: string): Promise<number> {
    return this.#server.core.commands.clearRetained(checkedFilter(filter))
  }

  /**
   * Calls the handler for every message that matches, and that `where` wants, at once and in order. Returns how to stop it.
   * Throws for an expression that cannot be read.
   */
  subscribe(
    filter: string,
    handler: MessageHandler,
    options: { readonly where?: string } = {},
  ): () => void {
    checkedFilter(filter)
    checkHandler(handler)
    const subscription = wholeSubscription(filter, this.#checkedWhere(options.where))
    const target: Target = {
      clientId: null,
      isDurable: false,
      hasRoomFor: () => true,
      deliver: message => this.#guard(() => handler(shownMessage(message))),
    }
    const { broker } = this.#server.core
    broker.subscriptions.listen(target, subscription)
    return () => broker.subscriptions.unlisten(target, subscription)
  }

  #checkedWhere(where: unknown): string | undefined {
    if (where === undefined) return undefined
    if (typeof where !== 'string') throw new TypeError('where must be a string')
    const fault = this.#server.core.broker.expressions.faultOf(where)
    if (fault === null) return where
    throw new TypeError(fault)
  }

  /** Serves the client at the other end of a stream. */
  handle(stream: Duplex, peer: Partial<Peer> = {}): void {
    this.#server.handle(stream, { ...peerOf(stream), ...peer })
  }

  /**
   * Returns a link that signs a browser in to the dashboard once, within 10 minutes. Null if no listener has the protocol ws, or if
   * `dashboard.enabled` is false.
   */
  dashboardLink(role: 'viewer' | 'operator' = 'operator'): string | null {
    const given: string = role
    if (given !== 'viewer' && given !== 'operator') {
      throw new TypeError('the role is viewer or operator')
    }
    return this.#server.api.newLink(role)
  }

  async reloadCertificates(): Promise<void> {
    await this.#server.reloadCertificates()
  }

  /**
   * Lets no more clients in and disconnects all in waves, before a planned stop; at least so many seconds are used for it.
   * Clients of MQTT 5 are told 0x8B, or 0x9D with `shutdown.serverReference`. Resolves when no client is connected.
   */
  async drain(options: { readonly seconds?: number } = {}): Promise<void> {
    await this.#server.drain(checkedSeconds(options.seconds))
  }

  async close(): Promise<void> {
    await this.#server.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }
}

/** The address of the peer, when the stream is a socket. Throws when it is no stream. */
function peerOf(stream: Duplex): Partial<Peer> {
  if (typeof (stream as Partial<Duplex> | null)?.pipe !== 'function') {
    throw new TypeError('broker.handle takes a duplex stream')
  }
  const { remoteAddress, remotePort } = stream as Partial<Socket>
  return {
    ...(remoteAddress === undefined ? {} : { address: plainAddress(remoteAddress) }),
    ...(remotePort === undefined ? {} : { port: remotePort }),
  }
}

function checkedFilter(filter: string): string {
  const parsed = typeof filter === 'string' ? parseFilter(filter) : null
  if (parsed?.shareName === null) return filter
  throw new TypeError(`${JSON.stringify(filter)} is no topic filter for a program`)
}

function checkedClientId(clientId: unknown): string {
  if (typeof clientId === 'string') return clientId
  throw new TypeError('the client id must be a string')
}

function checkedSeconds(seconds: unknown = 0): number {
  const isSo = typeof seconds === 'number' && seconds >= 0 && seconds <= DRAIN_SECONDS_MAX
  if (isSo) return seconds
  throw new TypeError(`seconds must be a number from 0 to ${DRAIN_SECONDS_MAX}`)
}

function checkHandler(handler: unknown): void {
  if (typeof handler !== 'function') throw new TypeError('a handler must be a function')
}

function checkEvent(name: string): void {
  if (Object.hasOwn(PROGRAM_EVENTS, name)) return
  const names = Object.keys(PROGRAM_EVENTS)
  const meant = nearest(name, names)
  const hint = meant === null ? `one of ${names.join(', ')}` : `did you mean ${meant}?`
  throw new TypeError(`the broker has no event ${JSON.stringify(name)} (${hint})`)
}

const MEMBERS = Object.getOwnPropertyNames(EmbeddedBroker.prototype)
Object.setPrototypeOf(EmbeddedBroker.prototype, refusingPrototype(MEMBERS))

/** An event without handlers is not observed, so that it costs the broker nothing. */
function observingHandlers(observers: Observers, guard: Guard): Handlers<BrokerEvents> {
  const handlers = new Handlers<BrokerEvents>(guard, name => {
    const observer = observerOf(name, handlers)
    observers.add(observer)
    return () => observers.remove(observer)
  })
  return handlers
}

function observerOf<Name extends keyof BrokerEvents>(
  name: Name,
  handlers: Handlers<BrokerEvents>,
): Observer {
  const tell = (...args: BrokerEvents[Name]): void => {
    handlers.emit(name, ...PROGRAM_EVENTS[name].owned(args))
  }
  return { [name]: tell }
}
