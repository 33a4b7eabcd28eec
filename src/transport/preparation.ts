// The steps before MQTT on an accepted socket: PROXY header, TLS and WebSocket, within one deadline.

import type { BlockList, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Log } from '../observe/log.ts'
import { wrongProtocolOf } from './first-bytes.ts'
import { HandshakeDeadline } from './handshake-deadline.ts'
import { readHead } from './http-head.ts'
import type { ListenerOptions } from './listener-options.ts'
import { parseProxyHeader } from './proxy-protocol.ts'
import { streamWire } from './stream-wire.ts'
import { isWithin } from '../access/addresses.ts'
import { subnetsOf } from './subnets.ts'
import { type LoadedFiles, loadTlsFiles } from './tls-files.ts'
import { TlsStage } from './tls-stage.ts'
import { WebSocketStage } from './websocket-stage.ts'
import { ignored, type Peer, type Wire } from './wire.ts'

const HANDSHAKE_MS_MAX = 10_000

/** The memory of a connection, of its socket and of what belongs to both. */
const CONNECTION_BYTES = 4_000
/** The memory of a TLS handshake, and of an upgrade from HTTP. */
const TLS_BYTES = 49_152
const HTTP_BYTES = 16_384

export interface PreparationEvents {
  refuse(socket: Socket, peer: Peer, cause: string): void
  /** The address of the client was read from a PROXY header. It goes on when `goOn` is called, if it may. */
  named(socket: Socket, peer: Peer, goOn: () => void): void
  /** A request of HTTP on this connection has shown who asks. */
  signedIn(socket: Socket): void
}

/** `spentMs` of the time for CONNECT are over. */
export type Arrived = (wire: Wire, spentMs: number, protocol: WireProtocol) => void

/** HTTP is spoken only over wires of a front end, which leaves requests to the core. */
export type WireProtocol = 'mqtt' | 'http'

/** How the time before MQTT ends. */
export interface Ways {
  arrived(wire: Wire, protocol?: WireProtocol): void
  /** A request of HTTP has shown who asks: the connection may stay as long as it is used. */
  signedIn(): void
  /** Whether half of the time is over, and nobody has signed in. */
  isLate(): boolean
}

export interface Waited {
  readonly peer: Peer
  /** How long the connection has waited since it was accepted. */
  readonly waitedMs: number
}

/** The steps before MQTT: in this process, or by a front end. */
export interface Preparing {
  /** Reads the certificates, if the listener has TLS. `listenerName` is for the log. */
  start(listenerName: () => string): Promise<void>
  /** Reads the certificates again. If a file is wrong it rejects, and the old ones stay in use. */
  reload(): Promise<void>
  /** Whether the certificate or the key of this peer counts no more. */
  hasRevoked(peer: Peer): boolean
  /** Closes the connections that are before MQTT. */
  close(): void
  /** The memory of a connection until CONNECT, beside what it sends. */
  readonly bytes: number
  /** Calls back with the wire after the last step. */
  prepare(socket: Socket, waited: Waited, arrived: Arrived): void
  /** Whether bytes have come from this connection. */
  hasSpoken(socket: Socket): boolean
}

export class Preparation implements Preparing {
  readonly #options: ListenerOptions
  readonly #log: Log
  readonly #events: PreparationEvents
  readonly #proxyTrusted: BlockList | null
  readonly #webSocket: WebSocketStage | null
  #tls: TlsStage | null = null
  /** Accepted connections that are still before MQTT. */
  readonly #sockets = new Set<Duplex>()

  constructor(options: ListenerOptions, log: Log, events: PreparationEvents) {
    this.#options = options
    this.#log = log
    this.#events = events
    this.#proxyTrusted = options.proxyTrusted === undefined ? null : subnetsOf(options.proxyTrusted)
    this.#webSocket = options.protocol === 'ws' ? new WebSocketStage(options, log) : null
  }

  async start(listenerName: () => string): Promise<void> {
    const { tls } = this.#options
    if (tls !== undefined) this.secureWith(await loadTlsFiles(tls), listenerName)
  }

  async reload(): Promise<void> {
    const { tls } = this.#options
    if (tls !== undefined) this.#tls?.replace(await loadTlsFiles(tls))
  }

  /** Uses these certificates, from the next handshake on. */
  secureWith(loaded: LoadedFiles, listenerName: () => string): void {
    const { tls, protocol } = this.#options
    if (this.#tls !== null) this.#tls.replace(loaded)
    else if (tls !== undefined) {
      const alpn = protocol === 'ws' ? 'http/1.1' : 'mqtt'
      this.#tls = new TlsStage(tls, loaded, { alpn, log: this.#log, name: listenerName })
    }
  }

  hasRevoked(peer: Peer): boolean {
    return this.#tls?.hasRevoked(peer) === true
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  get bytes(): number {
    return bytesBeforeMqtt(this.#options)
  }

  hasSpoken(socket: Socket): boolean {
    return socket.bytesRead > 0
  }

  prepare(socket: Socket, { peer, waitedMs }: Waited, arrived: Arrived): void {
    if (this.#isNeedless()) {
      // The wire listens to its errors from here on.
      arrived(streamWire(socket, peer, wrongProtocolOf), waitedMs, 'mqtt')
      return
    }
    if (socket.listenerCount('error') === 0) socket.on('error', ignored)
    const signedIn = (): void => this.#events.signedIn(socket)
    const inTime = this.#withinDeadline(socket, { waitedMs, signedIn }, arrived)
    if (this.#options.proxyProtocol === true) this.#readProxyHeader(socket, peer, inTime)
    else this.#secure(socket, peer, inTime)
  }

  /** Serves a connection of HTTP on which a front end has done the steps before. `signedIn` is as for `Ways`. */
  serveHttp(stream: Duplex, waited: Waited & Pick<Ways, 'signedIn'>, arrived: Arrived): void {
    const { peer } = waited
    this.#webSocket?.serve(stream, peer, this.#withinDeadline(stream, waited, arrived))
  }

  /** Nothing comes before MQTT. */
  #isNeedless(): boolean {
    const { protocol, tls, proxyProtocol } = this.#options
    return protocol === 'mqtt' && tls === undefined && proxyProtocol !== true
  }

  /**
   * Sets one deadline, counted from accept, for everything before MQTT, however slowly bytes arrive.
   * Returns what to call at its end.
   */
  #withinDeadline(
    socket: Duplex,
    { waitedMs, signedIn }: Pick<Waited, 'waitedMs'> & Pick<Ways, 'signedIn'>,
    arrived: Arrived,
  ): Ways {
    const leftMs = msLeftBeforeMqtt(this.#options, waitedMs)
    const deadline = new HandshakeDeadline(leftMs, () => socket.destroy())
    const isThrough = (): void => {
      deadline.clear()
      this.#sockets.delete(socket)
    }
    this.#sockets.add(socket)
    socket.once('close', isThrough)
    let isSignedIn = false
    return {
      arrived: (wire, protocol = 'mqtt') => {
        const spentMs = isSignedIn ? 0 : waitedMs + deadline.spentMs
        isThrough()
        arrived(wire, spentMs, protocol)
      },
      isLate: () => !isSignedIn && deadline.spentMs > leftMs / 2,
      signedIn: () => {
        if (isSignedIn) return
        isSignedIn = true
        deadline.clear()
        signedIn()
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
      this.#events.named(socket, client, () => this.#secure(socket, client, ways))
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
    const webSocket = this.#webSocket
    if (webSocket !== null) {
      if (this.#options.leavesHttp !== true) webSocket.serve(socket, peer, ways)
      else
        readHead(socket, isPlain => {
          if (isPlain) ways.arrived(streamWire(socket, peer), 'http')
          else webSocket.serve(socket, peer, ways)
        })
      return
    }
    const check = this.#options.tls === undefined ? wrongProtocolOf : null
    ways.arrived(streamWire(socket, peer, check))
  }
}

export function bytesBeforeMqtt({ tls, protocol }: ListenerOptions): number {
  const tlsBytes = tls === undefined ? 0 : TLS_BYTES
  return CONNECTION_BYTES + tlsBytes + (protocol === 'ws' ? HTTP_BYTES : 0)
}

/** How long an accepted connection that has waited already may take for everything before MQTT. */
export function msLeftBeforeMqtt(
  {
    handshakeTimeoutMs = HANDSHAKE_MS_MAX,
    connectTimeoutMs = Infinity,
  }: Pick<ListenerOptions, 'handshakeTimeoutMs' | 'connectTimeoutMs'>,
  waitedMs: number,
): number {
  return Math.max(1, Math.min(handshakeTimeoutMs, connectTimeoutMs) - waitedMs)
}
