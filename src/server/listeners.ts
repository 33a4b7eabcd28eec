// All listeners of the configuration: started, counted, reloaded and closed together.

import type { Socket } from 'node:net'
import type { Config } from '../config/config-types.ts'
import type { Log } from '../observe/log.ts'
import type { ListenerOptions } from '../transport/listener-options.ts'
import { createListener, type Listener } from '../transport/listener.ts'
import type { Arrival } from '../transport/wire.ts'
import { socketBound } from './descriptors.ts'
import { StartError } from './start-error.ts'

interface ListenersOptions {
  readonly config: Config
  readonly log: Log
  /** Called with the wire of each client that a listener has accepted. */
  readonly accept: Arrival
  readonly onRequest: NonNullable<ListenerOptions['onRequest']>
  /** A connection was closed before CONNECT, for another one. */
  readonly strangerClosed: () => void
}

export class Listeners {
  readonly #options: ListenersOptions
  #all: readonly Listener[] = []

  constructor(options: ListenersOptions) {
    this.#options = options
  }

  get all(): readonly Listener[] {
    return this.#all
  }

  /** To be called when the store is open and no client is there. Throws StartError. */
  async start(): Promise<void> {
    const { config, log, accept, onRequest, strangerClosed } = this.#options
    // A client may send a packet as one frame, and a few joined.
    const { packetBytesMax, connectPacketBytesMax, connectionsMax } = config.limits
    const frameBytesMax = 2 * Math.max(packetBytesMax, connectPacketBytesMax)
    const socketsMax = this.#socketsMax()
    const fullness = (): string | null =>
      this.#socketCount < socketsMax ? null : fullnessSentence(socketsMax, connectionsMax)
    this.#all = config.listeners.map((options, index) =>
      createListener(
        {
          ...options,
          onRequest,
          frameBytesMax,
          fullness,
          makeRoom: cause => this.#closeStranger(cause),
          strangerClosed,
          key: `listeners.${index}`,
        },
        accept,
        log,
      ),
    )
    for (const [index, listener] of this.#all.entries()) {
      await listener.start().catch((error: unknown) => {
        throw new StartError(error, { kind: 'listener', index })
      })
    }
  }

  /** Reads the files of all certificates anew. */
  async reload(): Promise<void> {
    for (const listener of this.#all) await listener.reload()
  }

  /** No client is accepted any more, at once. Resolves when every listener is closed. */
  async close(): Promise<void> {
    await Promise.all(this.#all.map(listener => listener.close()))
  }

  /** Of all listeners the connection that waits for its CONNECT since longest. */
  #closeStranger(cause: string): Socket | null {
    let oldest: Listener | null = null
    for (const listener of this.#all) {
      const since = listener.strangerSince
      if (since !== null && since < (oldest?.strangerSince ?? Infinity)) oldest = listener
    }
    return oldest?.closeStranger(cause) ?? null
  }

  get #socketCount(): number {
    return this.#all.reduce((sum, { connectionCount }) => sum + connectionCount, 0)
  }

  /** What the process has descriptors for bounds the connections, whatever the configuration allows. */
  #socketsMax(): number {
    const { listeners, limits } = this.#options.config
    const allowed = listeners.reduce((sum, { connectionsMax }) => sum + connectionsMax, 0)
    const connectionsMax = Math.min(limits.connectionsMax, allowed)
    const bound = socketBound(listeners.length)
    if (bound === null || bound.socketsMax >= connectionsMax) return connectionsMax
    this.#options.log.warn(
      { event: 'connections.bound', ...bound, connectionsMax },
      'the process may open fewer descriptors than there may be connections: raise ulimit -n, or lower limits.connectionsMax',
    )
    return bound.socketsMax
  }
}

/** Why there is no room for another connection. */
export function fullnessSentence(socketsMax: number, connectionsMax: number): string {
  const what = socketsMax < connectionsMax ? 'ulimit -n' : 'limits.connectionsMax'
  return `${socketsMax} connections are open (${what})`
}
