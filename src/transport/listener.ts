// A listener: accepts, limits the number of connections, and hands over wires that are ready for MQTT.

import type { Socket } from 'node:net'
import type { Log } from '../observe/log.ts'
import { Binding } from './binding.ts'
import type { ListenerOptions } from './listener-options.ts'
import { Preparation } from './preparation.ts'
import { Strangers } from './strangers.ts'
import { type Arrival, ignored, type Peer, type TransportName } from './wire.ts'

export interface Listener {
  /** The URL with the actual port: `mqtt://127.0.0.1:1883`. */
  readonly name: string
  readonly port: number
  readonly connectionCount: number
  /** When the oldest stranger was accepted, by `performance.now()`; null for none. */
  readonly strangerSince: number | null
  /** Closes the oldest stranger and returns its socket, whose place is free after its close; null for none. */
  closeStranger(cause: string): Socket | null
  /** Starts listening. Rejects with a sentence about the cause. */
  start(): Promise<void>
  /** Stops accepting. Accepted connections continue until their clients end them. */
  close(): Promise<void>
  /** Reads the certificates again. If a file is wrong it rejects, and the old ones stay in use. */
  reload(): Promise<void>
  /** Whether the certificate of this peer was revoked by now. */
  hasRevoked(peer: Peer): boolean
}

/** How long a connection over the limit waits for a place that is just becoming free. */
const SECOND_LOOK_MS = 100
const SECOND_LOOKS_MAX = 16

export function createListener(options: ListenerOptions, arrival: Arrival, log: Log): Listener {
  return new SocketListener(options, arrival, log)
}

class SocketListener implements Listener {
  readonly #options: ListenerOptions
  readonly #arrival: Arrival
  readonly #log: Log
  readonly #binding: Binding
  readonly #preparation: Preparation
  #connections = 0
  #looking = 0
  readonly #strangers = new Strangers()
  /** One instance for all sockets. */
  readonly #socketClosed: (this: Socket) => void

  constructor(options: ListenerOptions, arrival: Arrival, log: Log) {
    this.#options = options
    this.#arrival = arrival
    this.#log = log
    this.#preparation = new Preparation(options, log, this.#refuse.bind(this))
    this.#binding = new Binding(options, {
      accepted: socket => this.#accept(socket),
      failed: cause => this.#acceptFailed(cause),
    })
    const closed = (socket: Socket): void => {
      this.#connections -= 1
      this.#strangers.remove(socket)
    }
    this.#socketClosed = function () {
      closed(this)
    }
  }

  get name(): string {
    return this.#binding.name
  }

  get port(): number {
    return this.#binding.port
  }

  get connectionCount(): number {
    return this.#connections
  }

  get strangerSince(): number | null {
    return this.#strangers.oldestSince
  }

  closeStranger(cause: string): Socket | null {
    const socket = this.#strangers.takeOldest()
    if (socket === null) return null
    const address = plainAddress(socket.remoteAddress ?? '')
    const fields = { event: 'stranger.closed', listener: this.name, address, cause }
    this.#log.warn(fields, 'closed before CONNECT, for another connection')
    this.#options.strangerClosed?.()
    socket.destroy()
    return socket
  }

  async start(): Promise<void> {
    await this.#preparation.start(() => this.name)
    await this.#binding.open()
  }

  async close(): Promise<void> {
    this.#preparation.close()
    await this.#binding.close()
  }

  async reload(): Promise<void> {
    await this.#preparation.reload()
  }

  hasRevoked(peer: Peer): boolean {
    return peer.listener === this.name && this.#preparation.hasRevoked(peer)
  }

  #accept(socket: Socket): void {
    const peer: Peer = {
      address: plainAddress(socket.remoteAddress ?? ''),
      port: socket.remotePort ?? 0,
      transport: transportOf(this.#options),
      listener: this.name,
      certificate: null,
    }
    this.#place(socket, peer)
  }

  /** A client that closes one connection and opens the next at once may arrive before the close was noticed. */
  #place(socket: Socket, peer: Peer, hasWaited = false): void {
    if (socket.destroyed) return
    // The listener was closed during the wait.
    if (!this.#binding.isOpen) {
      socket.destroy()
      return
    }
    const fullness = this.#fullness
    if (fullness === null) {
      this.#admit(socket, peer)
      return
    }
    if (socket.listenerCount('error') === 0) socket.on('error', ignored)
    const closing = this.#makeRoom(fullness)
    if (closing !== null) {
      closing.once('close', () => setImmediate(() => this.#place(socket, peer, hasWaited)))
    } else if (hasWaited || this.#looking >= SECOND_LOOKS_MAX) {
      this.#refuse(socket, peer, fullness)
    } else {
      this.#looking += 1
      setTimeout(() => {
        this.#looking -= 1
        this.#place(socket, peer, true)
      }, SECOND_LOOK_MS)
    }
  }

  #makeRoom(fullness: string): Socket | null {
    const { connectionsMax, makeRoom } = this.#options
    if (this.#connections >= connectionsMax) return this.closeStranger(fullness)
    return makeRoom?.(fullness) ?? null
  }

  #admit(socket: Socket, peer: Peer): void {
    this.#connections += 1
    socket.on('close', this.#socketClosed)
    this.#strangers.add(socket)
    this.#preparation.prepare(socket, peer, wire => {
      this.#strangers.arrives(socket, this.#arrival(wire))
    })
  }

  #refuse(socket: Socket, peer: Peer, cause: string): void {
    const fields = {
      event: 'connection.refused',
      listener: this.name,
      address: peer.address,
      cause,
    }
    this.#log.warn(fields, 'refused')
    socket.destroy()
  }

  /** Logs that Node has closed a connection because there was no file descriptor. */
  #acceptFailed(cause: string): void {
    this.#log.error({ event: 'accept.failed', listener: this.name, cause }, 'accept failed')
  }

  /** Returns why one more connection is refused, or null. */
  get #fullness(): string | null {
    const { connectionsMax, key, fullness } = this.#options
    if (this.#connections < connectionsMax) return fullness?.() ?? null
    return `${connectionsMax} connections are open (${key ?? 'the listener'}.connectionsMax)`
  }
}

/** Returns the IPv4 address of an IPv4 client, also if the listener serves both families. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address
}

function transportOf({ protocol, tls, path }: ListenerOptions): TransportName {
  if (protocol === 'ws') return tls === undefined ? 'ws' : 'wss'
  if (tls !== undefined) return 'tls'
  return path === undefined ? 'tcp' : 'unix'
}
