import { test } from 'tap'
import { type Decision, DecisionList } from '../../src/store/decision-list.ts'

const OUTCOMES = ['prepared', 'committed', 'aborted'] as const

function decision(number: number, index: number): Decision {
  const outcome = OUTCOMES[index % 3] ?? 'committed'
  return { number, count: index, checksum: 2 ** 52 + index, outcome, at: 1_700_000_000_000 + index }
}

test('a list keeps the decision of each number in order, whatever is set and deleted', async t => {
  for (const [name, most] of [
    ['numbers that grow, with a bound', 8],
    ['numbers that grow, with another bound', 5],
    ['numbers in any order', 40],
  ] as const) {
    let state: number = most
    const random = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
      return (state >> 8) % below
    }
    const list = new DecisionList()
    const expected = new Map<number, Decision>()
    for (let index = 0; index < 120; index++) {
      const number = most === 40 ? random(60) : 10 * index + random(30)
      const added = decision(number, index)
      const isNew = list.set(added)
      const had = expected.has(number)
      expected.set(number, added)
      const lowest = Math.min(...expected.keys())
      const dropped = random(5) === 0 ? random(60) : lowest
      if (expected.size > most || random(4) === 0) {
        list.delete(dropped)
        expected.delete(dropped)
      }
      const sorted = [...expected.values()].sort((one, other) => one.number - other.number)
      const decided = sorted.find(({ outcome }) => outcome !== 'prepared')
      t.strictSame(
        {
          isNew,
          all: [...list],
          copied: [...list.copy()],
          numbers: list.numbers,
          lowestDecided: list.lowestDecided,
          hasPrepared: list.hasPrepared,
          found: list.find(number),
          missing: list.find(number + 1_000_000),
        },
        {
          isNew: !had,
          all: sorted,
          copied: sorted,
          numbers: sorted.map(each => each.number),
          lowestDecided: decided?.number ?? null,
          hasPrepared: sorted.some(({ outcome }) => outcome === 'prepared'),
          found: expected.get(number) ?? null,
          missing: null,
        },
        `${name}: step ${index}`,
      )
    }
  }
})

test('a copy and its list do not change each other', async t => {
  const list = new DecisionList()
  for (let number = 0; number < 5; number++) list.set(decision(number, number))
  const copy = list.copy()
  list.delete(0)
  list.set(decision(5, 5))
  copy.set(decision(2, 9))
  t.strictSame(copy.numbers, [0, 1, 2, 3, 4])
  t.strictSame(list.numbers, [1, 2, 3, 4, 5])
  t.strictSame(list.find(2), decision(2, 2))
})
