// Share groups whose members are clients of several partitions. The simulator does the same with faults: test/sim/partitions.test.ts.

import { test } from 'tap'
import { addressText, isAddressable, readAddress } from '../../src/partition/hand-over-address.ts'
import { decodeFrame } from '../../src/partition/frame.ts'
import { partitionOf } from '../../src/partition/partition-of.ts'
import type { QoS } from '../../src/packet/packet.ts'
import type { PondClient } from '../pond-client.ts'
import { Several } from './several.ts'

const DURABLE = {
  cleanStart: false,
  acknowledges: true,
  properties: { sessionExpiryInterval: 3_600 },
} as const

/** Returns a filter whose group this partition keeps. */
function sharedIn(several: Several, partition: number): string {
  for (let number = 0; ; number++) {
    if (partitionOf(`g${number}/a`, several.count) === partition) return `$share/g${number}/a`
  }
}

function member(
  several: Several,
  partition: number,
  qos: QoS,
  options: object = DURABLE,
): PondClient {
  const client = several.pond(partition).client(`member-${partition}`, options)
  client.subscribes(sharedIn(several, 0), qos)
  several.delivers()
  client.receives()
  return client
}

function publishes(several: Several, partition: number, ...payloads: readonly string[]): void {
  const writer = several.pond(partition).client(`writer-${partition}`, { acknowledges: true })
  for (const payload of payloads) writer.publishes('a', payload, { qos: 2 })
  several.delivers()
  writer.receives()
  several.delivers()
}

function payloadsOf(client: PondClient): readonly string[] {
  return client.receivesMessages().map(({ payload }) => payload.toString())
}

test('members of all partitions share what is published in any', async t => {
  const several = await Several.joined({ count: 3 })
  const members = [0, 1, 2].map(partition => member(several, partition, 2))
  for (const partition of [0, 1, 2]) {
    publishes(several, partition, `${partition}a`, `${partition}b`, `${partition}c`)
  }

  const heard = members.map(payloadsOf)
  t.strictSame(heard.flat().toSorted(), ['0a', '0b', '0c', '1a', '1b', '1c', '2a', '2b', '2c'])
  for (const each of heard) t.equal(each.length, 3, 'in turn')
  t.equal(several.partitions(0).statistics.handOutsSent, 6)
})

test('a message at QoS 0 goes to one member', async t => {
  const several = await Several.joined()
  const reader = member(several, 1, 1)
  several.pond(1).client('writer').publishes('a', 'light', { qos: 0 })
  several.delivers()
  t.strictSame(payloadsOf(reader), ['light'])
})

test('a member has the options of its own subscription', async t => {
  const several = await Several.joined()
  const reader = several.pond(1).client('reader', DURABLE)
  const properties = { subscriptionIdentifiers: [7] }
  reader.subscribes(sharedIn(several, 0), 1, { retainAsPublished: true, properties })
  several.delivers()
  reader.receives()
  const writer = several.pond(0).client('writer')
  writer.publishes('a', 'kept', { qos: 2, retain: true })
  several.delivers()
  const [message] = reader.receivesMessages()
  t.match(message, { qos: 1, retain: true, properties: { subscriptionIdentifiers: [7] } })
})

test('what a member had when it left goes to a member of another partition', async t => {
  const several = await Several.joined()
  const properties = { ...DURABLE.properties, receiveMaximum: 2 }
  const leaving = member(several, 1, 1, { ...DURABLE, acknowledges: false, properties })
  publishes(several, 0, 'first', 'second', 'third')
  t.strictSame(payloadsOf(leaving), ['first', 'second'], 'no more than its window')
  leaving.vanishes()
  const staying = several.pond(0).client('staying')
  staying.subscribes(sharedIn(several, 0), 1)
  several.delivers()

  t.strictSame(payloadsOf(staying).toSorted(), ['first', 'second', 'third'])
  t.equal(several.partitions(1).statistics.handOutsReturned, 2)
})

test('a message is handed out once over a crash of either partition', async t => {
  const several = await Several.joined()
  member(several, 1, 2)
  const writer = several.pond(1).client('writer')
  writer.publishes('a', 'once', { qos: 1 })
  // It goes to the group, and comes back as a hand-out that is lost.
  const [there] = several.loses()
  if (there !== undefined) several.arrives(there)
  several.loses()
  await several.starts(0)
  several.delivers()
  several.ticks(0)
  several.ticks(1)
  several.delivers()
  await several.starts(1)
  several.ticks(0)
  several.delivers()
  const again = several.pond(1).stranger('member-1', DURABLE)
  again.connects()
  several.delivers()

  t.strictSame(payloadsOf(again), ['once'])
  publishes(several, 0, 'after')
  t.strictSame(payloadsOf(again), ['after'])
})

test('what a member had whose session ended with its partition comes back', async t => {
  const several = await Several.joined({ count: 3 })
  member(several, 1, 1, { acknowledges: false })
  const other = several.pond(2).client('other', DURABLE)
  other.subscribes(sharedIn(several, 0), 1)
  several.delivers()
  other.vanishes()
  several.delivers()
  publishes(several, 0, 'held')
  await several.starts(1)
  several.ticks(1)
  several.delivers()
  const again = several.pond(2).stranger('other', DURABLE)
  again.connects()
  several.delivers()
  t.strictSame(payloadsOf(again), ['held'])
})

test('a message that comes before the members of its group waits for them', async t => {
  const several = await Several.joined({ count: 3 })
  const reader = member(several, 1, 1)
  const writer = several.pond(2).client('writer')
  writer.publishes('a', 'early', { qos: 1 })
  several.loses()
  await several.starts(0)
  // Partition 1 tells its members last.
  for (let round = 0; round < 3; round++) {
    several.ticks(2)
    several.ticks(0)
    for (const way of several.loses()) if (way.from + way.to === 2) several.arrives(way)
  }
  t.ok(several.partitions(0).statistics.itemsEarly > 0)
  for (const partition of [0, 1, 0, 2]) {
    several.ticks(partition)
    several.delivers()
  }
  t.strictSame(payloadsOf(reader), ['early'])
})

test('a group ends with its last member, wherever that is', async t => {
  const several = await Several.joined()
  const reader = member(several, 1, 1, { ...DURABLE, acknowledges: false })
  t.equal([...several.pond(0).broker.subscriptions.groups.all].length, 1)
  reader.unsubscribes(sharedIn(several, 0))
  several.delivers()
  t.strictSame([...several.pond(0).broker.subscriptions.groups.all], [])
  publishes(several, 1, 'to nobody')
  t.equal(several.partitions(1).statistics.messagesSettled, 0)
  t.equal(several.pond(0).broker.subscriptions.router.subscriptionCount, 0)
  t.equal(several.pond(1).broker.subscriptions.router.subscriptionCount, 0)
})

test('what comes back to a group that has ended is dropped and counted', async t => {
  const several = await Several.joined()
  const reader = member(several, 1, 1, { acknowledges: false })
  publishes(several, 0, 'lost')
  reader.receives()
  reader.disconnects()
  several.delivers()
  t.equal(several.pond(0).broker.statistics.dropped['group-ended'], 1)
})

test('a keyed strategy binds keys to members of all partitions', async t => {
  const several = await Several.joined({ pond: { share: { defaultStrategy: 'hash-client' } } })
  const members = [0, 1].map(partition => member(several, partition, 1))
  publishes(several, 0, '0a', '0b')
  publishes(several, 1, '1a', '1b')
  for (const each of members) {
    const heard = payloadsOf(each)
    for (const key of ['0', '1']) {
      t.ok([0, 2].includes(heard.filter(payload => payload.startsWith(key)).length))
    }
  }
})

test('the text of an address is read as it was written, and nothing else is', async t => {
  const group = { shareName: 'g', topicFilter: 'a/+' }
  for (const address of [
    { clientId: 'c', group },
    { clientId: '', group: { ...group, where: "qos > 0 or topic(1) = 'x'" } },
  ]) {
    t.strictSame(readAddress(addressText(address)), address)
    t.ok(isAddressable(address))
  }
  for (const text of ['', 'client', 'c\0group', 'c\0g/a\0where\0more']) {
    t.equal(readAddress(text), null)
  }
  t.notOk(
    isAddressable({
      clientId: 'c'.repeat(30_000),
      group: { ...group, topicFilter: 'f'.repeat(40_000) },
    }),
  )
})

test('the strategy that a member asks for is that of its group, and an unknown one is not applied', async t => {
  const several = await Several.joined()
  const strategy = { properties: { userProperties: [['strategy', 'sticky']] as const } }
  several.pond(1).client('reader', DURABLE).subscribes(sharedIn(several, 0), 1, strategy)
  const way = several.frames.find(({ bytes }) => bytes.includes('sticky'))
  if (way === undefined) throw new Error('the member was told without its strategy')
  const spoilt = Buffer.from(way.bytes)
  spoilt.write('sneaky', spoilt.indexOf('sticky'))
  t.throws(() => decodeFrame(spoilt), /unknown strategy sneaky/)
  several.delivers()
  const [group] = several.pond(0).broker.subscriptions.groups.all
  t.equal(group?.chosen.name, 'sticky')
})
