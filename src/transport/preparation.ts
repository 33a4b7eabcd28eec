// The steps before MQTT on an accepted socket: PROXY header, TLS and WebSocket, within one deadline.

import type { BlockList, Socket } from 'node:net'
import type { Log } from '../observe/log.ts'
import { wrongProtocolOf } from './first-bytes.ts'
import { HandshakeDeadline } from './handshake-deadline.ts'
import type { ListenerOptions } from './listener-options.ts'
import { parseProxyHeader } from './proxy-protocol.ts'
import { streamWire } from './stream-wire.ts'
import { isWithin } from '../access/addresses.ts'
import { subnetsOf } from './subnets.ts'
import { TlsStage } from './tls-stage.ts'
import { WebSocketStage } from './websocket-stage.ts'
import { ignored, type Peer, type Wire } from './wire.ts'

const HANDSHAKE_MS_MAX = 10_000

/** The memory of a connection, of its socket and of what belongs to both. */
const CONNECTION_BYTES = 4_000
/** The memory of a TLS handshake, and of an upgrade from HTTP. */
const TLS_BYTES = 49_152
const HTTP_BYTES = 16_384

interface PreparationEvents {
  refuse(socket: Socket, peer: Peer, cause: string): void
  /** The address of the client was read from a PROXY header. Returns false if the connection was closed for it. */
  named(socket: Socket, peer: Peer): boolean
  /** A request of HTTP on this connection has shown who asks. */
  signedIn(socket: Socket): void
}

/** `spentMs` of the time for CONNECT are over. */
type Arrived = (wire: Wire, spentMs: number) => void

/** How the time before MQTT ends. */
export interface Ways {
  arrived(wire: Wire): void
  /** A request of HTTP has shown who asks: the connection may stay as long as it is used. */
  signedIn(): void
}

interface Waited {
  readonly peer: Peer
  /** How long the connection has waited since it was accepted. */
  readonly waitedMs: number
}

export class Preparation {
  readonly #options: ListenerOptions
  readonly #log: Log
  readonly #events: PreparationEvents
  readonly #proxyTrusted: BlockList | null
  readonly #webSocket: WebSocketStage | null
  #tls: TlsStage | null = null
  /** Accepted connections that are still before MQTT. */
  readonly #sockets = new Set<Socket>()

  constructor(options: ListenerOptions, log: Log, events: PreparationEvents) {
    this.#options = options
    this.#log = log
    this.#events = events
    this.#proxyTrusted = options.proxyTrusted === undefined ? null : subnetsOf(options.proxyTrusted)
    this.#webSocket = options.protocol === 'ws' ? new WebSocketStage(options, log) : null
  }

  /** Reads the certificates, if the listener has TLS. `listenerName` is for the log. */
  async start(listenerName: () => string): Promise<void> {
    const { tls, protocol } = this.#options
    if (tls === undefined) return
    const alpn = protocol === 'ws' ? 'http/1.1' : 'mqtt'
    this.#tls = await TlsStage.create(tls, alpn, this.#log, listenerName)
  }

  /** Reads the certificates again. If a file is wrong it rejects, and the old ones stay in use. */
  async reload(): Promise<void> {
    await this.#tls?.reload()
  }

  /** Whether the certificate or the key of this peer counts no more. */
  hasRevoked(peer: Peer): boolean {
    return this.#tls?.hasRevoked(peer) === true
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  /** The memory of a connection until CONNECT, beside what it sends. */
  get bytes(): number {
    const { tls, protocol } = this.#options
    const tlsBytes = tls === undefined ? 0 : TLS_BYTES
    return CONNECTION_BYTES + tlsBytes + (protocol === 'ws' ? HTTP_BYTES : 0)
  }

  /** Calls back with the wire after the last step. */
  prepare(socket: Socket, { peer, waitedMs }: Waited, arrived: Arrived): void {
    if (this.#isNeedless) {
      // The wire listens to its errors from here on.
      arrived(streamWire(socket, peer, wrongProtocolOf), waitedMs)
      return
    }
    if (socket.listenerCount('error') === 0) socket.on('error', ignored)
    const inTime = this.#withinDeadline(socket, waitedMs, arrived)
    if (this.#options.proxyProtocol === true) this.#readProxyHeader(socket, peer, inTime)
    else this.#secure(socket, peer, inTime)
  }

  /** Nothing comes before MQTT. */
  get #isNeedless(): boolean {
    const { protocol, tls, proxyProtocol } = this.#options
    return protocol === 'mqtt' && tls === undefined && proxyProtocol !== true
  }

  /**
   * Sets one deadline, counted from accept, for everything before MQTT, however slowly bytes arrive.
   * Returns what to call at its end.
   */
  #withinDeadline(socket: Socket, waitedMs: number, arrived: Arrived): Ways {
    const { handshakeTimeoutMs = HANDSHAKE_MS_MAX, connectTimeoutMs = Infinity } = this.#options
    const leftMs = Math.max(1, Math.min(handshakeTimeoutMs, connectTimeoutMs) - waitedMs)
    const deadline = new HandshakeDeadline(leftMs, () => socket.destroy())
    const isThrough = (): void => {
      deadline.clear()
      this.#sockets.delete(socket)
    }
    this.#sockets.add(socket)
    socket.once('close', isThrough)
    let isSignedIn = false
    return {
      arrived: wire => {
        const spentMs = isSignedIn ? 0 : waitedMs + deadline.spentMs
        isThrough()
        arrived(wire, spentMs)
      },
      signedIn: () => {
        if (isSignedIn) return
        isSignedIn = true
        deadline.clear()
        this.#events.signedIn(socket)
      },
    }
  }

  #readProxyHeader(socket: Socket, peer: Peer, ways: Ways): void {
    if (this.#proxyTrusted !== null && !isWithin(this.#proxyTrusted, peer.address)) {
      this.#events.refuse(socket, peer, 'its address may not send a PROXY header')
      return
    }
    let bytes = Buffer.alloc(0)
    const read = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk])
      const header = parseProxyHeader(bytes)
      if (header.kind === 'incomplete') return
      socket.off('data', read)
      if (header.kind === 'invalid') {
        this.#events.refuse(socket, peer, header.sentence)
        return
      }
      socket.pause()
      if (bytes.length > header.length) socket.unshift(bytes.subarray(header.length))
      const client = { ...peer, ...header.source }
      if (this.#events.named(socket, client)) this.#secure(socket, client, ways)
    }
    socket.on('data', read)
    socket.resume()
  }

  #secure(socket: Socket, peer: Peer, ways: Ways): void {
    if (this.#tls === null) this.#handOver(socket, peer, ways)
    else
      this.#tls.secure(socket, peer, (secured, verified) => this.#handOver(secured, verified, ways))
  }

  #handOver(socket: Socket, peer: Peer, ways: Ways): void {
    if (this.#webSocket !== null) {
      this.#webSocket.serve(socket, peer, ways)
      return
    }
    const check = this.#options.tls === undefined ? wrongProtocolOf : null
    ways.arrived(streamWire(socket, peer, check))
  }
}
