// The timer behind the deadlines: one that is put off again and again is not set again and again.

import { type Test, test } from 'tap'
import { Alarm, type Clock } from '../../src/loop/clock.ts'

/** An alarm whose clock and timers move when the test moves them. */
function withTimers(t: Test) {
  let now = 1_000
  const wakes: number[] = []
  const rings: (() => void)[] = []
  const delays: number[] = []
  t.intercept(globalThis, 'setTimeout', {
    value: (ring: () => void, delay: number) => {
      rings.push(ring)
      delays.push(delay)
      return rings.length
    },
  })
  t.intercept(globalThis, 'clearTimeout', { value: () => {} })
  const clock: Pick<Clock, 'now'> = { now: () => now }
  const alarm = new Alarm(clock, () => wakes.push(now))
  const ringAt = (time: number): void => {
    now = time
    rings.at(-1)?.()
  }
  return { alarm, delays, wakes, ringAt }
}

test('an alarm that is put off again and again sets one timer, and another when that rings', t => {
  const { alarm, delays, wakes, ringAt } = withTimers(t)

  for (const at of [2_000, 2_100, 2_500, 3_000]) alarm.set(at)
  t.strictSame(delays, [1_000])
  ringAt(2_000)
  t.strictSame(delays, [1_000, 1_000])
  t.strictSame(wakes, [])
  ringAt(3_000)

  t.strictSame(wakes, [3_000])
  t.end()
})

test('an alarm that is set to an earlier time wakes then, and one that is set to never does not', t => {
  const { alarm, delays, wakes, ringAt } = withTimers(t)

  alarm.set(3_000)
  alarm.set(2_000)
  t.strictSame(delays, [2_000, 1_000])
  ringAt(2_000)
  t.strictSame(wakes, [2_000])
  alarm.set(4_000)
  alarm.set(Infinity)
  alarm.set(5_000)

  t.strictSame(delays, [2_000, 1_000, 2_000, 3_000])
  t.end()
})
