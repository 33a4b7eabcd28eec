import { connect, Server as SocketServer, Socket } from 'node:net'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { createServer } from 'node:net'
import { resolve } from 'node:path'
import { execFileSync } from 'node:child_process'
import { type Test, test } from 'tap'
import { Arrived, everythingFrom, World } from './world.ts'

/** The path of a Unix socket may have 107 bytes. */
function shortDirectory(t: Test): string {
  const directory = mkdtempSync(resolve(tmpdir(), 'pond-'))
  t.teardown(() => rmSync(directory, { recursive: true }))
  return directory
}

test('bytes go both ways over TCP, and the peer is known', async t => {
  const world = await World.listening(t)
  const socket = await world.connects(t)
  const { localPort } = socket
  const arrived = await world.arrives()

  socket.write(Buffer.from([0x10, 1, 2]))
  t.equal((await arrived.receives(3)).length, 3)
  const said = everythingFrom(socket)
  t.equal(arrived.wire.write(Buffer.from('answer')), true)
  arrived.wire.writeMany([Buffer.from(' in'), Buffer.from(' pieces')])
  arrived.wire.end()

  t.equal(await said, 'answer in pieces')
  t.match(arrived.wire.peer, { address: '127.0.0.1', port: localPort, transport: 'tcp' })
  t.match(arrived.wire.peer.listener, /^mqtt:\/\/127\.0\.0\.1:\d+$/)
})

test('a wire is closed once, with the cause', async t => {
  const world = await World.listening(t)
  const [orderly, rude] = [await world.connects(t), await world.connects(t)]
  const first = await world.arrives()
  const second = await world.arrives()

  orderly.end()
  rude.resetAndDestroy()

  t.equal(await first.closes(), null)
  t.equal(await second.closes(), 'the client reset the connection')
  first.wire.destroy()
  second.wire.end()
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame([first.closings.length, second.closings.length], [1, 1])
})

const ONLY_LINUX = process.platform === 'linux' ? false : 'other systems do not pass options on'

test(
  'accepted sockets have TCP keep-alive from their listening socket',
  { skip: ONLY_LINUX },
  async t => {
    const world = await World.listening(t)
    const calls = t.capture(Socket.prototype, 'setKeepAlive', Socket.prototype.setKeepAlive)

    const socket = await world.connects(t)
    await world.arrives()

    const port = (socket.remotePort ?? 0).toString(16).toUpperCase().padStart(4, '0')
    const rows = readFileSync('/proc/net/tcp', 'latin1')
      .split('\n')
      .map(row => row.trim().split(/ +/))
    // Columns of the kernel: its own address, state 01 (established), and the timer that runs, 02 for keep-alive.
    const timers = rows
      .filter(row => row[1]?.endsWith(`:${port}`) && row[3] === '01')
      .map(row => row[5])
    t.equal(timers.length, 1)
    t.match(timers[0], /^02:/)
    t.equal(calls().length, 0)
  },
)

test('a client that has ended is closed without a shutdown of its socket', async t => {
  const world = await World.listening(t)
  const socket = await world.connects(t)
  const arrived = await world.arrives()
  const ends = t.capture(Socket.prototype, 'end', Socket.prototype.end)

  socket.destroySoon()

  t.equal(await arrived.closes(), null)
  t.strictSame(ends().length, 1, 'the call of the client')
})

test('a browser on the MQTT port gets an answer it can show', async t => {
  const world = await World.listening(t)
  const socket = await world.connects(t)
  const arrived = await world.arrives()

  const said = everythingFrom(socket)
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')

  t.match(await said, /^HTTP\/1\.1 400 Bad Request\r\n[^]*This is the MQTT port/)
  t.match(await arrived.closes(), /speaks HTTP to the MQTT port/)
})

test('TLS on the plain MQTT port is told in a sentence', async t => {
  const world = await World.listening(t)
  const socket = await world.connects(t)
  const arrived = await world.arrives()

  socket.write(Buffer.from('160301020001', 'hex'))

  t.match(await arrived.closes(), /speaks TLS to the plain MQTT port/)
  t.equal(arrived.bytes.length, 0)
})

test('more connections than allowed are closed at once, and told to the log, which sums them up', async t => {
  const world = await World.listening(t, { connectionsMax: 2 })
  await world.connects(t)
  await world.connects(t)
  for (let count = 0; count < 3; count++) {
    t.equal(await everythingFrom(await world.connects(t)), '')
  }

  t.equal(world.listener.connectionCount, 2)
  t.equal(world.warnings.length, 3)
  t.match(world.warnings[0], { cause: '2 connections are open (the listener.connectionsMax)' })
})

test('a place is free again when its connection ends', async t => {
  const world = await World.listening(t, { connectionsMax: 1 })
  const first = await world.connects(t)
  const arrived = await world.arrives()
  first.destroy()
  await arrived.closes()

  await world.connects(t)

  t.ok(await world.arrives())
})

test('a Unix socket is for owner and group, and goes with its listener', async t => {
  const path = resolve(shortDirectory(t), 'pond.sock')
  const world = await World.listening(t, { path })

  const socket = connect(path)
  const arrived = await world.arrives()
  socket.write(Buffer.from([0x10]))
  await arrived.receives(1)

  t.equal(statSync(path).mode & 0o777, 0o660)
  t.equal(arrived.wire.peer.transport, 'unix')
  socket.destroy()
  await arrived.closes()
  await world.listener.close()
  t.notOk(existsSync(path))
})

test('others cannot open a Unix socket before its mode is set either, whatever the umask is', async t => {
  const path = resolve(shortDirectory(t), 'pond.sock')
  const modes: number[] = []
  const { prototype } = SocketServer
  const original = Reflect.get(prototype, 'listen') as (...words: unknown[]) => unknown
  t.intercept(prototype, 'listen', {
    value: function (this: SocketServer, ...words: unknown[]): unknown {
      const listening: unknown = Reflect.apply(original, this, words)
      modes.push(statSync(path).mode & 0o777)
      return listening
    },
  })
  const mask = process.umask(0)
  t.teardown(() => process.umask(mask))

  await World.listening(t, { path })

  t.strictSame(modes, [0o660])
  t.equal(process.umask(), 0)
})

test('a socket file that a dead broker left is replaced, a living one and other files are not', async t => {
  const directory = shortDirectory(t)
  const dead = resolve(directory, 'dead.sock')
  const script = `require('net').createServer().listen(${JSON.stringify(dead)}, () => process.kill(process.pid, 'SIGKILL'))`
  t.throws(() => execFileSync(process.execPath, ['-e', script]))
  t.ok(existsSync(dead))
  await World.listening(t, { path: dead })

  const living = resolve(directory, 'living.sock')
  const other = createServer()
  await new Promise<void>(done => other.listen(living, done))
  t.teardown(() => other.close())
  await t.rejects(World.listening(t, { path: living }), /another program listens on/)

  const file = resolve(directory, 'file')
  writeFileSync(file, 'precious')
  await t.rejects(World.listening(t, { path: file }), /is no socket/)
})

test('a port that is taken is refused with a sentence', async t => {
  const world = await World.listening(t)

  await t.rejects(
    World.listening(t, { port: world.listener.port }),
    new RegExp(`mqtt://127.0.0.1:${world.listener.port} is taken by another program`),
  )
})

test('Arrived keeps what came before the question', async t => {
  const world = await World.listening(t)
  const socket = await world.connects(t)
  const arrived: Arrived = await world.arrives()
  socket.end(Buffer.from([0x10, 0xff]))

  await arrived.closes()

  t.strictSame([...arrived.bytes], [0x10, 0xff])
})

test('a path that the system would cut is refused', async t => {
  await t.rejects(
    World.listening(t, { path: `/tmp/${'x'.repeat(120)}` }),
    /longer than the 107 bytes/,
  )
})

test('a listener on localhost is there at 127.0.0.1 and at ::1', async t => {
  const world = await World.listening(t, { host: 'localhost' })

  for (const host of ['127.0.0.1', '::1']) {
    const socket = connect({ host, port: world.listener.port })
    t.teardown(() => socket.destroy())
    t.equal((await world.arrives()).wire.peer.address, host)
  }
})

test('a connection that is opened right behind the close of another finds its place', async t => {
  const world = await World.listening(t, { connectionsMax: 1 })

  for (let count = 0; count < 20; count++) {
    const socket = await world.connects(t)
    const { wire } = await world.arrives()
    wire.write(Buffer.from('x'))
    socket.destroy()
  }

  t.strictSame(world.warnings, [])
})

test('a connection that came without a byte and goes by a reset leaves no line', async t => {
  const world = await World.listening(t, { protocol: 'ws' })
  const socket = await world.connects(t)
  socket.resetAndDestroy()
  const other = await world.connects(t)
  other.end()
  await everythingFrom(other)

  t.strictSame(world.warnings, [])
})
