import { test } from 'tap'
import { FreshMessages } from '../../src/store/ledger/fresh-messages.ts'

test('every message of a commit is found, and none of another, in any order of sequences', async t => {
  for (const sequences of [[], [5], [1, 2, 3, 10, 11, 500], [9, 3, 4, 100, 7], [3, 3]]) {
    const fresh = new FreshMessages()
    const wrong: number[] = []
    for (const round of [0, 1_000]) {
      fresh.clear()
      for (const [slot, sequence] of sequences.entries()) fresh.add(sequence + round, slot)
      for (let sequence = 0; sequence < 2_000; sequence++) {
        const slot = sequences.lastIndexOf(sequence - round)
        if (fresh.slotOf(sequence) !== (slot < 0 ? undefined : slot)) wrong.push(sequence)
      }
    }
    t.strictSame(wrong, [], sequences.join())
  }
})
