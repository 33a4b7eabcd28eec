// The stream to a broker: TCP, TLS, WebSocket or a Unix socket.

import { readFileSync } from 'node:fs'
import { connect as connectTcp, isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { createWebSocketStream, WebSocket } from 'ws'
import { unreachedSentence } from '../../thrown.ts'

export interface Endpoint {
  readonly protocol: 'mqtt' | 'mqtts' | 'ws' | 'wss' | 'unix'
  readonly host: string
  readonly port: number
  /** Of the WebSocket, or of the Unix socket. */
  readonly path: string
  readonly tls: TlsWords
}

interface TlsWords {
  readonly caFile: string | null
  readonly certFile: string | null
  readonly keyFile: string | null
  /** Whether the name in the certificate must be that of the host. */
  readonly checksName: boolean
}

const CONNECT_MS_MAX = 30_000

/** Resolves when the stream is open. Rejects with a sentence. */
export async function openStream(endpoint: Endpoint): Promise<Duplex> {
  const { stream, opened } = streamTo(endpoint)
  const timer = setTimeout(
    () => stream.destroy(new Error(`no answer in ${CONNECT_MS_MAX / 1_000} s`)),
    CONNECT_MS_MAX,
  )
  try {
    await new Promise<void>((settle, failed) => {
      opened(settle)
      stream.once('error', failed)
      stream.once('close', () => failed(new Error('the connection was closed')))
    })
  } catch (error) {
    throw new Error(`${nameOf(endpoint)}: ${unreachedSentence(error)}`, { cause: error })
  } finally {
    clearTimeout(timer)
  }
  return stream
}

interface Opening {
  readonly stream: Duplex
  readonly opened: (done: () => void) => void
}

function streamTo({ protocol, host, port, path, tls }: Endpoint): Opening {
  switch (protocol) {
    case 'unix':
    case 'mqtt': {
      const socket = protocol === 'unix' ? connectTcp({ path }) : connectTcp({ host, port })
      socket.setNoDelay(true)
      return { stream: socket, opened: done => void socket.once('connect', done) }
    }
    case 'mqtts': {
      const socket = secureSocket(host, port, tls)
      return { stream: socket, opened: done => void socket.once('secureConnect', done) }
    }
    case 'ws':
    case 'wss': {
      const place = host.includes(':') ? `[${host}]` : host
      const url = `${protocol}://${place}:${port}${path}`
      const socket = new WebSocket(url, 'mqtt', {
        perMessageDeflate: false,
        ...(protocol === 'wss' && { createConnection: () => secureSocket(host, port, tls) }),
      })
      return {
        stream: createWebSocketStream(socket),
        opened: done => void socket.once('open', done),
      }
    }
  }
}

function secureSocket(host: string, port: number, tls: TlsWords): TLSSocket {
  const { caFile, certFile, keyFile, checksName } = tls
  const socket = connectTls({
    host,
    port,
    // An address is no name that a server could choose its certificate by.
    ...(isIP(host) === 0 && { servername: host }),
    ...(caFile !== null && { ca: readFileSync(caFile) }),
    ...(certFile !== null && { cert: readFileSync(certFile) }),
    ...(keyFile !== null && { key: readFileSync(keyFile) }),
    ...(!checksName && { checkServerIdentity: () => undefined }),
  })
  return socket.setNoDelay(true)
}

function nameOf({ protocol, host, port, path }: Endpoint): string {
  return protocol === 'unix' ? path : `${host}:${port}`
}
