import { test } from 'tap'
import { type Deadline, Deadlines } from '../../src/broker/deadlines.ts'

const TURN = { turnWorkLeft: 1 }

test('deadlines come in the order of their times, however they were set, moved and cleared', async t => {
  const deadlines = new Deadlines()
  const times = new Map<Deadline, number>()
  const expired: number[] = []
  let state = 7
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return state % below
  }
  const all = Array.from({ length: 500 }, () => {
    const deadline: Deadline = { expired: () => expired.push(times.get(deadline) ?? -1) }
    return deadline
  })
  for (let step = 0; step < 5_000; step++) {
    const deadline = all[random(all.length)]
    if (deadline === undefined) continue
    if (random(4) === 0) {
      deadlines.clear(deadline)
      times.delete(deadline)
    } else {
      const at = random(10_000)
      deadlines.set(deadline, at)
      times.set(deadline, at)
    }
    t.equal(deadlines.next, Math.min(Infinity, ...times.values()))
  }

  deadlines.tick(10_000, TURN, 0)

  t.strictSame(
    expired,
    [...times.values()].sort((one, other) => one - other),
  )
  t.equal(deadlines.count, 0)
  t.equal(deadlines.next, Infinity)
})

test('a later deadline stays, and one that is set again expires again', async t => {
  const deadlines = new Deadlines()
  let count = 0
  const again: Deadline = {
    expired: now => {
      count += 1
      deadlines.set(again, now + 10)
    },
  }
  deadlines.set(again, 10)

  for (const now of [9, 10, 19, 20, 30]) deadlines.tick(now, TURN, 0)

  t.equal(count, 3)
  t.equal(deadlines.next, 40)
  deadlines.set(again, Infinity)
  t.equal(deadlines.count, 0)
})

test('a deadline that is due when the turn has no work left stays due', async t => {
  const deadlines = new Deadlines()
  const turn = { turnWorkLeft: 10 }
  const woken: number[] = []
  for (let at = 1; at <= 5; at++) {
    const expired = (): void => {
      woken.push(at)
      turn.turnWorkLeft -= 4
    }
    deadlines.set({ expired }, at)
  }

  deadlines.tick(100, turn, 5)

  t.strictSame(woken, [1, 2])
  t.equal(deadlines.next, 3)
})
