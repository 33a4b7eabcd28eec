// A client with every packet identifier in flight.

import { test } from 'tap'
import { Pond } from '../pond.ts'

const ALL = 65_535

test('with every packet identifier in flight the next message waits, and takes the one that is settled first', async t => {
  const limits = { inFlightMax: ALL, queuedMessagesMax: 100_000, outboxBytesMax: 16_777_216 }
  const pond = new Pond({ limits })
  const subscriber = pond.client('subscriber', { properties: { receiveMaximum: ALL } })
  subscriber.subscribes('a', 1)
  subscriber.receives()
  const publisher = pond.client('publisher')

  pond.inOneTurn(() => {
    publisher.inOneChunk(() => {
      for (let count = 1; count <= ALL + 1; count++) {
        publisher.publishes('a', String(count), { qos: 1, packetId: ((count - 1) % ALL) + 1 })
      }
    })
  })
  const sent = subscriber.receivesMessages()

  t.equal(new Set(sent.map(({ packetId }) => packetId)).size, ALL)
  t.equal(sent.at(-1)?.payload.toString(), String(ALL))

  subscriber.says({ type: 'puback', packetId: 4_711, reason: 0, properties: {} })

  t.match(subscriber.receivesMessages(), [
    { packetId: 4_711, payload: Buffer.from(String(ALL + 1)) },
  ])
  t.equal(pond.broker.statistics.dropped['no-packet-identifier'], 0)
})
