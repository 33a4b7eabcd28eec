// HTTP in front of a listener: upgrades to WebSocket on any path, and the web page for everything else.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { Socket as SystemSocket, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Log } from '../observe/log.ts'
import { quoted } from '../packet/text.ts'
import type { ListenerOptions, RequestSource } from './listener-options.ts'
import { REQUESTS_WAITING_MAX, RequestsInTurn } from './requests-in-turn.ts'
import { WebOrigins } from './web-origin.ts'
import { WebSocketWire } from './websocket-wire.ts'
import type { Ways } from './preparation.ts'
import { CLOSE_MS_MAX, ignored, type Peer } from './wire.ts'

/** The subprotocols of MQTT over WebSocket. MQTT 3.1 clients use the second one. */
const SUBPROTOCOLS = ['mqtt', 'mqttv3.1']
const FRAME_BYTES_MAX = 2_097_152
const HEADERS_MAX = 100
const REQUEST_MS_MAX = 10_000
const READ_MS_MAX = 30_000
/**
 * The time from a close frame, or an invalid frame, to the end of the socket, if the client does not close its side. The client
 * cannot send anything meanwhile. The types of `ws` do not have the option yet.
 */
const CLOSING = { closeTimeout: CLOSE_MS_MAX }

export class WebSocketStage {
  readonly #options: ListenerOptions
  readonly #log: Log
  readonly #http: Server
  readonly #webSockets: WebSocketServer
  readonly #origins: WebOrigins
  readonly #requests = new RequestsInTurn()
  readonly #peers = new WeakMap<Duplex, Peer>()
  readonly #ways = new WeakMap<Duplex, Ways>()

  constructor(options: ListenerOptions, log: Log) {
    this.#options = options
    this.#log = log
    this.#origins = new WebOrigins(options)
    this.#webSockets = new WebSocketServer({
      ...CLOSING,
      noServer: true,
      clientTracking: false,
      // Compression is off, because a few bytes could expand to any size.
      perMessageDeflate: false,
      maxPayload: options.frameBytesMax ?? FRAME_BYTES_MAX,
      handleProtocols: offered => SUBPROTOCOLS.find(each => offered.has(each)) ?? false,
    })
    const { handshakeTimeoutMs: requestTimeout = REQUEST_MS_MAX, readTimeoutMs = READ_MS_MAX } =
      options
    this.#http = createServer({
      requestTimeout,
      headersTimeout: requestTimeout,
      connectionsCheckingInterval: Math.ceil(requestTimeout / 4),
    })
    this.#http.maxHeadersCount = HEADERS_MAX
    // It never listens itself, and otherwise Node would not look at the times of requests.
    this.#http.emit('listening')
    this.#http.on('request', (request, response) => {
      const { socket } = request
      response.on('error', ignored)
      // The whole answer is there. Whoever reads nothing of it for so long is not waited for.
      response.once('prefinish', () => socket.setTimeout(readTimeoutMs))
      response.once('close', () => this.#requests.answered(socket))
      const isTaken = this.#requests.take(socket, () => this.#answer(request, response))
      if (!isTaken) this.#refuseMore(socket)
    })
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
    this.#http.on('clientError', (error, socket) => this.#unreadable(error, socket))
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { onRequest } = this.#options
    // The connection of a stranger ends soon, which must not be in the middle of an answer.
    if (this.#ways.get(request.socket)?.isLate() === true) response.shouldKeepAlive = false
    if (onRequest !== undefined) onRequest(request, response, this.#sourceOf(request))
    else response.writeHead(426).end('This port is for MQTT over WebSocket.\n')
  }

  /** What is left of a chunk is still parsed, and comes here as well. */
  #refuseMore(socket: Socket): void {
    const peer = this.#peers.get(socket)
    if (socket.destroyed || peer === undefined) return
    const { address, listener } = peer
    const cause = `it sends more than ${REQUESTS_WAITING_MAX} requests before their answers`
    this.#log.warn({ event: 'http.refused', listener, address, cause }, 'refused')
    socket.destroy()
  }

  #sourceOf(request: IncomingMessage): RequestSource {
    const { origin } = request.headers
    return {
      address: this.#peers.get(request.socket)?.address ?? '',
      isOriginAllowed: origin === undefined || this.#origins.allows(origin, request),
      signedIn: () => this.#ways.get(request.socket)?.signedIn(),
    }
  }

  /** `arrived` is called with the wire after the upgrade to WebSocket. */
  serve(socket: Duplex, peer: Peer, ways: Ways): void {
    this.#peers.set(socket, peer)
    this.#ways.set(socket, ways)
    socket.on('error', ignored)
    this.#http.emit('connection', socket)
    // Bytes behind a PROXY header are still in the socket. They reach the parser before bytes that are read from now on.
    socket.resume()
  }

  /** Handles bytes that are not HTTP, or too many headers. A connection that was only closed is not reported. */
  #unreadable(error: Error & { code?: string; rawPacket?: Buffer }, socket: Duplex): void {
    const peer = this.#peers.get(socket)
    const { code, rawPacket } = error
    if (peer === undefined || rawPacket === undefined || !socket.writable) {
      socket.destroy()
      return
    }
    const isTooLarge = code === 'HPE_HEADER_OVERFLOW'
    const sentence = isTooLarge ? 'its HTTP headers are larger than 16 KiB' : meantBy(rawPacket)
    const { address, listener } = peer
    this.#log.warn({ event: 'http.refused', listener, address, cause: sentence }, 'refused')
    const status = isTooLarge ? '431 Request Header Fields Too Large' : '400 Bad Request'
    refuse(socket, { status, sentence })
    setTimeout(() => socket.destroy(), CLOSE_MS_MAX).unref()
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const peer = this.#peers.get(socket)
    if (peer === undefined || socket.destroyed) {
      socket.destroy()
      return
    }
    const refusal = this.#refusalOf(request)
    if (refusal !== null) {
      const { address, listener } = peer
      const cause = refusal.sentence
      this.#log.warn({ event: 'websocket.refused', listener, address, cause }, 'refused')
      refuse(socket, refusal)
      return
    }
    this.#webSockets.handleUpgrade(request, socket, head, webSocket =>
      this.#upgraded(webSocket, request.socket, peer),
    )
  }

  #upgraded(webSocket: WebSocket, socket: Socket, peer: Peer): void {
    if (socket instanceof SystemSocket) socket.setNoDelay(true)
    const { firstFrameBytesMax } = this.#options
    this.#ways.get(socket)?.arrived(new WebSocketWire(webSocket, socket, peer, firstFrameBytesMax))
  }

  #refusalOf(request: IncomingMessage): Refusal | null {
    const offered = (request.headers['sec-websocket-protocol'] ?? '')
      .split(',')
      .map(each => each.trim())
    if (!SUBPROTOCOLS.some(each => offered.includes(each))) {
      const sentence = 'it offers neither of the WebSocket subprotocols mqtt and mqttv3.1'
      return { status: '400 Bad Request', sentence }
    }
    const { origin } = request.headers
    if (origin === undefined || this.#origins.allows(origin, request)) return null
    const { key } = this.#options
    const prefix = key === undefined ? '' : `${key}.`
    const remedy = `add it to ${prefix}origins, or its host to ${prefix}hosts if that is this broker`
    const sentence = `its web origin ${quoted(origin)} may not connect: ${remedy}`
    return { status: '403 Forbidden', sentence }
  }
}

interface Refusal {
  readonly status: '400 Bad Request' | '403 Forbidden' | '431 Request Header Fields Too Large'
  readonly sentence: string
}

/** Describes the bytes that came instead of HTTP. */
function meantBy(bytes: Buffer): string {
  if (bytes[0] === 0x10) return 'it speaks MQTT without WebSocket to the HTTP port'
  if (bytes[0] === 0x16) return 'it speaks TLS to the plain HTTP port'
  return 'what it sends is no HTTP'
}

function refuse(socket: Duplex, { status, sentence }: Refusal): void {
  const body = `Refused: ${sentence}.\n`
  socket.end(
    [
      `HTTP/1.1 ${status}`,
      'Content-Type: text/plain; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Connection: close',
      '',
      body,
    ].join('\r\n'),
  )
}
