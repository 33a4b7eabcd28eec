import { test } from 'tap'
import { HashRing } from '../../src/routing/hash-ring.ts'

interface Member {
  readonly clientId: string
}

const KEYS = Array.from({ length: 20_000 }, (_, index) => `key/${index}`)

function members(count: number): Member[] {
  return Array.from({ length: count }, (_, index) => ({ clientId: `worker-${index}` }))
}

function ringOf(list: readonly Member[]): HashRing<Member> {
  const ring = new HashRing<Member>()
  for (const member of list) ring.add(member)
  return ring
}

function owners(ring: HashRing<Member>): (string | undefined)[] {
  return KEYS.map(key => ring.ownerOf(key)?.clientId)
}

test('a ring without members has no owner for any key', async t => {
  const ring = ringOf(members(3))
  const [first] = members(1)
  t.equal(new HashRing<Member>().ownerOf('a'), null)

  const own = members(40)
  const emptied = ringOf(own)
  for (const member of own) emptied.remove(member)
  t.equal(emptied.ownerOf('a'), null)
  if (first !== undefined) emptied.add(first)
  t.equal(emptied.ownerOf('a'), first)
  t.ok(ring.ownerOf('') !== null)
})

test('keys are spread over the members about evenly', async t => {
  for (const count of [2, 3, 10, 100]) {
    const counts = new Map<string | undefined, number>()
    for (const owner of owners(ringOf(members(count)))) {
      counts.set(owner, (counts.get(owner) ?? 0) + 1)
    }

    const busiest = Math.max(...counts.values()) / (KEYS.length / count)
    t.equal(counts.size, count)
    t.ok(busiest < 1.5, `the busiest of ${count} has ${busiest} of its share`)
  }
})

test('owners do not depend on the order in which members came', async t => {
  const list = members(50)

  t.strictSame(owners(ringOf(list)), owners(ringOf(list.toReversed())))
})

test('when a member goes only its own keys move, and they come back with it', async t => {
  const list = members(20)
  const ring = ringOf(list)
  const before = owners(ring)
  const [leaver] = list
  if (leaver === undefined) throw new Error('no member')

  ring.remove(leaver)
  const without = owners(ring)
  ring.add(leaver)

  const moved = before.filter((owner, index) => owner !== without[index])
  t.ok(moved.length > 0 && moved.length < KEYS.length / 10, `${moved.length} moved`)
  t.ok(moved.every(owner => owner === leaver.clientId))
  t.strictSame(owners(ring), before)
})

test('a member that is added or removed twice counts once', async t => {
  const list = members(3)
  const ring = ringOf([...list, ...list])
  const [first] = list
  if (first === undefined) throw new Error('no member')

  ring.remove(first)
  ring.remove(first)

  t.strictSame(owners(ring), owners(ringOf(list.slice(1))))
})
