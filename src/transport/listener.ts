// A listener: binds, accepts, limits the number of connections, and hands over wires after PROXY header, TLS and WebSocket.

import {
  type BlockList,
  createServer,
  isIPv6,
  type ListenOptions,
  type Server,
  type Socket,
} from 'node:net'
import type { Log } from '../observe/log.ts'
import { wrongProtocolOf } from './first-bytes.ts'
import type { ListenerOptions } from './listener-options.ts'
import { HandshakeDeadline } from './handshake-deadline.ts'
import { parseProxyHeader } from './proxy-protocol.ts'
import { isWithin, subnetsOf } from './subnets.ts'
import { Strangers } from './strangers.ts'
import { streamWire } from './stream-wire.ts'
import { TlsStage } from './tls-stage.ts'
import { prepareSocketPath, restrictSocketPath } from './unix-socket.ts'
import { WebSocketStage } from './websocket-stage.ts'
import { type Arrival, ignored, type Peer, type TransportName, type Wire } from './wire.ts'

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
}

const HANDSHAKE_MS_MAX = 10_000
/** The error codes of a system without IPv6. */
const NO_IPV6 = ['EADDRNOTAVAIL', 'EAFNOSUPPORT', 'EINVAL']
const BIND_ATTEMPTS_MAX = 5
/** How long a connection over the limit waits for a place that is just becoming free. */
const SECOND_LOOK_MS = 100
const SECOND_LOOKS_MAX = 16
/** TCP keep-alive detects lost clients that have switched MQTT's keep-alive off. */
const TCP_KEEP_ALIVE_MS = 60_000

export function createListener(options: ListenerOptions, arrival: Arrival, log: Log): Listener {
  return new SocketListener(options, arrival, log)
}

class SocketListener implements Listener {
  readonly #options: ListenerOptions
  readonly #arrival: Arrival
  readonly #log: Log
  readonly #server: Server
  /** The second server, for ::1, if the host is `localhost` and IPv6 is available. */
  readonly #second: Server
  readonly #proxyTrusted: BlockList | null
  readonly #webSocket: WebSocketStage | null
  #tls: TlsStage | null = null
  #port: number
  #name: string
  #connections = 0
  #looking = 0
  /** Accepted connections that are still before MQTT: PROXY header, TLS or WebSocket. */
  readonly #preparing = new Set<Socket>()
  readonly #strangers = new Strangers()
  /** One instance for all sockets. */
  readonly #socketClosed: (this: Socket) => void

  constructor(options: ListenerOptions, arrival: Arrival, log: Log) {
    this.#options = options
    this.#arrival = arrival
    this.#log = log
    this.#port = options.port ?? 0
    this.#name = this.#nameNow()
    this.#proxyTrusted = options.proxyTrusted === undefined ? null : subnetsOf(options.proxyTrusted)
    this.#webSocket = options.protocol === 'ws' ? new WebSocketStage(options, log) : null
    const closed = (socket: Socket): void => {
      this.#connections -= 1
      this.#strangers.remove(socket)
    }
    this.#socketClosed = function () {
      closed(this)
    }
    const isTcp = options.path === undefined
    const accepting = (): Server =>
      createServer(
        { noDelay: isTcp, keepAlive: isTcp, keepAliveInitialDelay: TCP_KEEP_ALIVE_MS },
        socket => this.#accept(socket),
      )
    this.#server = accepting()
    this.#second = accepting()
  }

  get name(): string {
    return this.#name
  }

  #nameNow(): string {
    const { path, host = 'localhost' } = this.#options
    return this.#nameOf(path === undefined ? { host, port: this.#port } : { path })
  }

  #nameOf({ path, host: given = 'localhost', port }: ListenOptions): string {
    const { protocol, tls } = this.#options
    const host = given === 'localhost' ? '127.0.0.1' : given
    const scheme = `${protocol}${tls === undefined ? '' : 's'}`
    if (path !== undefined) return `${scheme}+unix:${path}`
    return `${scheme}://${isIPv6(host) ? `[${host}]` : host}:${port}`
  }

  get port(): number {
    return this.#port
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
    const { tls, path, protocol } = this.#options
    if (tls !== undefined) {
      const alpn = protocol === 'ws' ? 'http/1.1' : 'mqtt'
      this.#tls = await TlsStage.create(tls, alpn, this.#log, () => this.name)
    }
    if (path !== undefined) await prepareSocketPath(path)
    await this.#listen()
    if (path !== undefined) await restrictSocketPath(path)
  }

  async close(): Promise<void> {
    for (const socket of this.#preparing) socket.destroy()
    await Promise.all([closed(this.#server), closed(this.#second)])
  }

  async reload(): Promise<void> {
    await this.#tls?.reload()
  }

  async #listen(): Promise<void> {
    const { path, host = 'localhost', port = 0 } = this.#options
    if (path !== undefined) await this.#bind(this.#server, { path })
    else if (host === 'localhost') await this.#listenOnBoth(port)
    else await this.#bind(this.#server, { host, port })
    const address = this.#server.address()
    if (address !== null && typeof address === 'object') this.#port = address.port
    this.#name = this.#nameNow()
  }

  /** `localhost` resolves to both addresses. Without IPv6 the first one is enough. */
  async #listenOnBoth(port: number): Promise<void> {
    for (let attempts = 1; ; attempts++) {
      await this.#bind(this.#server, { host: '127.0.0.1', port })
      const address = this.#server.address()
      const taken = typeof address === 'object' && address !== null ? address.port : port
      try {
        await this.#bind(this.#second, { host: '::1', port: taken })
        return
      } catch (error) {
        const { code = '' } = error as NodeJS.ErrnoException
        if (NO_IPV6.includes(code)) return
        await closed(this.#server)
        // Another program may use the port that the system chose at ::1.
        if (port !== 0 || code !== 'EADDRINUSE' || attempts === BIND_ATTEMPTS_MAX) throw error
      }
    }
  }

  async #bind(server: Server, where: ListenOptions): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error: NodeJS.ErrnoException) =>
        reject(bindError(error, this.#nameOf(where))),
      )
      server.listen({ ...where, backlog: 4_096 }, resolve)
    })
    server.removeAllListeners('error')
    server.on('error', error => this.#acceptFailed(error.message))
  }

  #accept(socket: Socket): void {
    const peer: Peer = {
      address: plainAddress(socket.remoteAddress ?? ''),
      port: socket.remotePort ?? 0,
      transport: this.#transportName,
      listener: this.#name,
      certificate: null,
    }
    this.#place(socket, peer)
  }

  /** A client that closes one connection and opens the next at once may arrive before the close was noticed. */
  #place(socket: Socket, peer: Peer, hasWaited = false): void {
    if (socket.destroyed) return
    // The listener was closed during the wait.
    if (!this.#server.listening) {
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
    if (this.#isPlain) {
      // The wire listens to its errors from here on.
      this.#strangers.arrives(socket, this.#arrival(streamWire(socket, peer, wrongProtocolOf)))
      return
    }
    socket.on('error', ignored)
    const arrived = this.#startDeadline(socket)
    if (this.#options.proxyProtocol === true) this.#readProxyHeader(socket, peer, arrived)
    else this.#secure(socket, peer, arrived)
  }

  get #isPlain(): boolean {
    const { protocol, tls, proxyProtocol } = this.#options
    return protocol === 'mqtt' && tls === undefined && proxyProtocol !== true
  }

  get #transportName(): TransportName {
    const { protocol, tls, path } = this.#options
    if (protocol === 'ws') return tls === undefined ? 'ws' : 'wss'
    if (tls !== undefined) return 'tls'
    return path === undefined ? 'tcp' : 'unix'
  }

  /**
   * Sets one deadline, counted from accept, for everything before MQTT, however slowly bytes arrive.
   * Returns the function to call with the finished wire.
   */
  #startDeadline(socket: Socket): (wire: Wire) => void {
    const { handshakeTimeoutMs = HANDSHAKE_MS_MAX } = this.#options
    const deadline = new HandshakeDeadline(handshakeTimeoutMs, () => socket.destroy())
    const isThrough = (): void => {
      deadline.clear()
      this.#preparing.delete(socket)
    }
    this.#preparing.add(socket)
    socket.once('close', isThrough)
    return wire => {
      isThrough()
      this.#strangers.arrives(socket, this.#arrival(wire))
    }
  }

  #readProxyHeader(socket: Socket, peer: Peer, arrived: (wire: Wire) => void): void {
    if (this.#proxyTrusted !== null && !isWithin(this.#proxyTrusted, peer.address)) {
      this.#refuse(socket, peer, 'its address may not send a PROXY header')
      return
    }
    let bytes = Buffer.alloc(0)
    const read = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk])
      const header = parseProxyHeader(bytes)
      if (header.kind === 'incomplete') return
      socket.off('data', read)
      if (header.kind === 'invalid') {
        this.#refuse(socket, peer, header.sentence)
        return
      }
      socket.pause()
      if (bytes.length > header.length) socket.unshift(bytes.subarray(header.length))
      this.#secure(socket, { ...peer, ...header.source }, arrived)
    }
    socket.on('data', read)
  }

  #secure(socket: Socket, peer: Peer, arrived: (wire: Wire) => void): void {
    if (this.#tls === null) this.#handOver(socket, peer, arrived)
    else
      this.#tls.secure(socket, peer, (secured, verified) =>
        this.#handOver(secured, verified, arrived),
      )
  }

  #handOver(socket: Socket, peer: Peer, arrived: (wire: Wire) => void): void {
    if (this.#webSocket !== null) {
      this.#webSocket.serve(socket, peer, arrived)
      return
    }
    const check = this.#options.tls === undefined ? wrongProtocolOf : null
    arrived(streamWire(socket, peer, check))
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

  /** Counts connections that Node has closed because there was no file descriptor. */
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

async function closed(server: Server): Promise<void> {
  if (!server.listening) return
  await new Promise<void>(resolve => {
    server.close(() => resolve())
  })
}

/** Makes an error with the system's code. */
function bindError(error: NodeJS.ErrnoException, name: string): Error {
  return Object.assign(new Error(bindSentence(error, name)), { code: error.code })
}

function bindSentence(error: NodeJS.ErrnoException, name: string): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `${name} is taken by another program.`
    case 'EACCES':
      return `${name} may not be used by this user. Ports below 1024 belong to root.`
    case 'EADDRNOTAVAIL':
      return `${name} has an address that this machine does not have.`
    default:
      return `${name} cannot be listened on: ${error.message}`
  }
}
