// Named queues whose publishers and consumers are clients of several partitions. The simulator does the same with faults:
// test/sim/partitions.test.ts.

import { test } from 'tap'
import type { Packet, PublishPacket } from '../../src/packet/packet.ts'
import { partitionOf } from '../../src/partition/partition-of.ts'
import { NO_PROPERTIES } from '../../src/packet/packet.ts'
import type { PondClient } from '../pond-client.ts'
import { Several } from './several.ts'

/** Returns the name of a queue that this partition keeps. */
function nameIn(several: Several, partition: number): string {
  for (let number = 0; ; number++) {
    if (partitionOf(`$queue/jobs${number}`, several.count) === partition) return `jobs${number}`
  }
}

interface Joined {
  readonly several: Several
  readonly name: string
}

/** Partition 0 has a queue of what is published to `a`. */
async function withQueue(changes: Readonly<Record<string, unknown>> = {}): Promise<Joined> {
  const several = await Several.joined()
  const name = nameIn(several, 0)
  makes(several, name, changes)
  return { several, name }
}

function makes(several: Several, name: string, changes: Readonly<Record<string, unknown>>): void {
  const { core, broker } = several.pond(0)
  core.turn.begin()
  const fault = broker.subscriptions.queues.setByOperator(name, { filters: ['a'], ...changes })
  if (fault !== null) throw new Error(fault)
  several.pond(0).settles()
  several.delivers()
}

function consumer(
  several: Several,
  name: string,
  options: object = {},
  qos: 0 | 1 = 1,
): PondClient {
  const client = several.pond(1).client('consumer', options)
  client.subscribes(`$queue/${name}`, qos)
  several.delivers()
  return client
}

function publishes(several: Several, partition: number, ...payloads: readonly string[]): void {
  const writer = several.pond(partition).client(`writer-${partition}`)
  for (const payload of payloads) writer.publishes('a', payload, { qos: 1 })
  several.delivers()
}

function messagesIn(packets: readonly Packet[]): readonly PublishPacket[] {
  return packets.filter((packet): packet is PublishPacket => packet.type === 'publish')
}

function payloadsOf(client: PondClient): readonly string[] {
  return messagesIn(client.receives()).map(({ payload }) => payload.toString())
}

function answers(several: Several, client: PondClient, packetId: number, reason: 0 | 0x83): void {
  client.says({ type: 'puback', packetId, reason, properties: NO_PROPERTIES })
  several.delivers()
}

function queued(several: Several, name: string): number {
  return several.pond(0).broker.subscriptions.queues.get(name)?.queue.messages ?? 0
}

test('a queue takes in what is published in any partition, by its filters and by its name', async t => {
  const { several, name } = await withQueue()
  publishes(several, 0, 'here')
  publishes(several, 1, 'there')
  several.pond(1).client('direct').publishes(`$queue/${name}`, 'direct', { qos: 1 })
  several.delivers()
  t.equal(queued(several, name), 3)

  const client = consumer(several, name, { acknowledges: true })
  t.strictSame(payloadsOf(client), ['here', 'there', 'direct'])
  several.delivers()
  t.equal(queued(several, name), 0)
})

test('a consumer elsewhere that joined before the queue was made consumes from it', async t => {
  const several = await Several.joined()
  const name = nameIn(several, 0)
  const client = consumer(several, name)
  makes(several, name, {})
  publishes(several, 1, 'late')
  t.strictSame(payloadsOf(client), ['late'])
})

test('with order fifo the next message comes when the last one is settled', async t => {
  const { several, name } = await withQueue({ order: 'fifo' })
  const client = consumer(several, name)
  publishes(several, 1, 'first', 'second')
  const [first] = messagesIn(client.receives())
  t.equal(first?.payload.toString(), 'first')
  answers(several, client, first?.packetId ?? 0, 0)
  t.strictSame(payloadsOf(client), ['second'])
})

test('what a consumer elsewhere refuses counts, and is a dead letter in the end', async t => {
  const { several, name } = await withQueue({ deliveriesMax: 2, retryDelaySeconds: 0 })
  const client = consumer(several, name)
  publishes(several, 1, 'bad')
  for (const count of [undefined, '2']) {
    const [message] = messagesIn(client.receives())
    const marks = message?.properties.userProperties ?? []
    t.equal(marks.find(([key]) => key === 'delivery-count')?.[1], count)
    answers(several, client, message?.packetId ?? 0, 0x83)
    several.pond(0).passes({ seconds: 1 })
    several.delivers()
  }
  t.equal(queued(several, `${name}.dead`), 1)
  const reader = several.pond(1).client('reader', { acknowledges: true })
  reader.subscribes(`$queue/${name}.dead`, 1)
  several.delivers()
  t.strictSame(payloadsOf(reader), ['bad'])
})

test('what a consumer had when it disconnected comes to another one', async t => {
  const { several, name } = await withQueue()
  const client = consumer(several, name, { properties: { receiveMaximum: 2 } })
  publishes(several, 1, 'one', 'two', 'three')
  t.strictSame(payloadsOf(client), ['one', 'two'], 'no more than its window')
  client.vanishes()
  several.delivers()
  const other = several.pond(0).client('other')
  other.subscribes(`$queue/${name}`, 1)
  several.delivers()
  t.strictSame(payloadsOf(other), ['one', 'two', 'three'])
})

test('a consumer that unsubscribes keeps what it has until it answers', async t => {
  const { several, name } = await withQueue()
  const client = consumer(several, name)
  publishes(several, 1, 'kept')
  const [message] = messagesIn(client.receives())
  client.unsubscribes(`$queue/${name}`)
  several.delivers()
  publishes(several, 0, 'not for it')
  t.strictSame(payloadsOf(client), [])
  answers(several, client, message?.packetId ?? 0, 0)
  const [left] = several.pond(0).broker.subscriptions.queues.all
  t.equal(left?.inFlight, 0)
  t.equal(left?.consumers.count, 0)
  t.equal(queued(several, name), 1)
})

test('what is lent comes again when either partition starts', async t => {
  for (const starting of [0, 1]) {
    const { several, name } = await withQueue()
    const client = consumer(several, name)
    publishes(several, 0, 'lent')
    t.strictSame(payloadsOf(client), ['lent'])
    await several.starts(starting)
    for (const partition of [0, 1, 0]) {
      several.ticks(partition)
      several.delivers()
    }
    if (starting === 0) t.strictSame(payloadsOf(client), ['lent'])
    else t.strictSame(payloadsOf(consumer(several, name)), ['lent'])
  }
})

test('a consumer at QoS 0 gets each message once', async t => {
  const { several, name } = await withQueue()
  const client = consumer(several, name, {}, 0)
  publishes(several, 1, 'once')
  const [message] = messagesIn(client.receives())
  t.match(message, { qos: 0 })
  t.equal(queued(several, name), 0)
})

test('a full queue that refuses is full for publishers of all partitions', async t => {
  const { several, name } = await withQueue({ overflow: 'refuse', messagesMax: 1 })
  publishes(several, 1, 'first')
  const writer = several.pond(1).client('writer')
  const packetId = writer.publishes('a', 'second', { qos: 1 })
  t.match(writer.receives(), [{ type: 'puback', packetId, reason: 0x97 }])
  const reader = consumer(several, name, { acknowledges: true })
  t.strictSame(payloadsOf(reader), ['first'])
  several.delivers()
  writer.publishes('a', 'third', { qos: 1 })
  several.delivers()
  t.strictSame(payloadsOf(reader), ['third'])
})

test('what is on its way to a queue that is full, and refuses, is taken in', async t => {
  const { several, name } = await withQueue({ overflow: 'refuse', messagesMax: 1 })
  const writer = several.pond(1).client('writer')
  for (const payload of ['first', 'second', 'third']) writer.publishes('a', payload, { qos: 1 })
  several.delivers()

  const reasons = writer.receives().map(packet => packet.type === 'puback' && packet.reason)
  t.strictSame(reasons, [0, 0, 0], 'nobody knew that it is full')
  t.equal(queued(several, name), 3)
  t.equal(several.pond(0).broker.statistics.dropped['queue-full'], 0)
})

test('what only the partition of a queue can do is refused elsewhere', async t => {
  const { several, name } = await withQueue()
  const { queues } = several.pond(1).broker.subscriptions
  t.equal(queues.setByOperator(name, {}), 'the queue is of another partition')
  const own = nameIn(several, 1)
  t.equal(
    queues.setByOperator(own, { deadLetter: name }),
    'deadLetter: the queue is of another partition',
  )
  const client = several.pond(1).client('client')
  const properties = { userProperties: [['transactional', 'true']] as const }
  client.subscribes(`$queue/${name}`, 1, { properties })
  const [suback] = client.receives()
  t.match(suback, { type: 'suback', reasons: [0x8f] })
  let missing = `${name}x`
  while (partitionOf(`$queue/${missing}`, several.count) !== 0) missing += 'x'
  client.subscribes(`$queue/${missing}/b`, 1)
  t.match(client.receives(), [{ type: 'suback', reasons: [0x87] }])
})

test('a queue that is deleted is gone for all partitions', async t => {
  const { several, name } = await withQueue()
  const client = consumer(several, name)
  const { core, broker } = several.pond(0)
  core.turn.begin()
  broker.subscriptions.queues.delete(name)
  several.pond(0).settles()
  several.delivers()
  t.equal(several.pond(1).broker.subscriptions.queues.filtersOf(name), null)
  makes(several, name, {})
  publishes(several, 1, 'again')
  t.strictSame(payloadsOf(client), ['again'])
})
