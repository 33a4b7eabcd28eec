// The house is built here, and only here: configuration in, running server out; start and stop in order.

import type { Duplex } from 'node:stream'
import { randomBytes } from 'node:crypto'
import type { Access } from '../access/access.ts'
import { openAccess } from '../access/open-access.ts'
import { UNRESTRICTED } from '../access/permissions.ts'
import { Broker } from '../broker/broker.ts'
import type { Observer } from '../broker/observer.ts'
import { restore } from '../broker/restore.ts'
import type { Config } from '../config/config.ts'
import { ChunkPool } from '../connection/chunk-pool.ts'
import { PublishEncoder } from '../connection/publish-encoder.ts'
import { Alarm, now } from '../loop/clock.ts'
import { Turn } from '../loop/turn.ts'
import type { Log } from '../observe/log.ts'
import { LogObserver } from '../observe/log-observer.ts'
import { observeAll } from '../observe/observers.ts'
import { type Status, statusOf } from '../observe/status.ts'
import { webPage } from '../observe/web-page.ts'
import { Journal } from '../store/journal.ts'
import { FileStore } from '../store/file-store.ts'
import type { Snapshot, Store } from '../store/store.ts'
import { Line, type LineContext } from '../transport/line.ts'
import { createListener, type Listener } from '../transport/listener.ts'
import { streamWire } from '../transport/stream-wire.ts'
import type { Peer, Wire } from '../transport/wire.ts'
import { createStore, storeDirectory } from './create-store.ts'
import { withMemoryBounds } from './memory-bounds.ts'
import { shareSettingsOf } from './share-settings.ts'

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
  /** A commit failed: by default the process ends with status 74 (an I/O error). */
  readonly commitFailed?: (error: Error) => void
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
  readonly #log: Log
  readonly #store: Store
  readonly #lines = new Set<Line>()
  readonly #lineContext: LineContext
  readonly #alarm: Alarm
  #listeners: readonly Listener[] = []
  #whenEmpty: (() => void) | null = null
  #isClosing = false
  readonly #startedAt = now()

  constructor(config: Config, log: Log, parts: ServerParts) {
    this.#config = config
    this.#log = log
    this.#store = parts.store ?? createStore(config)
    const journal = new Journal(this.#store)
    const observers = [
      new LogObserver(log),
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
    this.#alarm = new Alarm(() => this.turn.begin())
    this.turn = new Turn({
      broker: this.broker,
      journal,
      store: this.#store,
      now,
      schedule: setImmediate,
      wakeAt: time => this.#alarm.set(time),
      ended: () => encoder.forget(),
      commitFailed: parts.commitFailed ?? (error => this.#commitFailed(error)),
    })
    this.#lineContext = {
      connections: {
        broker: this.broker,
        encoder,
        pool: new ChunkPool(),
        responseInformation: config.responseInformation,
        newClientId: () => `auto-${randomBytes(12).toString('hex')}`,
      },
      turn: this.turn,
      access: parts.access ?? openAccess,
      log,
      publishBacklogBytesMax: config.limits.publishBacklogBytesMax,
      ended: line => this.#lineEnded(line),
    }
  }

  get listeners(): readonly { readonly name: string; readonly port: number }[] {
    return this.#listeners
  }

  get connectionCount(): number {
    return this.#lines.size
  }

  get status(): Status {
    return statusOf(this.broker, this.#store, Math.floor((now() - this.#startedAt) / 1_000))
  }

  async start(): Promise<void> {
    const snapshot = await this.#store.open()
    this.#logStore(snapshot)
    this.turn.begin()
    restore(this.broker, snapshot, UNRESTRICTED)
    this.broker.announce('$SYS/broker/store/durability', this.#store.durability)
    const onRequest = webPage({ status: () => this.status, isReady: () => !this.#isClosing })
    // A client may send a packet as one frame, and a few joined.
    const frameBytesMax = 2 * this.#config.limits.packetBytesMax
    this.#listeners = this.#config.listeners.map(options =>
      createListener(
        { ...options, onRequest, frameBytesMax },
        wire => this.accept(wire),
        this.#log,
      ),
    )
    try {
      for (const listener of this.#listeners) await listener.start()
    } catch (error) {
      await this.close()
      throw error
    }
  }

  /** Serves one more client, however it came. */
  accept(wire: Wire): void {
    if (this.#isClosing || this.#lines.size >= this.#config.limits.connectionsMax) {
      wire.destroy()
      return
    }
    this.#lines.add(new Line(wire, this.#lineContext))
  }

  /** Serves a client at the other end of a stream that the embedder hands in. */
  handle(stream: Duplex, peer: Partial<Peer> = {}): void {
    this.accept(streamWire(stream, { ...UNKNOWN_PEER, ...peer }))
  }

  async reloadCertificates(): Promise<void> {
    for (const listener of this.#listeners) await listener.reload()
  }

  /** Stops accepting, tells every client, lets what was said leave, then closes the store. */
  async close(): Promise<void> {
    if (this.#isClosing) return
    this.#isClosing = true
    const listenersClosed = this.#listeners.map(listener => listener.close())
    for (const line of this.#lines) line.brokerStops()
    await this.#linesEnded(this.#config.shutdown.drainSeconds * 1_000)
    await Promise.all(listenersClosed)
    await new Promise(resolve => setImmediate(resolve))
    await this.#committed(this.#config.shutdown.drainSeconds * 1_000)
    this.turn.stop()
    this.#alarm.set(Infinity)
    await this.#store.close()
  }

  #lineEnded(line: Line): void {
    this.#lines.delete(line)
    if (this.#lines.size === 0) this.#whenEmpty?.()
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
    if (this.#lines.size === 0) return
    await new Promise<void>(resolve => {
      const destroyAll = setTimeout(() => {
        for (const line of this.#lines) line.destroy()
      }, drainMs)
      this.#whenEmpty = () => {
        clearTimeout(destroyAll)
        resolve()
      }
    })
  }

  /** The first line of the log says what an acknowledgement promises. */
  #logStore(snapshot: Snapshot): void {
    const store = this.#store
    const { durability } = store
    const isFile = store instanceof FileStore
    this.#log.info(
      {
        event: 'store.opened',
        durability,
        ...(isFile && { directory: storeDirectory(this.#config) }),
        sessions: snapshot.sessions.length,
        retainedMessages: snapshot.retained.length,
      },
      'store opened',
    )
    if (isFile && store.opening.cut !== null) {
      this.#log.warn(
        { event: 'store.cut', ...store.opening.cut },
        'a commit that was not finished, and that nobody was told of, was cut from the end of the log',
      )
    }
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

const UNKNOWN_PEER: Peer = {
  address: '',
  port: 0,
  transport: 'stream',
  listener: 'stream',
  certificate: null,
}
