// HTTP in front of a listener: upgrades to WebSocket on any path, and the web page for everything else.

import { createServer, type IncomingMessage, type Server } from 'node:http'
import { isIP, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Log } from '../observe/log.ts'
import { quoted } from '../packet/text.ts'
import type { ListenerOptions } from './listener-options.ts'
import { WebSocketWire } from './websocket-wire.ts'
import { type Arrival, CLOSE_MS_MAX, ignored, type Peer } from './wire.ts'

/** The names that MQTT over WebSocket goes by; the second is that of MQTT 3.1 clients. */
const SUBPROTOCOLS = ['mqtt', 'mqttv3.1']
const FRAME_BYTES_MAX = 2_097_152
const HEADERS_MAX = 100
/**
 * From a close frame, or a frame that is wrong, to the end of the socket: a client that does not close its side is
 * connected until then, and cannot say a word. The types of `ws` do not know the option yet.
 */
const CLOSING = { closeTimeout: 2_000 }
const LOCAL_HOSTS = ['localhost', '127.0.0.1', '[::1]']

export class WebSocketStage {
  readonly #options: ListenerOptions
  readonly #arrival: Arrival
  readonly #log: Log
  readonly #http: Server
  readonly #webSockets: WebSocketServer
  readonly #peers = new WeakMap<Duplex, Peer>()
  readonly #arrived = new WeakMap<Duplex, () => void>()

  constructor(options: ListenerOptions, arrival: Arrival, log: Log) {
    this.#options = options
    this.#arrival = arrival
    this.#log = log
    this.#webSockets = new WebSocketServer({
      ...CLOSING,
      noServer: true,
      clientTracking: false,
      // A few bytes could be inflated to any size.
      perMessageDeflate: false,
      // Which the types do not know: how long a client may take to answer a close frame, or to read what came before it.
      ...{ closeTimeout: CLOSE_MS_MAX },
      maxPayload: options.frameBytesMax ?? FRAME_BYTES_MAX,
      handleProtocols: offered => SUBPROTOCOLS.find(each => offered.has(each)) ?? false,
    })
    this.#http = createServer({ requestTimeout: 10_000, headersTimeout: 10_000 })
    this.#http.maxHeadersCount = HEADERS_MAX
    this.#http.on('request', (request, response) => {
      response.on('error', ignored)
      if (options.onRequest !== undefined) options.onRequest(request, response)
      else response.writeHead(426).end('This port is for MQTT over WebSocket.\n')
    })
    this.#http.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head))
    this.#http.on('clientError', (_error, socket) => socket.destroy())
  }

  /** `arrived` is called when the socket has become a WebSocket. */
  serve(socket: Socket, peer: Peer, arrived: () => void): void {
    this.#peers.set(socket, peer)
    this.#arrived.set(socket, arrived)
    socket.on('error', ignored)
    this.#http.emit('connection', socket)
    // What came behind a PROXY header lies in the socket still. It flows to the parser before anything that is read from now on.
    socket.resume()
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
    this.#arrived.get(socket)?.()
    socket.setNoDelay(true)
    this.#arrival(new WebSocketWire(webSocket, socket, peer))
  }

  #refusalOf(request: IncomingMessage): Refusal | null {
    const offered = (request.headers['sec-websocket-protocol'] ?? '')
      .split(',')
      .map(each => each.trim())
    if (!SUBPROTOCOLS.some(each => offered.includes(each))) {
      const sentence = 'it offers neither of the WebSocket subprotocols mqtt and mqttv3.1'
      return { status: '400 Bad Request', sentence }
    }
    const { origin, host } = request.headers
    if (origin === undefined || this.#mayCome(origin, host ?? '')) return null
    const { key } = this.#options
    const list = key === undefined ? 'origins' : `${key}.origins`
    const sentence = `its web origin ${quoted(origin)} may not connect: add it to ${list}`
    return { status: '403 Forbidden', sentence }
  }

  /**
   * A page from anywhere on the web could open a WebSocket to a broker on the visitor's own machine. So only pages
   * of this machine and of the origins in the configuration may, and those that were loaded from this very host by
   * its number: a name could be made to point here by whoever owns it.
   */
  #mayCome(origin: string, host: string): boolean {
    const allowed = this.#options.origins ?? []
    if (allowed.includes('*') || allowed.includes(origin)) return true
    if (!URL.canParse(origin)) return false
    const url = new URL(origin)
    const isNumber = isIP(url.hostname.replaceAll(/[[\]]/g, '')) !== 0
    return LOCAL_HOSTS.includes(url.hostname) || (isNumber && url.host === host)
  }
}

interface Refusal {
  readonly status: '400 Bad Request' | '403 Forbidden'
  readonly sentence: string
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
