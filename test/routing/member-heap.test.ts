import { test } from 'tap'
import { type HeapEntry, MemberHeap } from '../../src/routing/member-heap.ts'
import { seededRandom } from './brute-force.ts'

function entry(rank: number, turn: number): HeapEntry {
  return { rank, turn, place: -1 }
}

test('the lowest rank is first, and of equal ranks the earliest turn', async t => {
  const heap = new MemberHeap<HeapEntry>()
  const low = entry(1, 9)
  const early = entry(2, 3)
  for (const each of [entry(2, 4), early, low]) heap.insert(each)

  t.equal(heap.first, low)
  heap.remove(low)

  t.equal(heap.first, early)
})

test('inserting or removing twice changes nothing', async t => {
  const heap = new MemberHeap<HeapEntry>()
  const only = entry(1, 1)
  heap.insert(only)
  heap.insert(only)

  heap.remove(only)
  heap.remove(only)

  t.equal(heap.first, null)
})

test('under random changes the first is the smallest of all', async t => {
  const random = seededRandom(2)
  const heap = new MemberHeap<HeapEntry>()
  const entries = Array.from({ length: 50 }, (_, turn) => entry(0, turn))
  let wrong = 0

  for (let step = 0; step < 20_000; step++) {
    const changed = entries[Math.floor(random() * entries.length)] ?? entry(0, 0)
    if (changed.place === -1) heap.insert(changed)
    else if (random() < 0.5) heap.remove(changed)
    else {
      changed.rank = Math.floor(random() * 20)
      heap.reposition(changed)
    }
    const inside = entries.filter(each => each.place !== -1)
    inside.sort((one, other) => one.rank - other.rank || one.turn - other.turn)
    if (heap.first !== (inside[0] ?? null)) wrong++
  }

  t.equal(wrong, 0)
})
