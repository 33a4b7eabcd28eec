// Runs aedes, as its documentation says.

import { readFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { createServer } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { Aedes } from 'aedes'
import { createWebSocketStream, WebSocketServer } from 'ws'
import type { Transport } from '../job.ts'

interface Settings {
  readonly transport: Transport
  readonly port: number
  readonly certFile: string
  readonly keyFile: string
}

const BACKLOG = 4_096

const settings = JSON.parse(process.argv[2] ?? '') as Settings
const broker = await Aedes.createBroker()
serve(settings)

function serve({ transport, port, certFile, keyFile }: Settings): void {
  const place = { port, host: '127.0.0.1', backlog: BACKLOG }
  switch (transport) {
    case 'tcp':
      createServer({ noDelay: true }, broker.handle).listen(place)
      return
    case 'tls':
      createTlsServer(
        { cert: readFileSync(certFile), key: readFileSync(keyFile) },
        broker.handle,
      ).listen(place)
      return
    case 'websocket': {
      const server = createHttpServer()
      const webSockets = new WebSocketServer({ server })
      webSockets.on('connection', (socket, request) => {
        broker.handle(createWebSocketStream(socket), request)
      })
      server.listen(place)
      return
    }
  }
}
