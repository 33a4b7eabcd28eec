// MQTT over WebSocket on an HTTP server of the embedding program, on one path of it.

import type { IncomingMessage, Server as HttpServer } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { TLSSocket } from 'node:tls'
import { WebSocketServer } from 'ws'
import { plainAddress } from '../access/addresses.ts'
import { type OriginRules, WebOrigins } from '../transport/web-origin.ts'
import { WebSocketWire } from '../transport/websocket-wire.ts'
import { ignored, type Wire } from '../transport/wire.ts'

const SUBPROTOCOLS = ['mqtt', 'mqttv3.1']

/** `origins` and `hosts` as those of a listener. */
export type AttachOptions = Pick<OriginRules, 'origins' | 'hosts'>

/** Returns how to detach: clients that are connected stay. Upgrades on other paths are left to the program. */
export function attach(
  server: HttpServer,
  path: string,
  options: AttachOptions,
  accept: {
    readonly wire: (wire: Wire) => void
    readonly frameBytesMax: number
    readonly firstFrameBytesMax: number
  },
): () => void {
  const origins = new WebOrigins(options)
  const webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: accept.frameBytesMax,
    handleProtocols: offered => SUBPROTOCOLS.find(each => offered.has(each)) ?? false,
  })
  const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (pathOf(request) !== path) return
    socket.on('error', ignored)
    const refusal = refusalOf(request, origins)
    if (refusal !== null) {
      socket.end(`HTTP/1.1 ${refusal}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`)
      return
    }
    webSockets.handleUpgrade(request, socket, head, webSocket => {
      const { socket: transport } = request
      transport.setNoDelay(true)
      const peer = peerOf(transport, path)
      accept.wire(new WebSocketWire(webSocket, transport, peer, accept.firstFrameBytesMax))
    })
  }
  server.on('upgrade', upgrade)
  return () => void server.off('upgrade', upgrade)
}

function pathOf({ url = '' }: IncomingMessage): string {
  return url.split('?', 1)[0] ?? ''
}

function refusalOf(request: IncomingMessage, origins: WebOrigins): string | null {
  const offered = (request.headers['sec-websocket-protocol'] ?? '').split(/\s*,\s*/)
  if (!SUBPROTOCOLS.some(each => offered.includes(each))) return '400 Bad Request'
  const { origin } = request.headers
  return origin === undefined || origins.allows(origin, request) ? null : '403 Forbidden'
}

function peerOf(socket: Socket, path: string) {
  const { remoteAddress, remotePort } = socket
  return {
    address: remoteAddress === undefined ? '' : plainAddress(remoteAddress),
    port: remotePort ?? 0,
    transport: socket instanceof TLSSocket ? ('wss' as const) : ('ws' as const),
    listener: `attached ${path}`,
    certificate: null,
  }
}
