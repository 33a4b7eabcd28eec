// How many share groups a topic can match: never more than is counted, and no more is counted than the shapes allow.

import { test } from 'tap'
import { ShareGroupCounts } from '../../src/routing/share-group-counts.ts'
import { bruteForceMatches, seededRandom, randomFilter, randomTopic } from './brute-force.ts'

/** Of all groups those beyond the first of their filter, of the filters that match. */
function beyondTheFirst(groups: ReadonlyMap<string, number>, topic: string): number {
  const matching = [...groups].filter(([filter]) => bruteForceMatches(filter, topic))
  return matching.reduce((sum, [, count]) => sum + count - 1, 0)
}

test('no topic matches more groups than are counted, as groups come and go', async t => {
  const random = seededRandom(5)
  const counts = new ShareGroupCounts()
  const groups = new Map<string, number>()
  const tooMany: string[] = []
  let most = 0

  for (let step = 0; step < 4_000; step++) {
    const filter = randomFilter(random)
    const count = groups.get(filter) ?? 0
    const joins = count === 0 || random() < 0.6
    if (joins) counts.add(filter, null)
    else counts.remove(filter, null)
    if (joins || count > 1) groups.set(filter, count + (joins ? 1 : -1))
    else groups.delete(filter)
    const topic = randomTopic(random)
    const matched = beyondTheFirst(groups, topic)
    most = Math.max(most, matched)
    if (matched > counts.most) tooMany.push(`${topic}: ${matched} of ${counts.most}`)
  }
  for (const [filter, count] of groups) {
    for (let left = count; left > 0; left--) counts.remove(filter, null)
  }

  t.strictSame(tooMany, [])
  t.ok(most > 20, `${most} was the most`)
  t.equal(counts.most, 0)
})

test('filters of one shape count as the one with the most groups, others as their levels fit', async t => {
  const counts = new ShareGroupCounts()
  const most: number[] = []
  for (const filter of [
    'a/b',
    'c/d',
    'c/d',
    'e/f',
    'a/+',
    'a/+',
    'a/b/c',
    'x/#',
    'x/#',
    'x/y/z/#',
  ]) {
    counts.add(filter, null)
    counts.add(filter, null)
    most.push(counts.most)
  }

  // `a/b/c` is of other topics than `a/+`; `x/#` may be of both; longer than `x/y/z/#` is none of the others.
  t.strictSame(most, [1, 1, 3, 3, 4, 6, 6, 7, 9, 9])
  counts.remove('c/d', null)
  t.equal(counts.most, 8)
})

test('a client is refused more groups the less is left, and the first group of a filter never', async t => {
  const counts = new ShareGroupCounts()
  const made: number[] = []
  // The first group is counted for nobody.
  counts.add('#', 'enemy 0')
  for (let number = 0; number < 200; number++) {
    const clientId = `enemy ${number}`
    let count = 0
    for (; counts.hasRoomFor('#', clientId, 1_000); count++) counts.add('#', clientId)
    made.push(count)
  }

  t.strictSame(made.slice(0, 3), [58, 55, 52])
  t.ok(counts.most > 1_000 - 17 && counts.most <= 1_000, `${counts.most}`)
  t.equal(made.at(-1), 0)
  t.ok(counts.hasRoomFor('a/b', 'bob', 1_000))
  counts.add('a/b', 'bob')
  t.notOk(counts.hasRoomFor('a/b', 'bob', 1_000))
})

test('a client may add its filters again after it has ended', async t => {
  const counts = new ShareGroupCounts()
  const make = (): (string | null)[] => {
    const countedFor: (string | null)[] = []
    while (counts.hasRoomFor('a', 'alice', 320)) countedFor.push(counts.add('a', 'alice'))
    return countedFor
  }
  const first = make()
  for (const countedFor of first) counts.remove('a', countedFor)
  const second = make()

  t.ok(first.length > 10, `${first.length}`)
  t.equal(second.length, first.length)
})
