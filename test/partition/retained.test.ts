// Retained messages of brokers that are partitions of one: each topic has one partition that keeps its message.

import { test } from 'tap'
import { decodeFrame } from '../../src/partition/frame.ts'
import { partitionOf } from '../../src/partition/partition-of.ts'
import type { Packet, PublishPacket } from '../../src/packet/packet.ts'
import type { PondClient } from '../pond-client.ts'
import { Several, type Way } from './several.ts'

/** Of two partitions, the topic is kept by the second. */
const TOPIC = topicOf(1, 2)

/** Returns a topic that the partition keeps. */
function topicOf(partition: number, count: number): string {
  let number = 1
  while (partitionOf(`t/${number}`, count) !== partition) number += 1
  return `t/${number}`
}

function told(packets: readonly Packet[]): readonly string[] {
  return packets
    .filter((packet): packet is PublishPacket => packet.type === 'publish')
    .map(({ payload, retain }) => `${payload.toString()}${retain ? ' retained' : ''}`)
}

/** Publishes it to be retained, and waits until it is. */
function retains(several: Several, at: number, payload: string, qos: 0 | 1 | 2 = 1): void {
  several.pond(at).client(`writer${at}`).publishes(TOPIC, payload, { qos, retain: true })
  several.delivers()
}

const AS_PUBLISHED = { retainAsPublished: true } as const

/** A client subscribes. Returns what it is sent at once. */
function subscribes(
  several: Several,
  at: number,
  filter: string,
  options: Parameters<PondClient['subscribes']>[2] = {},
): readonly string[] {
  const reader = several.pond(at).client('reader', { acknowledges: true })
  reader.subscribes(filter, 2, options)
  several.delivers()
  several.pond(at).passes({ seconds: 1 })
  return told(reader.receives())
}

test('a new subscription is sent what is retained in whichever partition, for filters with and without wildcards', async t => {
  for (const from of [0, 1]) {
    for (const qos of [0, 1, 2] as const) {
      const several = await Several.joined()
      retains(several, from, 'kept', qos)

      for (const at of [0, 1]) {
        for (const filter of [TOPIC, 't/+', '#']) {
          t.strictSame(subscribes(several, at, filter), ['kept retained'])
        }
      }
    }
  }
})

test('Retain Handling says who is sent what is retained', async t => {
  const several = await Several.joined()
  retains(several, 0, 'kept')
  const reader = several.pond(0).client('reader', { acknowledges: true })
  const asks = (retainHandling: 0 | 1 | 2): readonly string[] => {
    reader.subscribes(TOPIC, 1, { retainHandling })
    several.delivers()
    several.pond(0).passes({ seconds: 1 })
    return told(reader.receives())
  }

  t.strictSame(asks(2), [])
  t.strictSame(asks(1), [], 'the subscription is not new')
  t.strictSame(asks(0), ['kept retained'])
  reader.unsubscribes(TOPIC)
  several.delivers()
  t.strictSame(asks(1), ['kept retained'])
})

test('what is published in another partition bears RETAIN for who wants it as published', async t => {
  const several = await Several.joined({ count: 3 })
  const readers = [0, 1, 2].map(at => several.pond(at).client(`reader${at}`))
  for (const reader of readers) reader.subscribes(TOPIC, 0, { ...AS_PUBLISHED, retainHandling: 2 })
  several.delivers()
  for (const reader of readers) reader.receives()
  for (const qos of [0, 1] as const) {
    retains(several, 0, 'news', qos)

    for (const reader of readers) t.strictSame(told(reader.receives()), ['news retained'])
  }
})

test('an empty message clears the topic, and what expires is not sent', async t => {
  const several = await Several.joined()
  retains(several, 0, 'kept')
  retains(several, 0, '')
  t.strictSame(subscribes(several, 0, '#'), [])
  t.equal(several.pond(1).broker.retained.count, 0)

  const properties = { messageExpiryInterval: 5 }
  const writer = several.pond(0).client('writer')
  writer.publishes(TOPIC, 'short-lived', { qos: 1, retain: true, properties })
  several.delivers()
  t.strictSame(subscribes(several, 0, '#'), ['short-lived retained'])
  several.pond(1).passes({ seconds: 10 })
  several.pond(0).passes({ seconds: 10 })
  t.strictSame(subscribes(several, 0, '#'), [])
  t.equal(several.pond(1).broker.retained.count, 0)
})

test('an acknowledgement waits until the message is retained, and later ones wait behind it', async t => {
  const several = await Several.joined()
  for (const version of [4, 5] as const) {
    const writer = several.pond(0).client('writer', { version })
    writer.publishes(TOPIC, 'kept', { qos: 1, retain: true })
    writer.publishes('a', 'plain', { qos: 1 })
    writer.publishes(TOPIC, 'more', { qos: 2, retain: true })
    t.strictSame(writer.receives(), [])

    several.delivers()
    t.match(writer.receives(), [
      { type: 'puback', packetId: 1 },
      { type: 'puback', packetId: 2 },
      { type: 'pubrec', packetId: 3 },
    ])
    writer.publishes(TOPIC, 'more', { qos: 2, retain: true, packetId: 3, duplicate: true })
    several.delivers()
    t.match(writer.receives(), [{ type: 'pubrec', packetId: 3 }])
  }
})

test('an acknowledgement does not wait for ever for a partition that is away', async t => {
  const several = await Several.joined()
  const writer = several.pond(0).client('writer')
  writer.publishes(TOPIC, 'kept', { qos: 1, retain: true })
  several.loses()
  several.pond(0).passes({ seconds: 6 })
  several.ticks(0)

  t.match(writer.receives(), [{ type: 'puback' }])
  t.equal(several.partitions(0).statistics.retainedUnkept, 1)
  several.delivers()
  t.strictSame(subscribes(several, 0, TOPIC), ['kept retained'], 'it is retained all the same')
})

test('a subscription that comes while a message is on its way to be retained is sent it', async t => {
  const [away, here] = [topicOf(1, 3), 2]
  const several = await Several.joined({ count: 3 })
  several.pond(0).client('writer').publishes(away, 'on its way', { qos: 1, retain: true })
  const late = several.loses()
  const reader = several.pond(here).client('reader', { acknowledges: true })
  reader.subscribes(away, 1)
  several.delivers()
  t.strictSame(told(reader.receives()), [], 'the watermark waits for the message')

  for (const way of late) several.arrives(way)
  several.delivers()
  several.pond(here).passes({ seconds: 1 })
  t.strictSame(told(reader.receives()), ['on its way retained'])
})

test('what came live meanwhile is not sent again as retained, nor anything older', async t => {
  const several = await Several.joined({ count: 3 })
  const topic = topicOf(1, 3)
  const writer = several.pond(0).client('writer', { acknowledges: true })
  writer.publishes(topic, 'old', { qos: 1, retain: true })
  several.delivers()
  const reader = several.pond(2).client('reader', { acknowledges: true })
  reader.subscribes(topic, 1)
  const held: Way[] = []
  const deliversBut = (isHeld: (way: Way) => boolean): void => {
    for (let way = several.frames.shift(); way !== undefined; way = several.frames.shift()) {
      if (isHeld(way)) held.push(way)
      else several.arrives(way)
    }
  }
  // The watermarks come; the question does not arrive yet.
  const asks = ({ bytes }: Way): boolean =>
    decodeFrame(bytes).items.some(({ kind }) => kind === 'retained-asked')
  deliversBut(asks)
  const [question] = held.splice(0)
  writer.publishes(topic, 'new', { qos: 1, retain: true })
  deliversBut(({ from, to }) => from === 0 && to === 1)
  t.strictSame(told(reader.receives()), ['new'])

  if (question !== undefined) several.arrives(question)
  deliversBut(({ from, to }) => from === 0 && to === 1)
  several.pond(2).passes({ seconds: 1 })
  t.strictSame(told(reader.receives()), [], 'the old one is not sent behind the new one')
  for (const way of held) several.arrives(way)
  several.delivers()
  several.pond(2).passes({ seconds: 1 })
  t.strictSame(told(reader.receives()), [])
})

test('a partition that starts in between is asked again, and a durable client that comes back is sent all', async t => {
  for (const restarted of [0, 1]) {
    const several = await Several.joined()
    retains(several, 0, 'kept')
    const options = {
      cleanStart: false,
      acknowledges: true,
      properties: { sessionExpiryInterval: 60 },
    }
    const reader = several.pond(0).client('reader', options)
    reader.subscribes('#', 1)
    several.arrives(several.frames.shift() ?? { from: 0, to: 0, bytes: Buffer.alloc(0) })
    several.loses()
    await several.starts(restarted)
    several.delivers()
    const again = restarted === 0 ? several.pond(0).stranger('reader', options) : reader
    if (restarted === 0) again.connects()
    several.delivers()
    several.pond(0).passes({ seconds: 1 })

    t.strictSame(told(again.receives()), ['kept retained'])
  }
})

test('while a partition is away it is asked a few times, and all are sent what is retained when it is back', async t => {
  const several = await Several.joined()
  retains(several, 1, 'kept')
  const readers = Array.from({ length: 20 }, (_, number) => {
    const reader = several.pond(0).client(`reader${number}`, { acknowledges: true })
    reader.subscribes('#', 1)
    return reader
  })
  const asked = several
    .loses()
    .flatMap(({ bytes }) => decodeFrame(bytes).items)
    .filter(({ kind }) => kind === 'watermark-asked')
  t.equal(asked.length, 4)

  for (let round = 0; round < 4; round++) {
    several.ticks(0)
    several.delivers()
    several.pond(0).passes({ seconds: 1 })
  }
  for (const reader of readers) t.strictSame(told(reader.receives()), ['kept retained'])
})

test('many retained messages come in pages, as the client takes them', async t => {
  const several = await Several.joined()
  const writer = several.pond(0).client('writer', { acknowledges: true })
  for (let number = 0; number < 400; number++) {
    writer.publishes(`many/${number}`, `${number}`, { qos: 1, retain: true })
    several.delivers()
    writer.receives()
  }
  t.ok(several.pond(1).broker.retained.count > 100)
  const reader = several.pond(0).client('reader', { acknowledges: true })
  reader.subscribes('many/#', 1)
  const received = new Set<string>()
  for (let round = 0; round < 20; round++) {
    several.delivers()
    several.pond(0).passes({ seconds: 1 })
    for (const each of told(reader.receives())) received.add(each)
  }

  t.equal(received.size, 400)
})

test('what has no room is refused when the others have heard of it', async t => {
  const limits = { retainedMessagesMax: 1 }
  const several = await Several.joined({ pond: { limits } })
  retains(several, 0, 'kept')
  const writer = several.pond(0).client('writer')
  const other = topicOf(1, 2) === TOPIC ? `${TOPIC}0` : TOPIC
  const away = [TOPIC, other, ...Array.from({ length: 9 }, (_, index) => `u/${index}`)].filter(
    topic => partitionOf(topic, 2) === 1,
  )
  writer.publishes(away[1] ?? '', 'more', { qos: 1, retain: true })
  several.delivers()

  t.match(writer.receives(), [{ type: 'puback', reason: 0x97 }])
  writer.publishes(TOPIC, '', { qos: 1, retain: true })
  several.delivers()
  t.match(writer.receives(), [{ type: 'puback' }])
  writer.publishes(away[1] ?? '', 'more', { qos: 1, retain: true })
  several.delivers()
  t.equal(several.pond(1).broker.retained.count, 1)
  t.equal(several.partitions(1).statistics.retainedAboveLimit, 0)
})

test('a retained message of QoS 0 comes in its order among others of QoS 0', async t => {
  const several = await Several.joined()
  const reader = several.pond(1).client('reader')
  reader.subscribes(TOPIC, 0)
  several.delivers()
  reader.receives()
  const writer = several.pond(0).client('writer')
  writer.publishes(TOPIC, 'one')
  writer.publishes(TOPIC, 'two', { retain: true })
  writer.publishes(TOPIC, 'three')
  several.delivers()
  writer.publishes(TOPIC, 'four')
  several.delivers()

  t.strictSame(told(reader.receives()), ['one', 'two', 'three', 'four'])
})
