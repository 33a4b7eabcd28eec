// The memory of takeovers, which has bounds: client ids are chosen by clients.

import { test } from 'tap'
import { Takeovers } from '../../src/broker/takeovers.ts'

const LIMITS = { takeoversPerMinuteMax: 1, takeoverDelaySecondsMax: 8 }

test('ten thousand client ids are remembered, and of long ones four million characters', async t => {
  const short = new Takeovers(LIMITS)
  for (let number = 0; number <= 10_000; number++) short.count(`client ${number}`, 0)
  t.equal(short.delayMsOf('client 0', 0), 0, 'the oldest is forgotten')
  t.equal(short.delayMsOf('client 1', 0), 1_000)

  const long = new Takeovers(LIMITS)
  const idOf = (number: number): string => `${number}`.padEnd(65_536, 'x')
  for (let number = 0; number <= 64; number++) {
    long.count(idOf(number), 0)
    long.count(idOf(number), 0)
  }
  t.equal(long.delayMsOf(idOf(0), 0), 0)
  t.equal(long.delayMsOf(idOf(1), 0), 2_000)
  t.equal(long.delayMsOf(idOf(64), 0), 2_000)
})
