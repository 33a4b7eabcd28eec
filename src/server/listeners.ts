// All listeners of the configuration: started, counted, reloaded and closed together.

import type { Socket } from 'node:net'
import type { Config } from '../config/config-types.ts'
import { realmOfListener } from '../config/realms.ts'
import type { StrangerBudget } from '../connection/stranger-budget.ts'
import { RemotePreparation } from '../link/remote-preparation.ts'
import type { Log } from '../observe/log.ts'
import { ConnectionCounts } from '../transport/connection-counts.ts'
import {
  LISTENER_CONNECTIONS_MAX,
  type ListenerOptions,
  type TlsOptions,
} from '../transport/listener-options.ts'
import { createListener, type Listener } from '../transport/listener.ts'
import { StrangerPlaces } from '../transport/stranger-places.ts'
import type { Arrival, Peer } from '../transport/wire.ts'
import { DEFAULT_LIMITS } from '../limits.ts'
import { socketBound } from './descriptors.ts'
import { frontEndsOf } from './front-end-count.ts'
import { FrontEnds } from './front-ends.ts'
import { StartError } from './start-error.ts'
import { WatchedFiles } from './watched-files.ts'

interface ListenersOptions {
  readonly config: Config
  readonly log: Log
  /** Is called with the wire of each accepted client. */
  readonly accept: Arrival
  readonly onRequest: NonNullable<ListenerOptions['onRequest']>
  /** The memory of all clients that are not authenticated yet. */
  readonly strangers: StrangerBudget
  /** Is called when a connection was closed before CONNECT to make room for another. */
  readonly strangerClosed: () => void
  /** Is called when a file with certificates has changed. */
  readonly certificatesChanged: () => void
}

export class Listeners {
  readonly counts: ConnectionCounts
  readonly places: StrangerPlaces
  /** Null where this process has all sockets itself. */
  readonly frontEnds: FrontEnds | null
  readonly #options: ListenersOptions
  readonly #watched: WatchedFiles
  #all: readonly Listener[] = []
  #closed: Promise<unknown> = Promise.resolve()

  constructor(options: ListenersOptions) {
    const { limits } = options.config
    this.#options = options
    const files = options.config.listeners.flatMap(({ tls }) =>
      tls === undefined ? [] : filesOf(tls),
    )
    this.#watched = new WatchedFiles([...new Set(files)], options.certificatesChanged)
    const count = frontEndsOf(options.config)
    this.frontEnds = count === 0 ? null : new FrontEnds({ count, log: options.log })
    this.counts = new ConnectionCounts(limits, () => performance.now())
    this.places = new StrangerPlaces(limits.strangersPerAddressMax)
  }

  get all(): readonly Listener[] {
    return this.#all
  }

  /** Starts all listeners. Must be called when the store is open and no client is connected. Throws StartError. */
  async start(): Promise<void> {
    const { config, log, accept, onRequest, strangers, strangerClosed } = this.#options
    const { frontEnds } = this
    await frontEnds?.start()
    // A client may send a packet, or a few packets, as one frame.
    const { packetBytesMax, connectPacketBytesMax, connectionsMax } = config.limits
    const frameBytesMax = 2 * Math.max(packetBytesMax, connectPacketBytesMax)
    const socketsMax = this.#socketsMax()
    const fullness = (): string | null =>
      this.#socketCount() < socketsMax ? null : fullnessSentence(socketsMax, connectionsMax)
    this.#all = config.listeners.map((options, index) =>
      createListener(
        {
          ...options,
          onRequest,
          preparing:
            frontEnds === null
              ? undefined
              : (whole, itsLog, events) =>
                  new RemotePreparation(whole, itsLog, {
                    events,
                    pool: frontEnds,
                    listener: index,
                  }),
          frameBytesMax,
          firstFrameBytesMax: 2 * connectPacketBytesMax,
          fullness,
          makeRoom: cause => this.#closeStranger(cause),
          strangerClosed,
          strangers,
          counts: this.counts,
          places: this.places,
          connectTimeoutMs: config.limits.connectTimeoutSeconds * 1_000,
          key: `listeners.${index}`,
          realm: realmOfListener(options),
        },
        accept,
        log,
      ),
    )
    this.#watched.noteState()
    for (const [index, listener] of this.#all.entries()) {
      await listener.start().catch((error: unknown) => {
        throw new StartError(error, { kind: 'listener', index })
      })
    }
    this.#watched.start()
  }

  /** Whether the certificate or the key of this peer counts no more at its listener. */
  hasRevoked(peer: Peer): boolean {
    return this.#all.some(listener => listener.hasRevoked(peer))
  }

  /** Reads all certificate files again. */
  async reload(): Promise<void> {
    this.#watched.noteState()
    for (const listener of this.#all) await listener.reload()
  }

  /** Stops accepting clients. */
  close(): void {
    this.#watched.close()
    this.#closed = Promise.all(this.#all.map(listener => listener.close()))
  }

  /** After `close`, when no client has a socket any more: resolves when every listener is closed, and ends the front ends. */
  async ended(): Promise<void> {
    await this.#closed
    this.frontEnds?.close()
  }

  /** Closes the oldest connection without CONNECT of all listeners. */
  #closeStranger(cause: string): Socket | null {
    let oldest: Listener | null = null
    for (const listener of this.#all) {
      const since = listener.strangerSince
      if (since !== null && since < (oldest?.strangerSince ?? Infinity)) oldest = listener
    }
    return oldest?.closeStranger(cause) ?? null
  }

  #socketCount(): number {
    return this.#all.reduce((sum, { connectionCount }) => sum + connectionCount, 0)
  }

  /** Returns the most connections: the configured limit, or less if the process has not enough descriptors. */
  #socketsMax(): number {
    const { listeners, limits } = this.#options.config
    const allowed = listeners.reduce((sum, { connectionsMax }) => sum + connectionsMax, 0)
    const connectionsMax = Math.min(limits.connectionsMax, allowed)
    const bound = socketBound(listeners.length)
    if (bound === null || bound.socketsMax >= connectionsMax) return connectionsMax
    // Nobody has asked for the defaults.
    const isConfigured =
      limits.connectionsMax !== DEFAULT_LIMITS.connectionsMax ||
      listeners.some(each => each.connectionsMax !== LISTENER_CONNECTIONS_MAX)
    this.#options.log[isConfigured ? 'warn' : 'info'](
      { event: 'connections.bound', ...bound, connectionsMax },
      'the process may open fewer descriptors than there may be connections: raise ulimit -n, or lower limits.connectionsMax',
    )
    return bound.socketsMax
  }
}

function filesOf({ sni = {}, ...files }: TlsOptions): readonly string[] {
  const { certFile, keyFile, caFile, crlFile, pskFile } = files
  const pairs = Object.values(sni).flatMap(pair => [pair.certFile, pair.keyFile])
  return [certFile, keyFile, caFile, crlFile, pskFile, ...pairs].filter(each => each !== undefined)
}

/** Returns why there is no room for another connection. */
export function fullnessSentence(socketsMax: number, connectionsMax: number): string {
  const what = socketsMax < connectionsMax ? 'ulimit -n' : 'limits.connectionsMax'
  return `${socketsMax} connections are open (${what})`
}
