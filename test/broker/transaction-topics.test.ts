import { test } from 'tap'
import { idIn, requestIn } from '../../src/broker/transactions/transaction-topic.ts'
import { decode } from '../../src/packet/decode.ts'
import { encode } from '../../src/packet/encode.ts'
import { NO_PROPERTIES } from '../../src/packet/packet.ts'
import type { PublishPacket } from '../../src/packet/packet.ts'

function decoded(topic: string): PublishPacket {
  const terms = { qos: 1, packetId: 1, duplicate: false, retain: false } as const
  const payload = Buffer.from('x')
  const said = { type: 'publish', topic, payload, properties: NO_PROPERTIES, ...terms } as const
  const bytes = encode(said, 4)
  const packet = decode(bytes, 0, bytes.length, 4)
  if (packet.type !== 'publish') throw new Error(`${packet.type} is not what was encoded`)
  return packet
}

const LONG = 'x'.repeat(300)
const WITH_PARTS = [
  '$tx/a.1/publish/x',
  '$tx/a.1/publish/x/y',
  '$tx/a.1/publish/publish/x',
  '$tx/a.1/publish/$queue/jobs',
  '$tx/a.1/publish/$tx/b.2/publish/x',
  '$tx/a.1/publish//',
  `$tx/a.1/publish/${LONG}`,
  '$tx/a.2/publish/x',
  '$tx/a.21/publish/x',
  '$tx/ä.1/publish/ö',
  '$tx//publish/x',
  '$tx/a.1/commit',
  '$tx/a.1/commit/more',
  '$tx/a.1/publish',
  '$tx/a.1/publisher/x',
]
const WITHOUT = [
  '$tx',
  '$tx/',
  '$tx/a.1',
  '$tx/a.1/',
  '$tx/a.1/publish/',
  `$tx/${LONG}/publish/x`,
  '$txt/a.1/publish/x',
  '$ty/a.1/publish/x',
  'x/$tx/a.1/publish/x',
]

test('the decoder reads the same parts of a topic of a transaction as the broker, whatever came before', async t => {
  for (const before of [...WITH_PARTS, ...WITHOUT]) {
    for (const topic of WITH_PARTS) {
      decoded(before)
      const packet = decoded(topic)
      t.equal(packet.topic, topic)
      t.strictSame(packet.transaction, requestIn(topic, undefined), `${topic} after ${before}`)
      t.equal(decoded(topic).transaction?.whole, topic, 'again')
    }
    for (const topic of WITHOUT) {
      decoded(before)
      const packet = decoded(topic)
      t.equal(packet.topic, topic)
      t.equal(packet.transaction, undefined, `${topic} after ${before}`)
    }
  }
})

test('no part of the topic of a transaction may have what no topic name has', async t => {
  const wildcard = /the topic name has a wildcard/
  t.throws(() => decoded('$tx/a+.1/publish/x'), wildcard)
  t.throws(() => decoded('$tx/a.1/publish/x/#'), wildcard)
  t.throws(() => decoded('$tx/a.1/publish/\u0001'), /control character/)
  t.throws(() => decoded('$tx/\u0001.1/commit'), /control character/)
})

test('the id of a transaction is a name and a number', async t => {
  const most = String(Number.MAX_SAFE_INTEGER)
  for (const [name, digits] of [
    ['a', '0'],
    ['A-z_9', '10'],
    ['x'.repeat(48), most],
  ] as const) {
    const text = `${name}.${digits}`
    t.strictSame(idIn(text), { text, name, number: Number(digits) })
  }
  const none = ['', '.', 'a', 'a.', '.1', 'a.01', 'a.1.2', 'a.-1', 'a.1e3', 'ä.1', 'a@.1', 'a[.1']
  for (const text of [...none, 'a.9007199254740992', `${'x'.repeat(49)}.1`]) {
    t.equal(idIn(text), null, text)
  }
})
