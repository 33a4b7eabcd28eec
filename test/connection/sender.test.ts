import { test } from 'tap'
import { encode } from '../../src/packet/encode.ts'
import { NO_PROPERTIES } from '../../src/packet/packet.ts'
import { Pond } from '../pond.ts'

const TERMS = { qos: 0, packetId: 0, duplicate: false, retain: false } as const

function messages(count: number, payload: Buffer): Buffer {
  const said = {
    type: 'publish',
    topic: 'a',
    properties: NO_PROPERTIES,
    payload,
    ...TERMS,
  } as const
  return Buffer.concat(Array.from({ length: count }, () => encode(said, 5)))
}

test('a socket is not asked for its pending bytes by each message, as long as it takes all', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const bob = pond.client('bob')
  bob.subscribes('a')
  bob.receives()
  let asked = 0
  Object.defineProperty(bob.wire, 'pendingBytes', {
    get: () => {
      asked += 1
      return 0
    },
  })

  alice.saysBytes(messages(200, Buffer.from('x')))

  t.equal(bob.receivesMessages().length, 200)
  t.ok(asked > 0 && asked < 10, `asked ${asked} times`)
})

test('bytes that a socket has not taken count as bytes that wait for its client', async t => {
  const pond = new Pond({ limits: { outboxBytesMax: 100_000 } })
  const alice = pond.client('alice')
  const bob = pond.client('bob')
  bob.subscribes('a')
  bob.receives()
  bob.freezes()

  for (let count = 0; count < 4; count++) alice.saysBytes(messages(40, Buffer.alloc(1_000)))

  const dropped = pond.broker.statistics.dropped['outbox-full']
  t.ok(bob.wire.pendingBytes < 110_000, `${bob.wire.pendingBytes} bytes are pending`)
  bob.thaws()
  t.equal(bob.receivesMessages().length + dropped, 160)
  t.ok(dropped > 50, `${dropped} dropped`)
})
