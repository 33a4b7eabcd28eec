// Bridges that join brokers in a ring, or a broker with itself: each message ends.

import { setTimeout as moment } from 'node:timers/promises'
import { test, type Test } from 'tap'
import { createBroker, type EmbeddedBroker } from '../../src/index.ts'
import { freePort } from '../interop/programs.ts'

type Log = Record<string, unknown>[]

interface Ring {
  readonly brokers: readonly EmbeddedBroker[]
  /** How often each of them has published the message. */
  readonly heard: readonly number[]
  readonly log: Log
}

/** Starts brokers with a bridge to each of those that `to` names. */
async function joined(
  t: Test,
  to: readonly (readonly number[])[],
  direction: 'out' | 'both',
): Promise<Ring> {
  const ports: number[] = []
  for (const _ of to) ports.push(await freePort())
  const log: Log = []
  const line = (fields: object): void => void log.push({ ...fields })
  const brokers: EmbeddedBroker[] = []
  const heard = to.map(() => 0)
  for (const [index, others] of to.entries()) {
    const bridgeTo = (other: number) => ({
      addresses: [`127.0.0.1:${ports[other]}`],
      clientId: `bridge-of-${index}-to-${other}`,
      topics: [{ direction, qos: 1 }],
      restartSecondsMin: 1,
      restartSecondsMax: 1,
    })
    const bridges = Object.fromEntries(others.map(other => [`to-${other}`, bridgeTo(other)]))
    const broker = await createBroker({
      listeners: [{ host: '127.0.0.1', port: ports[index] }],
      bridges,
      log: { debug: line, info: line, warn: line, error: line },
    })
    t.teardown(() => broker.close())
    broker.subscribe('a', () => void (heard[index] = (heard[index] ?? 0) + 1))
    brokers.push(broker)
  }
  const count = to.flat().length
  while (log.filter(({ event }) => event === 'bridge.connected').length < count) await moment(20)
  return { brokers, heard, log }
}

const RINGS = [
  ['three brokers in a ring, one way', [[1], [2], [0]], 'out', [2, 1, 1]],
  ['two brokers with a bridge each', [[1], [0]], 'both', [3, 2]],
  ['a broker with a bridge to itself', [[0]], 'both', [3]],
] as const

for (const [what, to, direction, expected] of RINGS) {
  test(`${what}: a message comes to all of them, and ends`, async t => {
    const { brokers, heard, log } = await joined(t, to, direction)

    await brokers[0]?.publish({ topic: 'a', payload: 'x', qos: 1 })
    while (log.every(({ event }) => event !== 'bridge.loop')) await moment(20)
    let before = ''
    while (before !== heard.join()) {
      before = heard.join()
      await moment(150)
    }
    // Without an end there are thousands. More than one: it was published again where a ring closes.
    t.strictSame(heard, expected)
  })
}
