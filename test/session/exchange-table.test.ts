// Packet identifiers towards one client, beside a Map that knows no slots.

import { test } from 'tap'
import { Random } from '../../sim/random.ts'
import { DEFAULT_LIMITS } from '../../src/limits.ts'
import { makeMessage } from '../../src/message.ts'
import { NO_PROPERTIES } from '../../src/packet/packet.ts'
import { type Delivery, newDelivery } from '../../src/session/delivery.ts'
import { ExchangeTable } from '../../src/session/exchange-table.ts'

const MESSAGE = makeMessage(
  { payload: Buffer.alloc(0), qos: 1, retain: false, properties: NO_PROPERTIES },
  'a',
  null,
  { now: 0, nextSequence: () => 1 },
)

function delivery(packetId = 0): Delivery {
  return { ...newDelivery(MESSAGE, 1, false, [], null, 0, 0), packetId }
}

test('it has the entries of a Map in the same order, whatever is opened, restored and settled', async t => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = new Random(seed)
    const table = new ExchangeTable()
    const expected = new Map<number, Delivery>()
    const most = random.of([3, 20, 200, 2_000])
    for (let count = random.below(20); count > 0; count--) {
      const packetId = random.between(1, 65_535)
      if (expected.has(packetId)) continue
      const restored = delivery(packetId)
      table.restore(restored)
      expected.set(packetId, restored)
    }
    for (let step = 0; step < 5_000; step++) {
      const oldest = expected.values().next().value
      if (expected.size < most && random.below(5) < 3) {
        const opened = delivery()
        if (!table.open(opened)) t.fail('there is a free identifier')
        if (expected.has(opened.packetId)) t.fail(`${opened.packetId} was taken`)
        expected.set(opened.packetId, opened)
      } else if (oldest !== undefined) {
        const settled = random.chance(4) ? random.of([...expected.values()]) : oldest
        if (random.chance(5)) {
          table.moveToEnd(settled)
          expected.delete(settled.packetId)
          expected.set(settled.packetId, settled)
        } else {
          if (!table.delete(settled)) t.fail(`${settled.packetId} was not there`)
          expected.delete(settled.packetId)
          if (table.get(settled.packetId) !== undefined) t.fail('settled')
        }
      }
      if (table.size !== expected.size) t.fail(`${table.size} for ${expected.size}`)
    }
    t.strictSame(
      table.inOrder().map(({ packetId }) => packetId),
      [...expected.keys()],
      `seed ${seed}`,
    )
    for (const [packetId, each] of expected) if (table.get(packetId) !== each) t.fail(`${packetId}`)
  }
})

test('all 65,535 identifiers can be taken, and no more; the one that is given back is the next', async t => {
  const table = new ExchangeTable()
  const taken = Array.from({ length: 65_535 }, () => {
    const opened = delivery()
    if (!table.open(opened)) t.fail('an identifier was free')
    return opened
  })
  t.equal(new Set(taken.map(({ packetId }) => packetId)).size, 65_535)
  t.notOk(
    taken.some(({ packetId }) => packetId < 1 || packetId > 65_535),
    '0 is none',
  )
  t.notOk(table.open(delivery()), 'none is left')

  const returned = taken[4_711]
  t.ok(returned !== undefined && table.delete(returned))
  const next = delivery()
  t.ok(table.open(next))
  t.equal(next.packetId, returned?.packetId)
})

test('an old exchange that is never settled does not hinder the others', async t => {
  const table = new ExchangeTable()
  const old = delivery()
  table.open(old)
  for (let count = 0; count < 200_000; count++) {
    const each = delivery()
    if (!table.open(each) || each.packetId === old.packetId) t.fail('a wrong identifier')
    if (!table.delete(each)) t.fail('not there')
  }
  t.equal(table.get(old.packetId), old)
  t.equal(table.size, 1)
})

test('a window of the default size keeps its slots when it empties, a larger one gives them up', async t => {
  const table = new ExchangeTable()
  const opened = (count: number): readonly Delivery[] =>
    Array.from({ length: count }, () => {
      const each = delivery()
      table.open(each)
      return each
    })
  const capacityAfter = (count: number): number => {
    for (const each of opened(count)) table.delete(each)
    return table.capacity
  }

  t.equal(table.capacity, 8)
  t.equal(capacityAfter(DEFAULT_LIMITS.inFlightMax), 128)
  t.equal(capacityAfter(DEFAULT_LIMITS.inFlightMax), 128)
  t.equal(capacityAfter(DEFAULT_LIMITS.inFlightMax + 1), 8)
})
