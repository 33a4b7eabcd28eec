// The house is built here, and only here: configuration in, running server out; start and stop in order.

import type { Duplex } from 'node:stream'
import { randomBytes } from 'node:crypto'
import type { Access } from '../access/access.ts'
import { openAccess } from '../access/open-access.ts'
import { UNRESTRICTED } from '../access/permissions.ts'
import { Broker } from '../broker/broker.ts'
import type { Observer } from '../broker/observer.ts'
import { restore } from '../broker/restore.ts'
import type { Config } from '../config/config-types.ts'
import { ChunkPool } from '../connection/chunk-pool.ts'
import { PublishEncoder } from '../connection/publish-encoder.ts'
import { Alarm, Clock } from '../loop/clock.ts'
import { Turn } from '../loop/turn.ts'
import type { Log } from '../observe/log.ts'
import { containedLog } from '../observe/contained-log.ts'
import { LogObserver } from '../observe/log-observer.ts'
import type { LogOutput } from '../observe/log-output.ts'
import { observeAll } from '../observe/observers.ts'
import { RatedLog } from '../observe/rated-log.ts'
import { type Status, statusOf } from '../observe/status.ts'
import { webPage } from '../observe/web-page.ts'
import { Journal } from '../store/journal.ts'
import { FileStore } from '../store/file-store.ts'
import type { Store } from '../store/store.ts'
import { ContainedWire } from '../transport/contained-wire.ts'
import { ClientSocket, type ClientSocketContext } from '../transport/client-socket.ts'
import type { ListenerOptions } from '../transport/listener-options.ts'
import { createListener, type Listener } from '../transport/listener.ts'
import { streamWire } from '../transport/stream-wire.ts'
import type { Peer, Wire } from '../transport/wire.ts'
import { createStore, storeDirectory } from './create-store.ts'
import { socketBound } from './descriptors.ts'
import { withMemoryBounds } from './memory-bounds.ts'
import { Publishings } from './publishings.ts'
import { shareSettingsOf } from './share-settings.ts'
import { StartError } from './start-error.ts'
import { reportStore } from './store-report.ts'

export interface RunningServer {
  readonly listeners: readonly { readonly name: string; readonly port: number }[]
  close(): Promise<void>
  reloadCertificates(): Promise<void>
}

/** What an embedder may bring along; the rest is built from the configuration. */
export interface ServerParts {
  readonly access?: Access
  readonly store?: Store
  readonly observer?: Observer
  /** Where the log is written to, when it may be that not all of it can be. */
  readonly logOutput?: Pick<LogOutput, 'hasRoom' | 'linesLeftOut'>
  /** A commit failed: by default the process ends with status 74 (an I/O error). */
  readonly commitFailed?: (error: Error) => void
  /** A change of the broker's state has thrown: it says nothing more. By default the error is thrown, and ends the process. */
  readonly stateFailed?: (error: Error) => void
}

export async function startServer(
  config: Config,
  log: Log,
  parts: ServerParts = {},
): Promise<Server> {
  const server = new Server(config, log, parts)
  await server.start()
  return server
}

export class Server implements RunningServer {
  readonly broker: Broker
  readonly turn: Turn
  readonly #config: Config
  readonly #log: RatedLog
  readonly #logOutput: ServerParts['logOutput']
  #logTicks: NodeJS.Timeout | undefined
  readonly #store: Store
  readonly #sockets = new Set<ClientSocket>()
  readonly #socketContext: ClientSocketContext
  readonly #clock = new Clock()
  readonly #alarm: Alarm
  readonly #publishings = new Publishings()
  #listeners: readonly Listener[] = []
  #whenEmpty: (() => void) | null = null
  #isClosing = false
  readonly #startedAt = performance.now()

  constructor(config: Config, log: Log, parts: ServerParts) {
    this.#config = config
    this.#logOutput = parts.logOutput
    this.#log = new RatedLog(
      containedLog(log, () => (this.broker.statistics.hookErrors += 1)),
      {
        bounds: config.log,
        now: monotonicMs,
        hasRoom: () => parts.logOutput?.hasRoom !== false,
      },
    )
    this.#store = parts.store ?? createStore(config)
    const journal = new Journal(this.#store)
    const observers = [
      new LogObserver(this.#log, monotonicMs),
      ...(parts.observer === undefined ? [] : [parts.observer]),
    ]
    this.broker = new Broker({
      limits: withMemoryBounds(config.limits),
      share: shareSettingsOf(config, Math.random),
      journal,
      observer: observeAll(observers),
      storesSessions: parts.store !== undefined || config.store.durability !== 'memory',
    })
    const encoder = new PublishEncoder()
    this.#alarm = new Alarm(this.#clock, () => this.turn.begin())
    this.turn = new Turn({
      broker: this.broker,
      journal,
      store: this.#store,
      now: this.#clock.now,
      schedule: setImmediate,
      wakeAt: time => this.#alarm.set(time),
      ended: () => encoder.forget(),
      commitFailed: error => {
        this.#publishings.fail(error)
        if (parts.commitFailed === undefined) this.#commitFailed(error)
        else parts.commitFailed(error)
      },
      stateFailed: error => {
        this.#publishings.fail(error)
        if (parts.stateFailed === undefined) endOfProcess(error)
        else parts.stateFailed(error)
      },
    })
    this.#socketContext = {
      connections: {
        broker: this.broker,
        encoder,
        pool: new ChunkPool(),
        responseInformation: config.responseInformation,
        newClientId: () => `auto-${randomBytes(12).toString('hex')}`,
      },
      turn: this.turn,
      access: parts.access ?? openAccess,
      log: this.#log,
      publishBacklogBytesMax: config.limits.publishBacklogBytesMax,
      ended: socket => this.#socketEnded(socket),
    }
  }

  get listeners(): readonly { readonly name: string; readonly port: number }[] {
    return this.#listeners
  }

  get connectionCount(): number {
    return this.#sockets.size
  }

  get status(): Status {
    return statusOf({
      broker: this.broker,
      store: this.#store,
      uptimeSeconds: Math.floor((performance.now() - this.#startedAt) / 1_000),
      logLinesLeftOut: this.#logOutput?.linesLeftOut ?? 0,
    })
  }

  async start(): Promise<void> {
    this.#logTicks = setInterval(() => this.#log.tick(), LOG_TICK_MS).unref()
    const snapshot = await this.#store.open().catch((error: unknown) => {
      throw new StartError(error, { kind: 'store' })
    })
    if (this.#store instanceof FileStore) this.#clock.setAhead(this.#store.opening.clock.aheadMs)
    reportStore(this.#log, this.#store, snapshot, storeDirectory(this.#config))
    this.turn.begin()
    restore(this.broker, snapshot, UNRESTRICTED)
    this.broker.announce('$SYS/broker/store/durability', this.#store.durability)
    const page = webPage({ status: () => this.status, isReady: () => !this.#isClosing })
    const onRequest = contained(page, error => this.broker.faults.failed('web page', error, null))
    // A client may send a packet as one frame, and a few joined.
    const { packetBytesMax, connectPacketBytesMax } = this.#config.limits
    const frameBytesMax = 2 * Math.max(packetBytesMax, connectPacketBytesMax)
    const socketsMax = this.#socketsMax()
    const fullness = (): string | null =>
      this.#socketCount < socketsMax ? null : this.#fullness(socketsMax)
    this.#listeners = this.#config.listeners.map((options, index) =>
      createListener(
        { ...options, onRequest, frameBytesMax, fullness, key: `listeners.${index}` },
        wire => this.accept(wire),
        this.#log,
      ),
    )
    for (const [index, listener] of this.#listeners.entries()) {
      try {
        await listener.start()
      } catch (error) {
        await this.close()
        throw new StartError(error, { kind: 'listener', index })
      }
    }
  }

  /** Serves one more client, however it came. */
  accept(wire: Wire): void {
    const { connectionsMax } = this.#config.limits
    if (this.#isClosing || this.#sockets.size >= connectionsMax) {
      if (!this.#isClosing) this.#refuse(wire.peer, this.#fullness(connectionsMax))
      wire.destroy()
      return
    }
    try {
      this.#sockets.add(new ClientSocket(wire, this.#socketContext))
    } catch (error) {
      this.broker.faults.failed('connection', error, null)
      wire.destroy()
    }
  }

  /** Serves a client at the other end of a stream that the embedder hands in. */
  handle(stream: Duplex, peer: Partial<Peer> = {}): void {
    const wire = streamWire(stream, { ...UNKNOWN_PEER, ...peer })
    this.accept(new ContainedWire(wire, error => this.broker.faults.failed('stream', error, null)))
  }

  /** Resolves when what was recorded up to this commitId is committed. */
  async committed(commitId: number): Promise<void> {
    await this.#publishings.committed(this.turn, commitId)
  }

  /** Throws once the broker closes: nothing more is published. */
  mustBeOpen(): void {
    if (!this.#isClosing) return
    throw Object.assign(new Error('the broker is closed'), { code: 'ERR_CLOSED' })
  }

  async reloadCertificates(): Promise<void> {
    for (const listener of this.#listeners) await listener.reload()
  }

  /** Stops accepting, tells every client, lets what was said leave, then closes the store. */
  async close(): Promise<void> {
    if (this.#isClosing) return
    this.#isClosing = true
    const listenersClosed = this.#listeners.map(listener => listener.close())
    for (const socket of this.#sockets) socket.brokerStops()
    await this.#linesEnded(this.#config.shutdown.drainSeconds * 1_000)
    await Promise.all(listenersClosed)
    await new Promise(resolve => setImmediate(resolve))
    await this.#committed(this.#config.shutdown.drainSeconds * 1_000)
    this.turn.stop()
    this.#publishings.flush(this.broker.journal.committed)
    this.#publishings.fail(new Error('the broker was closed before this was stored'))
    this.#alarm.set(Infinity)
    await this.#store.close()
    clearInterval(this.#logTicks)
    this.#log.close()
  }

  /** What the process has descriptors for bounds the connections, whatever the configuration allows. */
  #socketsMax(): number {
    const { listeners, limits } = this.#config
    const allowed = listeners.reduce((sum, { connectionsMax }) => sum + connectionsMax, 0)
    const connectionsMax = Math.min(limits.connectionsMax, allowed)
    const bound = socketBound(listeners.length)
    if (bound === null || bound.socketsMax >= connectionsMax) return connectionsMax
    this.#log.warn(
      { event: 'connections.bound', ...bound, connectionsMax },
      'the process may open fewer descriptors than there may be connections: raise ulimit -n, or lower limits.connectionsMax',
    )
    return bound.socketsMax
  }

  get #socketCount(): number {
    return this.#listeners.reduce((sum, { connectionCount }) => sum + connectionCount, 0)
  }

  #socketEnded(socket: ClientSocket): void {
    this.#sockets.delete(socket)
    if (this.#sockets.size === 0) this.#whenEmpty?.()
  }

  /** What is recorded goes to the store before it is closed, unless a full disk would make us wait for ever. */
  async #committed(drainMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const given = new Promise<void>(resolve => {
      timer = setTimeout(resolve, drainMs)
    })
    await Promise.race([this.turn.whenCommitted(), given])
    clearTimeout(timer)
  }

  async #linesEnded(drainMs: number): Promise<void> {
    if (this.#sockets.size === 0) return
    await new Promise<void>(resolve => {
      const destroyAll = setTimeout(() => {
        for (const socket of this.#sockets) socket.destroy()
      }, drainMs)
      this.#whenEmpty = () => {
        clearTimeout(destroyAll)
        resolve()
      }
    })
  }

  #refuse({ address, listener }: Peer, cause: string): void {
    this.#log.warn({ event: 'connection.refused', listener, address, cause }, 'refused')
  }

  #fullness(socketsMax: number): string {
    const { connectionsMax } = this.#config.limits
    const what = socketsMax < connectionsMax ? 'ulimit -n' : 'limits.connectionsMax'
    return `${socketsMax} connections are open (${what})`
  }

  #commitFailed(error: Error): void {
    this.#log.error(
      { event: 'store.failed', error: error.message },
      'the store failed: the broker stops, so that nothing is acknowledged that is not stored',
    )
    // EX_IOERR of sysexits.h.
    process.exit(74)
  }
}

/** How often it is asked whether a minute of the log is over. */
const LOG_TICK_MS = 1_000

/** For the log's rates, which know no time of day. */
function monotonicMs(): number {
  return performance.now()
}

/** Not from where it was noticed, which may be a program's own stream: nobody is to catch it by chance. */
function endOfProcess(error: Error): void {
  process.nextTick(() => {
    throw error
  })
}

type RequestListener = NonNullable<ListenerOptions['onRequest']>

function contained(listener: RequestListener, failed: (error: unknown) => void): RequestListener {
  return (request, response) => {
    try {
      listener(request, response)
    } catch (error) {
      failed(error)
      response.destroy()
    }
  }
}

const UNKNOWN_PEER: Peer = {
  address: '',
  port: 0,
  transport: 'stream',
  listener: 'stream',
  certificate: null,
}
