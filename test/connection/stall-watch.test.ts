// A client that reads nothing of what waits for it. Time is moved, except where a real socket says how far it is.

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { test } from 'tap'
import { streamWire } from '../../src/transport/stream-wire.ts'
import { Pond, type PondOptions } from '../pond.ts'
import type { PondClient } from '../pond-client.ts'

interface Scene {
  readonly pond: Pond
  readonly reader: PondClient
  readonly alice: PondClient
  readonly causes: string[]
}

/** A client without keep-alive that has stopped reading, and the causes of disconnections. */
function scene(options: PondOptions = {}): Scene {
  const causes: string[] = []
  const pond = new Pond({
    ...options,
    limits: { keepAliveSecondsMax: 0, ...options.limits },
    observer: {
      disconnected: ({ clientId }, reason, sentence) =>
        void causes.push(`${clientId} ${reason.toString(16)} ${sentence}`),
    },
  })
  const reader = pond.client('reader', { keepAliveSeconds: 0 })
  reader.subscribes('a')
  reader.hears()
  const alice = pond.client('alice', { keepAliveSeconds: 0 })
  reader.freezes()
  return { pond, reader, alice, causes }
}

test('a client that reads nothing for 30 seconds of what waits for it is disconnected, counted, and reset', async t => {
  const { pond, reader, alice, causes } = scene()
  alice.publishes('a', 'x')

  pond.passes({ seconds: 29 })
  t.notOk(reader.isClosed)
  pond.passes({ seconds: 12 })

  t.ok(reader.wire.wasReset)
  t.equal(pond.broker.statistics.limited.stalledSecondsMax, 1)
  t.strictSame(causes, [
    'reader 97 it read nothing for 30 s while bytes waited for it (limits.stalledSecondsMax)',
  ])
  t.notOk(alice.isClosed)
})

test('messages that go on coming do not count as progress, nor does what the client sends', async t => {
  const { pond, reader, alice } = scene()

  for (let count = 0; count < 45; count++) {
    alice.publishes('a', 'x')
    if (!reader.isClosed) reader.pings()
    pond.passes({ seconds: 1 })
  }

  t.ok(reader.wire.wasReset)
})

test('a client for which nothing waits may be silent for ever', async t => {
  const { pond, reader } = scene()

  pond.passes({ seconds: 100_000 })

  t.notOk(reader.isClosed)
})

test('a client that reads everything now and then stays', async t => {
  const { pond, reader, alice } = scene()

  for (let count = 0; count < 20; count++) {
    alice.publishes('a', 'x')
    pond.passes({ seconds: 25 })
    reader.thaws()
    reader.freezes()
  }

  t.notOk(reader.isClosed)
  t.equal(reader.receives().length, 20)
})

test('a client that reads a little of much stays, as long as it goes on reading', async t => {
  const { pond, reader, alice } = scene()
  for (let count = 0; count < 10; count++) alice.publishes('a', 'x')

  for (let count = 0; count < 9; count++) {
    reader.wire.readsOne()
    pond.passes({ seconds: 20 })
  }
  t.notOk(reader.isClosed)
  pond.passes({ seconds: 60 })

  t.ok(reader.wire.wasReset)
})

test('a slow client has time to read what the system keeps for it, which nothing shows', async t => {
  const { pond, reader, alice } = scene()
  reader.thaws()
  for (let count = 0; count < 4; count++) alice.publishes('a', Buffer.alloc(1_000_000))
  reader.freezes()
  alice.publishes('a', 'x')

  pond.passes({ seconds: 110 })
  t.notOk(reader.isClosed, 'half of it in that time are 18 kilobytes a second')
  pond.passes({ seconds: 30 })

  t.ok(reader.wire.wasReset)
})

test('a pause of the whole process is no pause of the client', async t => {
  const { pond, reader, alice } = scene()
  alice.publishes('a', 'x')

  pond.now += 3_600_000
  pond.turn.begin()
  pond.settles()
  t.notOk(reader.isClosed)
  reader.thaws()
  pond.passes({ seconds: 100 })

  t.notOk(reader.isClosed)
})

test('a socket that takes late, as TLS does, is not found stalled while its client reads', async t => {
  const { pond, reader, alice } = scene({ takesLate: true })
  reader.thaws()

  for (let count = 0; count < 100; count++) {
    alice.publishes('a', 'x')
    pond.passes({ seconds: 1 })
  }
  t.notOk(reader.isClosed)
  reader.freezes()
  alice.publishes('a', 'x')
  pond.passes({ seconds: 45 })

  t.ok(reader.wire.wasReset)
})

test('with 0 there is no bound, and another number is another bound', async t => {
  const never = scene({ limits: { stalledSecondsMax: 0 } })
  never.alice.publishes('a', 'x')
  never.pond.passes({ seconds: 100_000 })
  t.notOk(never.reader.isClosed)

  const soon = scene({ limits: { stalledSecondsMax: 3 } })
  soon.alice.publishes('a', 'x')
  soon.pond.passes({ seconds: 5 })
  t.ok(soon.reader.wire.wasReset)
})

test('a socket tells how much of a large write was taken before the write is done', async t => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const far = connect(typeof address === 'object' ? (address?.port ?? 0) : 0, '127.0.0.1')
  far.pause()
  const [near] = (await once(server, 'connection')) as [Socket]
  t.teardown(() => {
    far.destroy()
    near.destroy()
    server.close()
  })
  const peer = {
    address: '',
    port: 0,
    transport: 'tcp',
    listener: 'test',
    certificate: null,
  } as const
  const wire = streamWire(near, peer)
  wire.open({ received: () => {}, drained: () => {}, closed: () => {} })

  wire.write(Buffer.alloc(64 * 1_048_576))
  const { untakenBytes, pendingBytes } = wire
  t.ok(untakenBytes > 0)
  const received = { bytes: 0 }
  far.on('data', chunk => {
    received.bytes += chunk.length
    if (received.bytes > 16 * 1_048_576) far.pause()
  })
  far.resume()
  while (wire.untakenBytes === untakenBytes) await new Promise(resolve => setTimeout(resolve, 5))

  t.ok(wire.untakenBytes < untakenBytes)
  t.equal(wire.pendingBytes, pendingBytes, 'the write is not done')
  const farClosed = once(far, 'close')
  wire.reset()
  far.removeAllListeners('data')
  far.on('data', chunk => (received.bytes += chunk.length))
  far.on('error', () => {})
  far.resume()
  await farClosed
  t.ok(received.bytes < 64 * 1_048_576, 'the system has forgotten the rest')
})
