import { once } from 'node:events'
import type { Socket } from 'node:net'
import { type Test, test } from 'tap'
import { type ClientOptions, WebSocket } from 'ws'
import { everythingFrom, World } from './world.ts'

function opening(
  t: Test,
  world: World,
  {
    path = '/mqtt',
    protocols = ['mqtt'],
    ...options
  }: ClientOptions & { path?: string; protocols?: string[] } = {},
): Promise<WebSocket> {
  const client = new WebSocket(`ws://127.0.0.1:${world.listener.port}${path}`, protocols, options)
  t.teardown(() => client.terminate())
  return new Promise((open, failed) => {
    client.once('open', () => open(client))
    client.once('error', failed)
  })
}

test('any path will do, and the subprotocol is echoed', async t => {
  const world = await World.listening(t, { protocol: 'ws' })

  for (const path of ['/', '/mqtt', '/ws/deep?token=1']) {
    const client = await opening(t, world, { path })
    t.equal(client.protocol, 'mqtt')
  }
  t.equal((await opening(t, world, { protocols: ['mqttv3.1'] })).protocol, 'mqttv3.1')
  t.equal((await opening(t, world, { protocols: ['chat', 'mqtt'] })).protocol, 'mqtt')
})

test('a client that offers no subprotocol of MQTT is refused', async t => {
  const world = await World.listening(t, { protocol: 'ws' })

  await t.rejects(opening(t, world, { protocols: ['chat'] }), /400/)
  await t.rejects(opening(t, world, { protocols: [] }), /400/)
  t.equal(world.unclaimed, 0)
})

test('bytes split over frames and joined in frames are one stream', async t => {
  const world = await World.listening(t, { protocol: 'ws' })
  const client = await opening(t, world)
  const arrived = await world.arrives()

  client.send(Buffer.from('ab'), { fin: false })
  client.send(Buffer.from('c'), { fin: true })
  client.send(Buffer.from(''))
  client.send(Buffer.from('defg'))

  t.equal(await arrived.receives(7), 'abcdefg')
})

test('bytes that are written arrive as binary frames', async t => {
  const world = await World.listening(t, { protocol: 'ws' })
  const client = await opening(t, world)
  const arrived = await world.arrives()
  const frame = new Promise<[Buffer, boolean]>(got => {
    client.once('message', (data: Buffer, isBinary) => got([data, isBinary]))
  })

  arrived.wire.write(Buffer.from('answer'))

  const [data, isBinary] = await frame
  t.strictSame([data.toString(), isBinary], ['answer', true])
})

test('a text frame closes the connection', async t => {
  const world = await World.listening(t, { protocol: 'ws' })
  const client = await opening(t, world)
  const arrived = await world.arrives()
  const closed = new Promise<number>(code => client.once('close', code))

  client.send('text')

  t.equal(await closed, 1_003)
  t.match(await arrived.closes(), /text frame/)
  t.equal(arrived.closings.length, 1)
})

test('a frame larger than allowed closes the connection', async t => {
  const world = await World.listening(t, { protocol: 'ws', frameBytesMax: 1_000 })
  const client = await opening(t, world)
  const arrived = await world.arrives()
  const closed = new Promise<number>(code => client.once('close', code))

  client.send(Buffer.alloc(1_001))

  t.equal(await closed, 1_009)
  t.ok(await arrived.closes())
})

test('before anything was sent to a client its messages are small, whatever pings come between', async t => {
  const world = await World.listening(t, { protocol: 'ws', firstFrameBytesMax: 1_000 })
  const stranger = await opening(t, world)
  const arrived = await world.arrives()
  stranger.send('x'.repeat(900), { binary: true })
  t.equal((await arrived.receives(900)).length, 900)

  for (let count = 0; count < 4; count++) {
    stranger.send(Buffer.alloc(400), { fin: false })
    stranger.ping()
  }
  t.equal(await arrived.closes(), 'a WebSocket message of more than 1000 bytes before CONNACK')
  t.equal(arrived.bytes.length, 900)

  const known = await opening(t, world)
  const accepted = await world.arrives()
  accepted.wire.write(Buffer.from('CONNACK'))
  known.send(Buffer.alloc(100_000))
  t.equal((await accepted.receives(100_000)).length, 100_000)
})

test('what is kept of a message that is not complete is told, whatever pings come between', async t => {
  const world = await World.listening(t, { protocol: 'ws' })
  const client = await opening(t, world)
  const arrived = await world.arrives()
  arrived.wire.write(Buffer.from('CONNACK'))

  for (let count = 0; count < 4; count++) {
    client.send(Buffer.alloc(20_000), { fin: false })
    client.ping()
  }
  await arrived.until(() => arrived.kept.at(-1) === 65_536)
  client.send(Buffer.alloc(1), { fin: true })
  t.equal((await arrived.receives(80_001)).length, 80_001)
  t.equal(arrived.kept.at(-1), 0)
})

test('compression is not offered', async t => {
  const world = await World.listening(t, { protocol: 'ws' })

  t.equal((await opening(t, world, { perMessageDeflate: true })).extensions, '')
})

test('a page of this machine may come, one from elsewhere only when it is listed', async t => {
  const world = await World.listening(t, { protocol: 'ws', origins: ['https://dashboard.example'] })
  const { port } = world.listener

  for (const origin of [
    `http://127.0.0.1:${port}`,
    'http://localhost:3000',
    'https://dashboard.example',
  ]) {
    t.ok(await opening(t, world, { origin }), origin)
  }
  for (const origin of ['https://evil.example', 'null', 'http://localhost.evil.example']) {
    await t.rejects(opening(t, world, { origin }), /403/, origin)
  }
  // A name that its owner points at this machine while the page is open.
  const headers = { host: `evil.example:${port}` }
  await t.rejects(opening(t, world, { origin: `http://evil.example:${port}`, headers }), /403/)
  t.match(world.warnings[0], {
    event: 'websocket.refused',
    cause: 'its web origin "https://evil.example" may not connect: add it to origins',
  })
  const open = await World.listening(t, { protocol: 'ws', origins: ['*'] })
  t.ok(await opening(t, open, { origin: 'https://anybody.example' }))
})

test('an upgrade that stalls is closed at the deadline, one that came through lives on', async t => {
  const world = await World.listening(t, { protocol: 'ws', handshakeTimeoutMs: 60 })
  const client = await opening(t, world)
  const socket = await world.connects(t)
  socket.write('GET /mqtt HTTP/1.1\r\nHost: x\r\n')

  t.equal(await everythingFrom(socket), '')
  const arrived = await world.arrives()
  client.send(Buffer.from('alive'))
  t.equal(await arrived.receives(5), 'alive')
})

test('a plain request is told what this port is for', async t => {
  const world = await World.listening(t, { protocol: 'ws' })

  const response = await fetch(`http://127.0.0.1:${world.listener.port}/`)

  t.equal(response.status, 426)
  t.match(await response.text(), /MQTT over WebSocket/)
})

test('requests that come at once have a turn each, and of too many none is answered', async t => {
  const turns: number[] = []
  let turn = 0
  let isCounting = true
  const count = (): void => {
    turn += 1
    if (isCounting) setImmediate(count)
  }
  count()
  const world = await World.listening(t, {
    protocol: 'ws',
    onRequest: (_, response) => {
      turns.push(turn)
      response.end('x')
    },
  })
  const request = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'

  const some = await world.connects(t)
  some.write(request.repeat(9) + request.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'))
  t.equal((await everythingFrom(some)).split('HTTP/1.1 200 OK').length, 11)
  t.equal(new Set(turns.splice(0)).size, 10)
  t.strictSame(world.warnings, [])

  const many = await world.connects(t)
  many.write(request.repeat(1_000))
  await everythingFrom(many)
  t.equal(turns.length, 1)
  const cause = 'it sends more than 16 requests before their answers'
  t.match(world.warnings, [{ event: 'http.refused', address: '127.0.0.1', cause }])
  t.equal(world.warnings.length, 1)
  isCounting = false
})

test('a connection of HTTP that ends soon, because nobody signs in, is not kept after an answer', async t => {
  const world = await World.listening(t, {
    protocol: 'ws',
    handshakeTimeoutMs: 1_500,
    onRequest: (_, response) => void response.end('x'),
  })
  const socket = await world.connects(t)
  const answer = async (): Promise<string> => {
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    const [chunk] = (await once(socket, 'data')) as [Buffer]
    return chunk.toString()
  }

  t.match(await answer(), /Connection: keep-alive/)
  await new Promise(later => setTimeout(later, 760))
  t.match(await answer(), /Connection: close/)
})

test('a closed listener does not wait for pages that keep their connection', async t => {
  const world = await World.listening(t, { protocol: 'ws' })
  const socket = await world.connects(t)
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await new Promise(answered => socket.once('data', answered))

  await world.listener.close()

  t.pass('it is closed')
})

test('an end by the broker closes the WebSocket', async t => {
  const world = await World.listening(t, { protocol: 'ws' })
  const client = await opening(t, world)
  const arrived = await world.arrives()
  const closed = new Promise(code => client.once('close', code))

  arrived.wire.write(Buffer.from('last word'))
  arrived.wire.end()

  await closed
  t.equal(await arrived.closes(), null)
})

const FRAMES: readonly (readonly [string, string, readonly [parts: number, bytes: number]])[] = [
  ['the head of a frame', '82fe', [1, 0]],
  ['a part of a frame', '82fe012c00000000616263', [1, 0]],
  ['a fragment that others follow', '028100000000 61', [1, 0]],
  ['a ping', '898000000000', [0, 0]],
  ['a ping with data', '898100000000 61', [0, 0]],
  ['a pong', '8a8000000000', [0, 0]],
  ['a whole message', '828100000000 61', [0, 1]],
  ['an empty message', '828000000000', [0, 0]],
]

test('bytes of an incomplete frame count as activity of the client, a ping alone does not', async t => {
  const world = await World.listening(t, { protocol: 'ws' })

  for (const [name, hex, [parts, bytes]] of FRAMES) {
    const socket = await opened(t, world)
    const arrived = await world.arrives()
    // What a ping is answered with, or a frame that ends what was begun, tells that it was read.
    socket.write(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
    for (let look = 0; look < 20 && arrived.parts + arrived.bytes.length === 0; look++) {
      await new Promise(later => setTimeout(later, 2))
    }
    t.strictSame([arrived.parts, arrived.bytes.length], [parts, bytes], name)
  }
})

test('a frame that comes in parts counts as activity with each part, and is received once', async t => {
  const world = await World.listening(t, { protocol: 'ws' })
  const socket = await opened(t, world)
  const arrived = await world.arrives()
  const whole = Buffer.concat([
    Buffer.from('82ff000000000001000000000000', 'hex'),
    Buffer.alloc(65_536),
  ])

  for (let at = 0; at < whole.length; at += 10_000) {
    const before = arrived.parts + arrived.bytes.length
    socket.write(whole.subarray(at, at + 10_000))
    await arrived.until(() => arrived.parts + arrived.bytes.length > before)
  }

  t.equal(arrived.parts, 6)
  t.equal(arrived.bytes.length, 65_536)
})

/** A socket that has become a WebSocket, without a client behind it that answers of itself. */
async function opened(t: Test, world: World): Promise<Socket> {
  const socket = await world.connects(t)
  socket.setNoDelay(true)
  const head = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n'
  const key = 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
  socket.write(`${head}${key}Sec-WebSocket-Protocol: mqtt\r\n\r\n`)
  await new Promise(upgraded => socket.once('data', upgraded))
  return socket
}

const NO_HTTP: readonly (readonly [what: string, bytes: string, answer: RegExp, cause: RegExp])[] =
  [
    [
      'headers of 20 KB',
      `GET / HTTP/1.1\r\nHost: x\r\nCookie: ${'a'.repeat(20_000)}\r\n\r\n`,
      /^HTTP\/1\.1 431 /,
      /headers are larger than 16 KiB/,
    ],
    ['MQTT', '\u0010\u000c\u0000\u0004MQTT', /^HTTP\/1\.1 400 /, /MQTT without WebSocket/],
    ['TLS', '\u0016\u0003\u0001\u0002\u0000', /^HTTP\/1\.1 400 /, /TLS to the plain HTTP port/],
    ['anything else', 'hello\r\n\r\n', /^HTTP\/1\.1 400 /, /no HTTP/],
  ]

test('bytes that are no HTTP request, or a too large one, get an answer and a log line', async t => {
  for (const [what, bytes, answer, cause] of NO_HTTP) {
    const world = await World.listening(t, { protocol: 'ws' })
    const socket = await world.connects(t)
    socket.write(Buffer.from(bytes, 'latin1'))

    t.match(await everythingFrom(socket), answer, what)
    t.match(world.warnings, [{ event: 'http.refused', address: '127.0.0.1', cause }], what)
  }
})
