// What comes before MQTT, done by front ends: PROXY headers, limits, deadlines, wrong protocols. The core counts and logs.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type Test, test } from 'tap'
import { DEFAULT_LIMITS } from '../../src/limits.ts'
import { ConnectionCounts } from '../../src/transport/connection-counts.ts'
import type { ListenerOptions } from '../../src/transport/listener-options.ts'
import { StrangerPlaces } from '../../src/transport/stranger-places.ts'
import { everythingFrom, until, World } from '../transport/world.ts'
import { FrontEndHere, preparingBy } from '../link/front-end-here.ts'

async function world(t: Test, options: Partial<ListenerOptions> = {}) {
  const here = await FrontEndHere.start(t)
  const listening = await World.listening(t, { ...options, preparing: preparingBy([here]) })
  return { here, listening }
}

function closed(socket: Socket): Promise<unknown> {
  socket.on('error', () => {})
  socket.resume()
  return socket.destroyed ? Promise.resolve() : once(socket, 'close')
}

test('a PROXY header names the client, and what is behind it arrives', async t => {
  const { listening } = await world(t, { proxyProtocol: true })
  const socket = await listening.connects(t)

  socket.write('PROXY TCP4 192.0.2.7 192.0.2.1 4711 1883\r\nhello')
  const arrived = await listening.arrives()

  t.equal(await arrived.receives(5), 'hello')
  t.equal(arrived.wire.peer.address, '192.0.2.7')
  t.equal(arrived.wire.peer.port, 4_711)
})

test('clients behind a proxy are counted by their own addresses', async t => {
  const counts = new ConnectionCounts({ ...DEFAULT_LIMITS, connectionsPerAddressMax: 1 }, () => 0)
  const { listening } = await world(t, { proxyProtocol: true, counts })
  const header = 'PROXY TCP4 192.0.2.7 192.0.2.1 4711 1883\r\n'
  const first = await listening.connects(t)
  first.write(header)
  await listening.arrives()

  const second = await listening.connects(t)
  second.write(header)
  await closed(second)
  t.match(listening.warnings, [{ event: 'connection.refused', address: '192.0.2.7' }])

  first.destroy()
  await until(() => listening.listener.connectionCount === 0)
  const third = await listening.connects(t)
  third.write(header)
  await listening.arrives()
})

test('a wrong PROXY header, and one of a stranger, are refused with a line of the log', async t => {
  const { listening } = await world(t, { proxyProtocol: true })
  const socket = await listening.connects(t)
  socket.write('hello\r\n')
  await closed(socket)
  t.match(listening.warnings, [{ event: 'connection.refused', address: '127.0.0.1' }])
  t.equal(listening.listener.connectionCount, 0)

  const strict = await world(t, { proxyProtocol: true, proxyTrusted: ['192.0.2.0/24'] })
  await closed(await strict.listening.connects(t))
  t.match(strict.listening.warnings, [{ cause: 'its address may not send a PROXY header' }])
})

test('a client of another protocol gets an answer in it', async t => {
  const { listening } = await world(t)
  const socket = await listening.connects(t)

  socket.write('GET / HTTP/1.1\r\n\r\n')

  t.match(await everythingFrom(socket), /^HTTP\/1\.1 400 Bad Request/)
  const arrived = await listening.arrives()
  t.match(await arrived.closes(), /it speaks HTTP to the MQTT port/)
})

test('what never gets through is closed in time, and nothing of it stays', async t => {
  const { here, listening } = await world(t, { proxyProtocol: true, handshakeTimeoutMs: 30 })

  await closed(await listening.connects(t))

  await until(() => here.link.connections === 0)
  t.equal(listening.listener.connectionCount, 0)
})

test('the oldest connection before MQTT makes room for another', async t => {
  const { listening } = await world(t, { proxyProtocol: true, connectionsMax: 1 })
  const first = await listening.connects(t)
  await until(() => listening.listener.connectionCount === 1)

  const second = await listening.connects(t)
  second.write('PROXY UNKNOWN\r\nhello')

  await closed(first)
  const arrived = await listening.arrives()
  t.equal(await arrived.receives(5), 'hello')
  t.match(listening.warnings, [{ event: 'stranger.closed' }])
})

test('a connection that has said something keeps its place longer than a silent one', async t => {
  const clock = { time: 0, due: [] as (() => void)[] }
  const places = new StrangerPlaces(1, {
    now: () => clock.time,
    after: (_milliseconds, act) => clock.due.push(act),
  })
  const here = await FrontEndHere.start(t)
  let hasSpoken = (): boolean => false
  const listening = await World.listening(t, {
    places,
    protocol: 'ws',
    preparing: (...given) => {
      const preparation = preparingBy([here])(...given)
      const prepare = preparation.prepare.bind(preparation)
      preparation.prepare = (socket, ...others) => {
        hasSpoken = () => preparation.hasSpoken(socket)
        prepare(socket, ...others)
      }
      return preparation
    },
  })
  const speaking = connect(listening.listener.port, '127.0.0.1')
  speaking.write('GET / HT')
  t.teardown(() => speaking.destroy())
  await until(() => hasSpoken())
  const waiting = await listening.connects(t)
  await until(() => places.waits === 1)

  clock.time = 1_500
  for (const act of clock.due.splice(0)) act()

  t.notOk(speaking.destroyed)
  clock.time = 3_500
  for (const act of clock.due.splice(0)) act()
  await closed(speaking)
  t.notOk(waiting.destroyed)
})
