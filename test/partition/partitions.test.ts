// Brokers that are partitions of one. The simulator does the same with faults: test/sim/partitions.test.ts.

import { test } from 'tap'
import { decodeFrame, encodeFrame } from '../../src/partition/frame.ts'
import { partitionOf } from '../../src/partition/partition-of.ts'
import type { Packet, PublishPacket, QoS } from '../../src/packet/packet.ts'
import { DelayingStore } from '../store/delaying-store.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { Pond } from '../pond.ts'
import type { PondClient } from '../pond-client.ts'
import { Several } from './several.ts'

const DURABLE = {
  cleanStart: false,
  acknowledges: true,
  properties: { sessionExpiryInterval: 3_600 },
} as const

function publishes(packets: readonly Packet[]): readonly string[] {
  return packets
    .filter((packet): packet is PublishPacket => packet.type === 'publish')
    .map(({ payload, qos }) => `${payload.toString()} ${qos}`)
}

function subscriber(several: Several, filter: string, qos: QoS, options = {}): PondClient {
  const client = several.pond(1).client('reader', { ...DURABLE, ...options })
  client.subscribes(filter, qos)
  several.delivers()
  client.receives()
  return client
}

/** The subscriber connects again. Returns what it is sent. */
function returns(several: Several): readonly string[] {
  const reader = several.pond(1).stranger('reader', DURABLE)
  reader.connects()
  return publishes(reader.receives())
}

test('a client hears in its partition what is published in another, at each QoS', async t => {
  for (const count of [2, 3]) {
    const several = await Several.joined({ count })
    const reader = subscriber(several, 'a/+', 2)
    const writer = several.pond(0).client('writer')
    for (const qos of [0, 1, 2] as const) writer.publishes('a/b', `at ${qos}`, { qos })
    writer.publishes('b', 'elsewhere', { qos: 1 })
    several.delivers()

    t.strictSame(publishes(reader.receives()).toSorted(), ['at 0 0', 'at 1 1', 'at 2 2'])
    t.equal(several.partitions(0).statistics.messagesSettled, 2)
    t.equal(several.partitions(1).statistics.messagesApplied, 2)
  }
})

test('a message that was heard of goes to no third partition', async t => {
  const several = await Several.joined({ count: 3 })
  const reader = subscriber(several, '#', 1)
  const other = several.pond(2).client('other', DURABLE)
  other.subscribes('#', 1)
  several.delivers()
  several.pond(0).client('writer').publishes('a', 'once', { qos: 1 })
  several.delivers()

  t.strictSame(publishes(reader.receives()), ['once 1'])
  t.strictSame(publishes(other.receives()), ['once 1'])
})

test('several filters of a partition that match bring a message once', async t => {
  const several = await Several.joined()
  const reader = subscriber(several, 'a/#', 1)
  const transient = several.pond(1).client('transient', { acknowledges: true })
  transient.subscribes('a/b', 1)
  transient.subscribes('+/b', 0)
  several.delivers()
  transient.receives()
  const writer = several.pond(0).client('writer')
  writer.publishes('a/b', 'stored', { qos: 1 })
  writer.publishes('a/b', 'beside')
  several.delivers()

  t.strictSame(publishes(reader.receives()).toSorted(), ['beside 0', 'stored 1'])
  t.strictSame(publishes(transient.receives()).toSorted(), ['beside 0', 'stored 1'])
  t.equal(several.partitions(0).statistics.messagesSettled, 1)
})

test('what only transient sessions want is sent in order and not stored', async t => {
  const delaying = new DelayingStore()
  const several = new Several({ stores: [delaying, new MemoryStore()] })
  await several.starts(0)
  await several.starts(1)
  delaying.commits()
  several.pond(0).settles()
  several.delivers()
  const reader = subscriber(several, 'a', 1, { cleanStart: true, properties: {} })
  several.pond(0).client('writer').publishes('a', 'light', { qos: 1 })
  several.delivers()

  t.strictSame(publishes(reader.receives()), ['light 1'])
  const kinds = new Set(delaying.groups.flat().map(({ kind }) => kind))
  t.strictSame([...kinds], ['partition-reached'])
})

test('what is owed to a partition is sent after its commit', async t => {
  const delaying = new DelayingStore()
  const several = new Several({ stores: [delaying, new MemoryStore()] })
  await several.starts(0)
  await several.starts(1)
  t.equal(several.partitions(0).isComplete, false, 'nobody hears of a start that is not stored')
  delaying.commits()
  several.pond(0).settles()
  several.delivers()
  const reader = subscriber(several, 'a', 1)
  const writer = several.pond(0).client('writer')
  writer.publishes('a', 'heavy', { qos: 1 })
  several.delivers()
  t.strictSame(publishes(reader.receives()), [])
  t.strictSame(writer.receives(), [])

  delaying.commits()
  several.pond(0).settles()
  t.equal(writer.receives()[0]?.type, 'puback', 'PUBACK needs this commit only')
  several.delivers()
  t.strictSame(publishes(reader.receives()), ['heavy 1'])
})

test('nobody is admitted before the filters of all others are known', async t => {
  const several = await Several.joined()
  const reader = subscriber(several, 'a', 1)
  reader.vanishes()
  await several.starts(0)
  t.equal(several.partitions(0).isComplete, false)

  several.delivers()
  t.equal(several.partitions(0).isComplete, true)
  several.pond(0).client('writer').publishes('a', 'owed', { qos: 1 })
  several.delivers()
  t.strictSame(returns(several), ['owed 1'])
})

test('a will that is due at the start waits for the filters of the others', async t => {
  const several = await Several.joined()
  subscriber(several, 'w', 1).vanishes()
  several.pond(0).client('dies', { ...DURABLE, will: { topic: 'w', payload: 'gone', qos: 1 } })
  await several.starts(0)
  several.pond(0).passes({ seconds: 1 })
  several.delivers()
  several.pond(0).passes({ seconds: 1 })
  several.delivers()

  t.strictSame(returns(several), ['gone 1'])
})

test('SUBACK waits until the others have the filter, but not for ever', async t => {
  const several = await Several.joined()
  const reader = several.pond(1).client('reader', DURABLE)
  reader.subscribes('a', 1)
  t.strictSame(reader.receives(), [])
  several.delivers()
  t.strictSame(
    reader.receives().map(({ type }) => type),
    ['suback'],
  )

  reader.subscribes('b', 1)
  several.loses()
  several.pond(1).passes({ seconds: 4 })
  several.ticks(1)
  t.strictSame(reader.receives(), [])
  several.loses()
  several.pond(1).passes({ seconds: 2 })
  several.ticks(1)
  t.strictSame(
    reader.receives().map(({ type }) => type),
    ['suback'],
  )
  t.equal(several.partitions(1).statistics.filtersUntold, 1)
})

test('who has gone gets no SUBACK', async t => {
  const several = await Several.joined()
  const reader = several.pond(1).client('reader', DURABLE)
  reader.subscribes('a', 1)
  reader.vanishes()
  several.delivers()

  t.strictSame(reader.receives(), [])
})

test('a message comes once, whichever partition starts again, and whatever was lost', async t => {
  for (const restarted of [0, 1]) {
    for (const isAnswered of [false, true]) {
      const several = await Several.joined()
      subscriber(several, 'a', 2).vanishes()
      several.pond(0).client('writer').publishes('a', 'first', { qos: 2 })
      const [way] = several.loses()
      if (way !== undefined) several.arrives(way)
      // The answer is lost or not; the other side may have applied the message without it.
      if (isAnswered) several.delivers()
      else several.loses()
      await several.starts(restarted)
      several.delivers()
      several.pond(0).client('writer').publishes('a', 'second', { qos: 2 })
      several.delivers()

      t.strictSame(returns(several), ['first 2', 'second 2'])
      t.strictSame(returns(several), [])
    }
  }
})

test('frames that are repeated, late or of earlier starts change nothing', async t => {
  const several = await Several.joined()
  subscriber(several, 'a', 2).vanishes()
  const writer = several.pond(0).client('writer', { acknowledges: true })
  const all: string[] = []
  const late: ReturnType<Several['loses']>[] = []
  for (let count = 1; count <= 6; count++) {
    all.push(`m${count} 2`)
    writer.publishes('a', `m${count}`, { qos: 2 })
    late.push(several.loses())
  }
  // The last comes first, and each twice.
  for (const way of [...late.flat().toReversed(), ...late.flat()]) several.arrives(way)
  await several.starts(1)
  for (const way of late.flat()) several.arrives(way)
  several.delivers()

  t.strictSame(returns(several), all)
  const { itemsEarly, itemsRepeated } = several.partitions(1).statistics
  t.ok(several.partitions(1).statistics.framesStale > 0)
  t.equal(itemsEarly + itemsRepeated, 0, 'the new start has heard of no late frame')
})

test('what was lost is sent again', async t => {
  const several = await Several.joined()
  const reader = subscriber(several, 'a', 1)
  several.pond(0).client('writer').publishes('a', 'lost', { qos: 1 })
  several.loses()
  several.ticks(0)
  several.delivers()

  t.strictSame(publishes(reader.receives()), ['lost 1'])
})

test('what is owed to a partition that is down is read from the store, page by page', async t => {
  const stores = [new MemoryStore(3), new MemoryStore()]
  const several = await Several.joined({ stores })
  subscriber(several, 'a', 1).vanishes()
  const writer = several.pond(0).client('writer', { acknowledges: true })
  const all = Array.from({ length: 10 }, (_, index) => `m${index}`)
  for (const payload of all) writer.publishes('a', payload, { qos: 1 })
  several.loses()
  await several.starts(0)
  several.delivers()

  t.strictSame(
    returns(several),
    all.map(payload => `${payload} 1`),
  )
  several.delivers()
  await several.starts(0)
  several.delivers()
  t.equal(several.partitions(1).statistics.messagesRepeated, 0, 'it was settled')
})

test('a full line refuses, and drops what is at QoS 0', async t => {
  const several = await Several.joined({ lineBytesMax: 1_000 })
  subscriber(several, 'a', 1)
  const writer = several.pond(0).client('writer')
  for (let count = 0; count < 5; count++) writer.publishes('a', 'x'.repeat(400), { qos: 1 })
  writer.publishes('a', 'x')
  const answers = writer.receives()
  const refused = answers.filter(each => each.type === 'puback' && each.reason === 0x97)
  t.equal(answers.length, 5)
  t.ok(refused.length > 0 && refused.length < 5)
  t.equal(several.partitions(0).statistics.qos0Dropped, 1)

  several.delivers()
  writer.publishes('a', 'again', { qos: 1 })
  t.match(writer.receives(), [{ type: 'puback', reason: 0 }])
})

test('messages of QoS 0 that are lost on the way are counted, and none comes late', async t => {
  const several = await Several.joined()
  const reader = subscriber(several, 'a', 0)
  const writer = several.pond(0).client('writer')
  for (const payload of ['one', 'two', 'three']) writer.publishes('a', payload)
  const [first, , third] = several.loses()
  for (const way of [third, first]) if (way !== undefined) several.arrives(way)

  t.strictSame(publishes(reader.receives()), ['three 0'])
  t.equal(several.partitions(1).statistics.qos0Lost, 2)
})

test('a filter that goes and comes back within a turn is not told', async t => {
  const several = await Several.joined()
  const reader = subscriber(several, 'a', 1)
  several.pond(1).inOneTurn(() => {
    reader.unsubscribes('a')
    reader.subscribes('a', 1)
  })

  t.strictSame(several.frames, [])
  reader.unsubscribes('a')
  several.delivers()
  several.pond(0).client('writer').publishes('a', 'unheard', { qos: 1 })
  t.strictSame(several.frames, [])
})

test('the session that a filter is of decides whether it is wanted durably', async t => {
  const several = await Several.joined()
  const wanted = (): string =>
    several
      .loses()
      .flatMap(({ bytes }) => decodeFrame(bytes).items)
      .map(item => (item.kind === 'filter' ? `${item.filter} ${item.wanted ?? 'gone'}` : item.kind))
      .join()
  const transient = several.pond(1).client('transient')
  transient.subscribes('a', 1)
  t.equal(wanted(), 'a transiently')
  const durable = several.pond(1).client('durable', DURABLE)
  durable.subscribes('a', 0)
  t.equal(wanted(), '', 'QoS 0 is not stored for anybody')
  durable.subscribes('a', 1)
  t.equal(wanted(), 'a durably')
  durable.unsubscribes('a')
  t.equal(wanted(), 'a transiently')
  transient.disconnects()
  t.equal(wanted(), 'a gone')
})

test('topics and filters of the broker itself stay in their partition', async t => {
  const several = await Several.joined()
  const reader = several.pond(1).client('reader', DURABLE)
  reader.subscribes('$SYS/#', 1)
  t.match(reader.receives(), [{ type: 'suback' }])
  t.strictSame(several.frames, [])
})

test('frames that are cut, too long or unknown change nothing, and are counted and told', async t => {
  const several = await Several.joined()
  const reader = subscriber(several, 'a', 1)
  several.pond(0).client('writer').publishes('a', 'whole', { qos: 1 })
  const [way] = several.loses()
  if (way === undefined) throw new Error('the message was sent')
  const { bytes } = way
  const arrives = (damaged: Buffer): void => several.arrives({ ...way, bytes: damaged })
  for (let length = 0; length < bytes.length; length++) arrives(bytes.subarray(0, length))
  arrives(Buffer.concat([bytes, Buffer.from([0])]))
  arrives(Buffer.concat([Buffer.from([99]), bytes.subarray(1)]))
  arrives(encodeFrame({ ...decodeFrame(bytes), from: 7 }, [], []))
  arrives(encodeFrame({ ...decodeFrame(bytes), acknowledged: 1_000 }, [], []))
  const unknown = { bytes: Buffer.from([200]), number: null }
  arrives(encodeFrame(decodeFrame(bytes), [unknown], []))

  t.equal(several.partitions(1).statistics.framesUnreadable, bytes.length + 5)
  t.equal(several.sentences.length, bytes.length + 5)
  t.match(several.sentences.slice(-5), [
    /not applied: bytes follow its last message/,
    /it is of version 99/,
    /there is no partition 7/,
    /it acknowledges item 1000 of \d+/,
    /an item of the unknown kind 200/,
  ])
  t.strictSame(publishes(reader.receives()), [])
  several.arrives(way)
  t.strictSame(publishes(reader.receives()), ['whole 1'])
})

test('a broker that is alone does not open the store of a partition', async t => {
  const several = await Several.joined()
  const [store] = several.stores
  await store?.close()
  const snapshot = (await store?.open()) ?? null
  t.ok((snapshot?.partitions ?? []).length > 0)
  if (snapshot !== null) t.throws(() => new Pond({ snapshot }), /one of several partitions/)
})

test('a partition opens no store of another one, nor of more partitions', async t => {
  const several = await Several.joined({ count: 3 })
  several.pond(2).client('reader', DURABLE).subscribes('a', 1)
  several.delivers()
  several.pond(0).client('writer').publishes('a', 'owed', { qos: 1 })
  const [store, other] = several.stores
  if (store === undefined || other === undefined) throw new Error('there are three stores')
  await store.close()
  await other.close()

  await t.rejects(
    new Several({ stores: [other, store] }).starts(0),
    /the store is of partition 1, and this is partition 0/,
  )
  await t.rejects(
    new Several({ stores: [store, other] }).starts(0),
    /the store is of more partitions: it knows of partition 2/,
  )
})

test('a client has the same partition for ever', async t => {
  const ids = ['', 'a', 'client-1', 'client-2', 'zoë', 'device/4711']
  t.strictSame(
    ids.map(clientId => partitionOf(clientId, 5)),
    [3, 0, 1, 3, 0, 2],
  )
  const counts = [0, 0, 0, 0]
  for (let index = 0; index < 4_000; index++) {
    const at = partitionOf(`device-${index}`, 4)
    counts[at] = (counts[at] ?? 0) + 1
  }
  for (const count of counts) t.ok(count > 800 && count < 1_200)
})
