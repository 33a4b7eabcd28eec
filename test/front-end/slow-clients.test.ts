// Clients that read slowly or not at all, behind front ends: they are told apart as in one process.

import { connect, type Socket } from 'node:net'
import { type Test, test } from 'tap'
import { encode } from '../../src/packet/encode.ts'
import { NO_PROPERTIES } from '../../src/packet/packet.ts'
import { FrontEndedBroker, until } from './front-ended-broker.ts'

/** A client on a socket of its own, subscribed to everything at QoS 0. Until it is told to read, it does not. */
async function subscriber(t: Test, world: FrontEndedBroker, clientId: string): Promise<Socket> {
  const socket = connect(world.broker.listeners[0]?.port ?? 0, '127.0.0.1')
  t.teardown(() => socket.destroy())
  socket.on('error', () => {})
  socket.write(
    encode(
      {
        type: 'connect',
        version: 4,
        cleanStart: true,
        keepAliveSeconds: 0,
        clientId,
        username: null,
        password: null,
        will: null,
        properties: NO_PROPERTIES,
      },
      4,
    ),
  )
  const options = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  const subscriptions = [{ filter: '#', ...options }]
  const subscribe = {
    type: 'subscribe',
    packetId: 1,
    subscriptions,
    properties: NO_PROPERTIES,
  } as const
  socket.write(encode(subscribe, 4))
  const before = world.said('client.subscribed').length
  await until(() => world.said('client.subscribed').length > before)
  return socket
}

function disconnected(world: FrontEndedBroker, clientId: string) {
  return world.said('client.disconnected').find(line => line['clientId'] === clientId)
}

test('a client that reads nothing is disconnected, and one that reads slowly is not', async t => {
  const world = await FrontEndedBroker.start(t, {
    frontEnds: 1,
    limits: { stalledSecondsMax: 1, outboxBytesMax: 8_388_608 },
  })
  const deaf = await subscriber(t, world, 'deaf')
  const slow = await subscriber(t, world, 'slow')
  deaf.pause()
  slow.pause()
  // It reads a little, ten times a second: less than comes, so that something always waits for it.
  const reads = setInterval(() => slow.read(65_536) ?? slow.read(), 100)
  t.teardown(() => clearInterval(reads))

  const publishes = setInterval(() => {
    world.broker.publish({ topic: 'large', payload: Buffer.alloc(1_000_000) })
  }, 20)
  t.teardown(() => clearInterval(publishes))

  await until(() => disconnected(world, 'deaf') !== undefined)
  t.match(disconnected(world, 'deaf')?.['cause'], /^it read nothing for 1 s/)
  t.equal(disconnected(world, 'slow'), undefined)
})

test('what a client does not take waits in the core within its bound, and the rest is dropped and counted', async t => {
  const world = await FrontEndedBroker.start(t, {
    frontEnds: 1,
    limits: { outboxBytesMax: 1_048_576 },
  })
  const deaf = await subscriber(t, world, 'deaf')
  deaf.pause()
  const reading = await subscriber(t, world, 'reading')
  let bytes = 0
  reading.on('data', (chunk: Buffer) => (bytes += chunk.length))

  const { statistics } = world.broker
  let published = 0
  while (statistics.dropped['outbox-full'] === 0) {
    world.broker.publish({ topic: 'large', payload: Buffer.alloc(100_000) })
    published += 1
    await until(() => bytes >= published * 100_000)
  }

  t.ok(published > 10, 'as much as the bound allows, beside what the system has taken')
  t.equal(disconnected(world, 'reading'), undefined)
  deaf.resume()
  const before = statistics.dropped['outbox-full']
  await until(() => deaf.bytesRead >= (published - before) * 100_000)
  world.broker.publish({ topic: 'large', payload: Buffer.alloc(100_000) })
  await until(() => bytes >= (published + 1) * 100_000)
  t.equal(statistics.dropped['outbox-full'], before, 'it is written to again')
})
