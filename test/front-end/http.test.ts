// Plain HTTP on a WebSocket port of front ends: the core answers, over the bytes that the front end carries.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type Test, test } from 'tap'
import type { ListenerOptions, RequestSource } from '../../src/transport/listener-options.ts'
import { farEnd } from '../transport/far-ends.ts'
import { serverCertificate, until, World } from '../transport/world.ts'
import { FrontEndHere, preparingBy } from '../link/front-end-here.ts'

const UPGRADE = [
  'GET /mqtt HTTP/1.1',
  'Host: 127.0.0.1',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Protocol: mqtt',
  '',
  '',
].join('\r\n')

async function world(t: Test, options: Partial<ListenerOptions>) {
  const here = await FrontEndHere.start(t)
  const preparing = preparingBy([here])
  return World.listening(t, { protocol: 'ws', preparing, ...options })
}

async function textUntil(socket: Socket, isWhole: (text: string) => boolean): Promise<string> {
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  socket.resume()
  await until(() => isWhole(text))
  return text
}

test('a large answer comes whole, however slowly it is read', async t => {
  const body = Buffer.alloc(3_000_000, 'x')
  const listening = await world(t, { onRequest: (_request, response) => response.end(body) })
  const socket = connect(listening.listener.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  const closed = once(socket, 'close')

  socket.write('GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n')
  socket.pause()
  await new Promise(resolve => setTimeout(resolve, 50))
  const text = await textUntil(socket, so => so.length > body.length)

  t.match(text, /^HTTP\/1\.1 200 OK/)
  t.ok(text.endsWith('xxx'))
  await closed
})

test('a large request arrives whole', async t => {
  let size = 0
  const listening = await world(t, {
    onRequest: (request, response) => {
      request.on('data', (chunk: Buffer) => (size += chunk.length))
      request.on('end', () => response.end(String(size)))
    },
  })

  const answer = await fetch(`http://127.0.0.1:${listening.listener.port}/`, {
    method: 'POST',
    body: Buffer.alloc(2_000_000),
  })

  t.equal(await answer.text(), '2000000')
})

test('a connection that begins with a request may become a WebSocket later', async t => {
  const listening = await world(t, { onRequest: (_request, response) => response.end('hello') })
  const socket = connect(listening.listener.port, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.write('GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n')
  await textUntil(socket, text => text.includes('hello'))

  socket.write(UPGRADE)
  await textUntil(socket, text => text.includes('101 Switching Protocols'))
  socket.write(Buffer.from([0x82, 0x82, 0, 0, 0, 0, 0x68, 0x69]))

  const arrived = await listening.arrives()
  t.equal(await arrived.receives(2), 'hi')
  t.equal(arrived.wire.peer.transport, 'ws')
})

test('who asks is known: the address behind a proxy, TLS, and the origins of a trusted proxy', async t => {
  const seen: { from: RequestSource; socketAddress: string | undefined; isSecured: boolean }[] = []
  const onRequest: ListenerOptions['onRequest'] = (request, response, from) => {
    const { socket } = request
    seen.push({ from, socketAddress: socket.remoteAddress, isSecured: 'encrypted' in socket })
    response.end()
  }
  const listening = await world(t, { proxyProtocol: true, proxyTrusted: ['127.0.0.1'], onRequest })
  const socket = await listening.connects(t)
  socket.write('PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\nGET / HTTP/1.1\r\nHost: inside\r\n')
  socket.write('Origin: http://192.0.2.9\r\nX-Forwarded-Host: 192.0.2.9\r\n\r\n')
  await until(() => seen.length === 1)

  t.equal(seen[0]?.from.address, '192.0.2.7')
  t.equal(seen[0]?.socketAddress, '127.0.0.1')
  t.ok(seen[0]?.from.isOriginAllowed)
  t.notOk(seen[0]?.isSecured)

  const secured = await world(t, { tls: serverCertificate(), onRequest })
  const raw = await secured.connects(t)
  const far = await farEnd(t, raw, { isSecured: true, isWebSocket: false })
  far.says(Buffer.from('GET / HTTP/1.1\r\nHost: here\r\n\r\n'))
  await until(() => seen.length === 2)
  t.ok(seen[1]?.isSecured)
})

test('a connection of HTTP that shows nobody is closed in time, and one that is signed in stays', async t => {
  const listening = await world(t, {
    handshakeTimeoutMs: 150,
    onRequest: (request, response, from) => {
      if (request.url === '/in') from.signedIn()
      response.end('hello')
    },
  })
  const silent = await listening.connects(t)
  const signedIn = await listening.connects(t)
  silent.write('GET / HTTP/1.1\r\nHost: here\r\n\r\n')
  signedIn.write('GET /in HTTP/1.1\r\nHost: here\r\n\r\n')
  await textUntil(signedIn, text => text.includes('hello'))

  silent.resume()
  await once(silent, 'close')

  t.notOk(signedIn.destroyed)
})

test('what is no HTTP is refused where it comes in', async t => {
  const listening = await world(t, {})
  const socket = await listening.connects(t)

  socket.write(Buffer.from([0x10, 0x0c, 0, 4]))

  t.match(await textUntil(socket, text => text.includes('HTTP port')), /^HTTP\/1\.1 400/)
})
