import { createServer, type Socket } from 'node:net'
import type { Log } from '../observe/log.ts'
import { streamWire } from './stream-wire.ts'
import type { Arrival } from './wire.ts'
export interface Listener { readonly name: string; readonly port: number; start(): Promise<void>; close(): Promise<void>; reload(): Promise<void>; readonly connectionCount: number }
export function createListener(options: { host?: string | undefined; port?: number | undefined }, arrival: Arrival, _log: Log): Listener {
  const server = createServer({ noDelay: true, keepAlive: true }, (socket: Socket) => {
    arrival(streamWire(socket, { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0, transport: 'tcp', listener: 'mqtt', certificate: null }))
  })
  let port = options.port ?? 1883
  return {
    get name() { return `mqtt://127.0.0.1:${port}` },
    get port() { return port },
    start: () => new Promise((resolve, reject) => { server.once('error', reject); server.listen(port, options.host ?? '127.0.0.1', () => { const a = server.address(); if (a && typeof a === 'object') port = a.port; resolve() }) }),
    close: () => new Promise(resolve => server.close(() => resolve())),
    reload: async () => {},
    connectionCount: 0,
  }
}
