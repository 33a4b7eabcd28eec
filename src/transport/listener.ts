// What every listener does: bind, accept, cap, and hand over once PROXY header, TLS and WebSocket are done with.

import { BlockList, createServer, isIPv6, type Server, type Socket } from 'node:net'
import type { Log } from '../observe/log.ts'
import { misunderstandingOf } from './first-bytes.ts'
import type { ListenerOptions } from './listener-options.ts'
import { PatientDeadline } from './patient-deadline.ts'
import { parseProxyHeader } from './proxy-protocol.ts'
import { streamWire } from './stream-wire.ts'
import { TlsStage } from './tls-stage.ts'
import { prepareSocketPath, restrictSocketPath } from './unix-socket.ts'
import { WebSocketStage } from './websocket-stage.ts'
import { type Arrival, ignored, type Peer, type TransportName } from './wire.ts'

export interface Listener {
  /** `mqtt://127.0.0.1:1883`, with the port that it is bound to. */
  readonly name: string
  readonly port: number
  readonly connectionCount: number
  /** Rejects with a sentence that says what is in the way. */
  start(): Promise<void>
  /** Stops accepting. What was accepted lives on until its line ends it. */
  close(): Promise<void>
  /** Reads certificates anew; with bad files the old ones stay, and it rejects. */
  reload(): Promise<void>
}

const HANDSHAKE_MS_MAX = 10_000
/** A client may switch MQTT's keep-alive off: then it is TCP that notices when it is gone without a word. */
const TCP_KEEP_ALIVE_MS = 60_000

export function createListener(options: ListenerOptions, arrival: Arrival, log: Log): Listener {
  return new SocketListener(options, arrival, log)
}

class SocketListener implements Listener {
  readonly #options: ListenerOptions
  readonly #arrival: Arrival
  readonly #log: Log
  readonly #server: Server
  readonly #proxyTrusted: BlockList | null
  readonly #webSocket: WebSocketStage | null
  #tls: TlsStage | null = null
  #port: number
  #name: string
  #connections = 0
  readonly #socketClosed = (): void => {
    this.#connections -= 1
  }
  /** Accepted, and not yet through with what comes before MQTT. */
  readonly #preparing = new Set<Socket>()

  constructor(options: ListenerOptions, arrival: Arrival, log: Log) {
    this.#options = options
    this.#arrival = arrival
    this.#log = log
    this.#port = options.port ?? 0
    this.#name = this.#nameNow()
    this.#proxyTrusted = options.proxyTrusted === undefined ? null : subnetsOf(options.proxyTrusted)
    this.#webSocket = options.protocol === 'ws' ? new WebSocketStage(options, arrival, log) : null
    const isTcp = options.path === undefined
    this.#server = createServer(
      { noDelay: isTcp, keepAlive: isTcp, keepAliveInitialDelay: TCP_KEEP_ALIVE_MS },
      socket => this.#accept(socket),
    )
  }

  get name(): string {
    return this.#name
  }

  #nameNow(): string {
    const { protocol, tls, path, host } = this.#options
    const scheme = `${protocol}${tls === undefined ? '' : 's'}`
    if (path !== undefined) return `${scheme}+unix:${path}`
    const address = host ?? '127.0.0.1'
    return `${scheme}://${isIPv6(address) ? `[${address}]` : address}:${this.#port}`
  }

  get port(): number {
    return this.#port
  }

  get connectionCount(): number {
    return this.#connections
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
    if (!this.#server.listening) return
    await new Promise<void>(resolve => {
      this.#server.close(() => resolve())
    })
  }

  async reload(): Promise<void> {
    await this.#tls?.reload()
  }

  async #listen(): Promise<void> {
    const { path, host = '127.0.0.1', port = 0 } = this.#options
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error: NodeJS.ErrnoException) =>
        reject(bindError(error, this.name)),
      )
      if (path === undefined) this.#server.listen({ host, port, backlog: 4_096 }, resolve)
      else this.#server.listen({ path, backlog: 4_096 }, resolve)
    })
    this.#server.removeAllListeners('error')
    this.#server.on('error', error => this.#acceptFailed(error.message))
    const address = this.#server.address()
    if (address !== null && typeof address === 'object') this.#port = address.port
    this.#name = this.#nameNow()
  }

  #accept(socket: Socket): void {
    socket.on('error', ignored)
    const peer: Peer = {
      address: plainAddress(socket.remoteAddress ?? ''),
      port: socket.remotePort ?? 0,
      transport: this.#transportName,
      listener: this.#name,
      certificate: null,
    }
    const fullness = this.#fullness
    if (fullness !== null) {
      this.#refuse(socket, peer, fullness)
      return
    }
    this.#connections += 1
    socket.on('close', this.#socketClosed)
    if (this.#isPlain) {
      this.#arrival(streamWire(socket, peer, misunderstandingOf))
      return
    }
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
   * One deadline from accept for all that comes before MQTT, however slowly its bytes drip.
   * Returns what is to be called when the socket has come through.
   */
  #startDeadline(socket: Socket): () => void {
    const { handshakeTimeoutMs = HANDSHAKE_MS_MAX } = this.#options
    const deadline = new PatientDeadline(handshakeTimeoutMs, () => socket.destroy())
    const arrived = (): void => {
      deadline.clear()
      this.#preparing.delete(socket)
    }
    this.#preparing.add(socket)
    socket.once('close', arrived)
    return arrived
  }

  #readProxyHeader(socket: Socket, peer: Peer, arrived: () => void): void {
    if (this.#proxyTrusted?.check(peer.address, isIPv6(peer.address) ? 'ipv6' : 'ipv4') === false) {
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

  #secure(socket: Socket, peer: Peer, arrived: () => void): void {
    if (this.#tls === null) this.#handOver(socket, peer, arrived)
    else
      this.#tls.secure(socket, peer, (secured, verified) =>
        this.#handOver(secured, verified, arrived),
      )
  }

  #handOver(socket: Socket, peer: Peer, arrived: () => void): void {
    if (this.#webSocket !== null) {
      this.#webSocket.serve(socket, peer, arrived)
      return
    }
    arrived()
    const check = this.#options.tls === undefined ? misunderstandingOf : null
    this.#arrival(streamWire(socket, peer, check))
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

  /** Without a descriptor for it a connection cannot be accepted: Node closes it. */
  #acceptFailed(cause: string): void {
    this.#log.error({ event: 'accept.failed', listener: this.name, cause }, 'accept failed')
  }

  /** Why one more connection is refused, or null. */
  get #fullness(): string | null {
    const { connectionsMax, key, fullness } = this.#options
    if (this.#connections < connectionsMax) return fullness?.() ?? null
    return `${connectionsMax} connections are open (${key ?? 'the listener'}.connectionsMax)`
  }
}

/** An IPv4 client of a listener for both families, written as what it is. */
function plainAddress(address: string): string {
  return address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address
}

function subnetsOf(list: readonly string[]): BlockList {
  const subnets = new BlockList()
  for (const each of list) {
    const [address = '', prefix] = each.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (prefix === undefined) subnets.addAddress(address, family)
    else subnets.addSubnet(address, Number(prefix), family)
  }
  return subnets
}

/** With the code that the system gave. */
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
