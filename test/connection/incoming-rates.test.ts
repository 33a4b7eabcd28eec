// The rates of what one client sends.

import { test } from 'tap'
import { Deadlines } from '../../src/broker/deadlines.ts'
import { IncomingRates } from '../../src/connection/incoming-rates.ts'
import { DEFAULT_LIMITS } from '../../src/limits.ts'
import { AttackedBroker } from '../threats/attacked-broker.ts'

function ratesOf(limits: Partial<typeof DEFAULT_LIMITS>): IncomingRates {
  const broker = { limits: { ...DEFAULT_LIMITS, ...limits }, now: 0, deadlines: new Deadlines() }
  const rates = IncomingRates.of(broker, null, () => {})
  if (rates === null) throw new Error('there is no bound')
  return rates
}

test('without a bound there is nothing', async t => {
  t.equal(
    IncomingRates.of(
      { limits: DEFAULT_LIMITS, now: 0, deadlines: new Deadlines() },
      null,
      () => {},
    ),
    null,
  )
})

test('what comes in two seconds may come at once, and one more is a pause', async t => {
  const rates = ratesOf({ messagesPerSecondMax: 10, bytesPerSecondMax: 1_000 })

  t.equal(rates.charge(20, 2_000, 0), null)
  t.match(rates.charge(1, 0, 0), { limit: 'messagesPerSecondMax', ms: 100, isTooLong: false })
  t.match(rates.charge(0, 500, 0), { limit: 'bytesPerSecondMax', ms: 500, isTooLong: false })
  t.equal(rates.charge(1, 0, 1_000), null, 'a second later')
})

test('a client that never makes a pause is over its rate for too long, and a break begins anew', async t => {
  const rates = ratesOf({ messagesPerSecondMax: 10, slowedSecondsMax: 5 })
  rates.charge(21, 0, 0)
  for (let second = 1; second < 5; second++) {
    t.match(rates.charge(10, 0, second * 1_000), { isTooLong: false })
  }
  t.match(rates.charge(10, 0, 5_000), { isTooLong: true })

  const calmer = ratesOf({ messagesPerSecondMax: 10, slowedSecondsMax: 5 })
  calmer.charge(21, 0, 0)
  t.equal(calmer.charge(1, 0, 4_000), null)
  calmer.charge(60, 0, 4_100)
  t.match(calmer.charge(10, 0, 6_000), { isTooLong: false })
})

test('a pause is at most a minute, because its end must be noticed', async t => {
  t.match(ratesOf({ bytesPerSecondMax: 1 }).charge(0, 1_000_000, 0), { ms: 60_000 })
})

test('a fast publisher is read more slowly, and one that goes on is told 0x96', async t => {
  const broker = await AttackedBroker.started(t, {
    limits: { messagesPerSecondMax: 20, slowedSecondsMax: 1 },
  })
  const fast = await broker.client({ clientId: 'fast', protocolVersion: 5 })
  const reason = new Promise(resolve => {
    fast.once('disconnect', ({ reasonCode }) => resolve(reasonCode))
  })
  const timer = setInterval(() => {
    for (let count = 0; count < 20; count++) fast.publish('t', 'x')
  }, 50)
  t.teardown(() => clearInterval(timer))

  t.equal(await reason, 0x96)

  await broker.logs('client.slowed', /^it sends faster than it may$/)
  await broker.logs(
    'client.disconnected',
    /^over limits\.messagesPerSecondMax \(20\) for 1 s without a/,
  )
  t.ok((await broker.limited('messagesPerSecondMax')) > 0)
  t.equal(await broker.limited('slowedSecondsMax'), 1)
  await t.resolves(broker.serves())
})
