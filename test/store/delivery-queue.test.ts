import { test } from 'tap'
import { DeliveryQueue } from '../../src/store/ledger/delivery-queue.ts'

function numbersIn(line: DeliveryQueue): readonly number[] {
  return [...line.after(0)].map(({ delivery }) => delivery)
}

test('a delivery that comes back to the place that it left can leave it again', async t => {
  const line = new DeliveryQueue()
  for (const delivery of [1, 2, 3]) line.add(delivery, delivery, 1)
  for (const delivery of [3, 2, 1]) {
    line.remove(delivery)
    line.add(delivery, 7, 2)
    t.strictSame(line.remove(delivery), { delivery, slot: 7, options: 2 })
    line.add(delivery, delivery, 1)
  }

  t.strictSame(numbersIn(line), [1, 2, 3])
  t.equal(line.count, 3)
})

test('a queue of any length keeps its order, whatever is removed and put back', async t => {
  const line = new DeliveryQueue()
  const model = new Map<number, number>()
  let state = 1
  const below = (count: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return Math.floor((state / 0x8000_0000) * count)
  }
  const gone: number[] = []
  let last = 0
  for (let step = 0; step < 60_000; step++) {
    const known = [last - below(3_000), ...gone.slice(-1)].find(number => model.has(number))
    const wish = below(9)
    if (wish > 2) {
      last += 1 + below(3)
      line.add(last, last % 5_000, 1)
      model.set(last, last % 5_000)
    } else if (wish > 0 && known !== undefined) {
      t.strictSame(line.remove(known)?.slot, model.get(known), `${known}`)
      model.delete(known)
      gone.push(known)
    } else {
      const back = gone.pop()
      if (back === undefined) continue
      line.add(back, 9, 1)
      model.set(back, 9)
    }
  }
  t.strictSame(
    numbersIn(line),
    [...model.keys()].sort((one, other) => one - other),
  )
  t.equal(line.count, model.size)
  t.equal(line.remove(last + 1), null)
})
