// The class of aedes 1.2 over the engine of Pondhawk, for programs that were written for aedes: `import { Aedes } from 'pondhawk/aedes'`.

import { randomUUID } from 'node:crypto'
import { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { type Duplex, PassThrough } from 'node:stream'
import { plainAddress } from '../access/addresses.ts'
import { PROGRAM } from '../broker/admission.ts'
import { checkedPublication } from '../loop/publication.ts'
import { makeMessage } from '../message.ts'
import { VERSION } from '../observe/version.ts'
import type { QoS } from '../packet/packet.ts'
import { isFailure } from '../packet/reason.ts'
import { type Subscription, wholeSubscription } from '../routing/subscription.ts'
import { parseFilter } from '../routing/topic.ts'
import { embeddingOf } from '../server/embed-options.ts'
import { Server as Engine } from '../server/server.ts'
import type { Target } from '../session/target.ts'
import { type Admitting, aedesAccess } from './admitting.ts'
import { settle } from './callbacks.ts'
import { AedesClient, type ClientHost } from './client.ts'
import {
  DEFAULT_HANDLERS,
  deliverHook,
  type Handling,
  publishHook,
  subscribeHook,
} from './handlers.ts'
import { EventQueue, type EventsOf, observerFor } from './events.ts'
import { type AedesHandlers, type AedesOptions, checkOptions, embedOptionsOf } from './options.ts'
import {
  type AedesPublishPacket,
  type AedesSubscription,
  packetOfMessage,
  publicationOf,
  type PublishPacket,
} from './packets.ts'

export type { AedesHandlers, AedesOptions, AuthenticateError } from './options.ts'
export { AedesClient } from './client.ts'
export type {
  AedesConnectPacket,
  AedesProperties,
  AedesPublishPacket,
  AedesSubscription,
  PublishPacket,
} from './packets.ts'

const SYS = '$SYS/'
const HEARTBEAT_MS = 60_000

type AedesEvents = EventsOf<AedesClient<Aedes>>
export type { AedesEvents }

type Done = (error?: Error) => void
type DeliverFunction = (packet: AedesPublishPacket, done: () => void) => void

// Wide on purpose: the members that programs for aedes use.
export class Aedes extends EventEmitter<AedesEvents> implements ClientHost, Handling, Admitting {
  readonly id: string
  readonly opts: AedesOptions
  /** The clients that are connected, by client id. */
  readonly clients: Record<string, AedesClient<Aedes>> = Object.create(null) as Record<
    string,
    AedesClient<Aedes>
  >
  /** The brokers that have sent a heartbeat: this one. */
  readonly brokers: Record<string, number> = Object.create(null) as Record<string, number>
  connectedClients = 0
  /** Until `listen` has resolved, and after `close`. */
  closed = true
  preConnect: AedesHandlers['preConnect']
  authenticate: AedesHandlers['authenticate']
  authorizePublish: AedesHandlers['authorizePublish']
  authorizeSubscribe: AedesHandlers['authorizeSubscribe']
  published: AedesHandlers['published']
  /** Serves the client of a stream: `net.createServer(broker.handle)`. */
  readonly handle: (conn: Duplex, req?: IncomingMessage) => AedesClient<Aedes>
  #authorizeForward: AedesHandlers['authorizeForward']
  #counter = 0
  #engine: Engine | null = null
  #starting: Promise<Engine> | null = null
  #isClosing = false
  #heartbeat: NodeJS.Timeout | undefined
  readonly #queue: EventQueue
  readonly #byPeer = new WeakMap<object, AedesClient<Aedes>>()
  readonly #listeners = new Map<DeliverFunction, Map<string, () => void>>()
  #stopForwarding: (() => void) | null = null
  #started: (engine: Engine) => void = () => {}
  #failed: (error: unknown) => void = () => {}
  /** Of the engine. Streams may be handed over before `listen`. */
  readonly #ready: Promise<Engine>

  constructor(options: AedesOptions = {}) {
    super()
    checkOptions(options)
    this.opts = options
    this.id = options.id ?? randomUUID()
    const handlers = { ...DEFAULT_HANDLERS, ...given(options) }
    this.preConnect = handlers.preConnect
    this.authenticate = handlers.authenticate
    this.authorizePublish = handlers.authorizePublish
    this.authorizeSubscribe = handlers.authorizeSubscribe
    this.published = handlers.published
    this.#authorizeForward = handlers.authorizeForward
    this.handle = (conn, req) => this.#handle(conn, req)
    this.#queue = new EventQueue(error =>
      this.#engine?.core.broker.faults.failed('observer', error, null),
    )
    this.#ready = new Promise((started, failed) => {
      this.#started = started
      this.#failed = failed
    })
    this.#ready.catch(() => {})
  }

  static async createBroker(options: AedesOptions = {}): Promise<Aedes> {
    const broker = new Aedes(options)
    await broker.listen()
    return broker
  }

  get version(): string {
    return VERSION
  }

  get authorizeForward(): AedesHandlers['authorizeForward'] {
    return this.#authorizeForward
  }

  /** Costs each delivery something, so it is asked only when there is one. */
  set authorizeForward(handler: AedesHandlers['authorizeForward']) {
    this.#authorizeForward = handler
    this.#forward()
  }

  get mq(): never {
    throw new TypeError('pondhawk/aedes has no mq: messages are routed by the broker itself')
  }

  get persistence(): never {
    throw new TypeError('pondhawk/aedes has no persistence: use pondhawk: { store: { directory } }')
  }

  /** Starts the broker. It opens no port. */
  async listen(): Promise<void> {
    this.#starting ??= this.#start()
    await this.#starting
  }

  async #start(): Promise<Engine> {
    try {
      const { config, parts, log } = embeddingOf(embedOptionsOf(this.opts))
      const engine = new Engine(config, log, { ...parts, access: aedesAccess(this) })
      const owner = { name: 'aedes', prefix: '' }
      engine.hooks.add('onPublish', publishHook(this), owner)
      engine.hooks.add('onSubscribe', subscribeHook(this), owner)
      engine.core.broker.faults.observers.add(observerFor(this, this.#queue))
      this.#engine = engine
      this.#forward()
      await engine.start()
      this.closed = false
      this.#started(engine)
      this.#beat('birth')
      const everyMs = this.opts.heartbeatInterval ?? HEARTBEAT_MS
      this.#heartbeat = setInterval(() => this.#beat('heartbeat'), everyMs).unref()
      return engine
    } catch (error) {
      this.#failed(error)
      throw error
    }
  }

  /** Publishes for the program. `done` is called when the message is stored, if it must be. */
  publish(packet: PublishPacket, client?: AedesClient | Done | null, done?: Done): void {
    settle(this.#publish(packet), typeof client === 'function' ? client : done)
  }

  async #publish(packet: PublishPacket): Promise<void> {
    const { topic, said } = checkedPublication(publicationOf(packet))
    const { core } = this.#engine ?? (await this.#ready)
    if (!topic.startsWith(SYS)) {
      await core.commands.publish(said, topic, PROGRAM)
      return
    }
    // aedes lets programs publish there. What is retained there is not stored, as what the broker publishes about itself.
    core.turn.begin()
    const { publishing } = core.broker
    if (said.retain) publishing.announce(topic, said.payload)
    else publishing.publish(makeMessage({ ...said, qos: 0 }, topic, null, core.broker))
  }

  /** Calls the function for each message that matches. With `#` also for those of `$SYS`. */
  subscribe(topic: string, deliver: DeliverFunction, done?: () => void): void {
    settle(this.#listen(topic, deliver), done)
  }

  unsubscribe(topic: string, deliver: DeliverFunction, done?: () => void): void {
    settle(this.#unlisten(topic, deliver), done)
  }

  async #listen(topic: string, deliver: DeliverFunction): Promise<void> {
    if (parseFilter(topic)?.shareName !== null) {
      throw new Error(`${JSON.stringify(topic)} is no topic filter for a program`)
    }
    const { subscriptions } = (await this.#ready).core.broker
    const filters = topic === '#' ? ['#', `${SYS}#`] : [topic]
    const target: Target = {
      clientId: null,
      isDurable: false,
      hasRoomFor: () => true,
      deliver: message => {
        const packet = packetOfMessage(this.#queue.owned(message), this)
        this.#queue.add(() => deliver(packet, () => {}))
      },
    }
    for (const filter of filters) subscriptions.listen(target, wholeSubscription(filter))
    const stops = this.#listeners.get(deliver) ?? new Map<string, () => void>()
    stops.get(topic)?.()
    stops.set(topic, () => {
      for (const filter of filters) subscriptions.unlisten(target, wholeSubscription(filter))
    })
    this.#listeners.set(deliver, stops)
  }

  async #unlisten(topic: string, deliver: DeliverFunction): Promise<void> {
    await this.#ready
    const stops = this.#listeners.get(deliver)
    stops?.get(topic)?.()
    stops?.delete(topic)
    if (stops?.size === 0) this.#listeners.delete(deliver)
  }

  close(done?: () => void): void {
    if (this.#isClosing || this.#starting === null) {
      done?.()
      return
    }
    this.#isClosing = true
    this.closed = true
    settle(this.#close(this.#starting), () => done?.())
  }

  async #close(starting: Promise<Engine>): Promise<void> {
    try {
      const engine = await starting
      // It may have started only now.
      this.closed = true
      clearInterval(this.#heartbeat)
      await engine.close()
    } catch (error) {
      this.#engine?.core.broker.faults.failed('observer', error, null)
    }
    this.#queue.flush()
    this.emit('closed')
  }

  #handle(conn: Duplex, req?: IncomingMessage): AedesClient<Aedes> {
    const client = new AedesClient<Aedes>(this, conn, req)
    Object.assign(conn, { client })
    conn.on('error', error => {
      client.refusal ??= error
    })
    const serve = (engine: Engine): void => {
      const { remoteAddress, remotePort } = (req?.socket ?? conn) as Partial<Socket>
      const peer = engine.handle(conn, {
        ...(remoteAddress !== undefined && { address: plainAddress(remoteAddress) }),
        ...(remotePort !== undefined && { port: remotePort }),
      })
      this.#byPeer.set(peer, client)
    }
    if (this.#engine !== null && !this.closed) serve(this.#engine)
    else this.#ready.then(serve, () => conn.destroy())
    return client
  }

  clientAt(peer: object): AedesClient<Aedes> {
    const known = this.#byPeer.get(peer)
    if (known !== undefined) return known
    // It has come by a listener of Pondhawk, so there is no stream of the program.
    const client = new AedesClient<Aedes>(this, new PassThrough(), undefined)
    this.#byPeer.set(peer, client)
    return client
  }

  clientOf(clientId: string): AedesClient<Aedes> | null {
    const holder = this.#engine?.core.broker.sessions.holderOf(clientId) ?? null
    return holder === null ? null : this.clientAt(holder.peer)
  }

  /** Returns a subscription of a client, connected or away. */
  subscriptionAt(clientId: string, filter: string): Subscription | null {
    const session = this.#engine?.core.broker.sessions.get(clientId)
    return session?.subscriptions.get(filter) ?? null
  }

  nextCounter(): number {
    this.#counter += 1
    return this.#counter
  }

  flush(): void {
    this.#queue.flush()
  }

  refused(client: AedesClient<Aedes>, returnCode: number): void {
    const packet = { cmd: 'connack' as const, returnCode, sessionPresent: false }
    this.#queue.add(() => this.emit('connackSent', packet, client))
  }

  /** Publishes in `$SYS`, as aedes does about itself. */
  announce(topic: string, payload: string): void {
    this.publish({ topic: `${SYS}${this.id}/${topic}`, payload })
  }

  #beat(topic: 'birth' | 'heartbeat'): void {
    this.brokers[this.id] = Date.now()
    this.announce(topic, this.id)
  }

  #forward(): void {
    this.#stopForwarding?.()
    const isDefault = this.#authorizeForward === DEFAULT_HANDLERS.authorizeForward
    const hooks = this.#engine?.hooks
    this.#stopForwarding =
      isDefault || hooks === undefined
        ? null
        : hooks.add('onDeliver', deliverHook(this), { name: 'aedes', prefix: '' })
  }

  async publishTo(client: AedesClient, packet: PublishPacket): Promise<void> {
    const { topic, said } = checkedPublication({ ...publicationOf(packet), retain: false })
    const { commands, broker } = (await this.#ready).core
    const holder = broker.sessions.holderOf(client.id ?? '')
    const isSent =
      holder !== null &&
      this.clientAt(holder.peer) === client &&
      (await commands.publishTo(client.id ?? '', said, topic, holder.peer))
    if (!isSent) throw new Error('the client is not connected')
  }

  async subscribeFor(client: AedesClient, list: AedesSubscription[]): Promise<void> {
    const { commands } = (await this.#ready).core
    const granted: AedesSubscription[] = []
    for (const { topic, qos, rh = 0, rap = false, nl = false } of list) {
      const parsed = parseFilter(topic)
      if (parsed === null) throw new Error(`${JSON.stringify(topic)} is no topic filter`)
      const reason = await commands.subscribeFor(client.id ?? '', {
        ...parsed,
        filter: topic,
        qos: qos === 128 ? 0 : qos,
        noLocal: nl,
        retainAsPublished: rap,
        retainHandling: rh === 1 || rh === 2 ? rh : 0,
        identifier: 0,
      })
      granted.push({ topic, qos: isFailure(reason) ? 128 : qos, rh, rap, nl })
    }
    this.emit('subscribe', granted, client as AedesClient<Aedes>)
  }

  async unsubscribeFor(client: AedesClient, filters: string[]): Promise<void> {
    const { commands } = (await this.#ready).core
    for (const filter of filters) await commands.unsubscribeFor(client.id ?? '', filter)
    this.emit('unsubscribe', filters, client as AedesClient<Aedes>)
  }

  subscriptionsOf({ id }: AedesClient): Record<string, { qos: QoS }> {
    const session = this.#engine?.core.broker.sessions.get(id ?? '')
    const found = [...(session?.subscriptions.values() ?? [])]
    return Object.assign(
      Object.create(null) as Record<string, { qos: QoS }>,
      Object.fromEntries(found.map(({ filter, qos }) => [filter, { qos }])),
    )
  }

  closeClient(client: AedesClient): void {
    const engine = this.#engine
    const holder = engine?.core.broker.sessions.holderOf(client.id ?? '') ?? null
    if (engine === null || holder === null || this.clientAt(holder.peer) !== client) {
      client.conn.destroy()
      return
    }
    const sentence = 'the program has closed the connection'
    void engine.core.commands.disconnectClient(client.id ?? '', sentence, holder.peer)
  }
}

/** A broker of aedes 0.x, which starts when it is made. */
export class Server extends Aedes {
  constructor(options: AedesOptions = {}) {
    super(options)
    this.listen().catch((error: unknown) => {
      // Nobody waits for it, and a broker that has not started must not be taken for one that has.
      process.nextTick(() => {
        throw error
      })
    })
  }
}

/** The function of aedes 0.x. */
export default function aedes(options: AedesOptions = {}): Server {
  return new Server(options)
}

function given(options: AedesOptions): Partial<AedesHandlers> {
  const names = Object.keys(DEFAULT_HANDLERS)
  return Object.fromEntries(
    Object.entries(options).filter(([name, value]) => names.includes(name) && value !== undefined),
  )
}
