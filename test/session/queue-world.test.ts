// Named queues in random worlds: consumers come, answer, refuse, fall silent and leave, and the broker restarts.

import { test } from 'tap'
import type { QueueSettings } from '../../src/routing/queue-settings.ts'
import { QueueWorld } from './queue-world.ts'

const KINDS: readonly Partial<QueueSettings>[] = [
  { order: 'parallel' },
  { order: 'parallel', ackDeadlineSeconds: 5, deliveriesMax: 3, strategy: 'least-in-flight' },
  { order: 'fifo', deliveriesMax: 3, retryDelaySeconds: 2 },
  { order: 'fifo', ackDeadlineSeconds: 5, deliveriesMax: 4 },
  { order: 'keyed', key: 'topic', ackDeadlineSeconds: 4, deliveriesMax: 5 },
  { order: 'keyed', key: 'user.color', deliveriesMax: 2, retryDelaySeconds: 0 },
  { order: 'keyed', key: 'topic.2', deliveriesMax: 16, strategy: 'random', retryDelaySeconds: 3 },
  { order: 'keyed', key: 'topic', latestByKey: true, ackDeadlineSeconds: 4, deliveriesMax: 5 },
  { order: 'keyed', key: 'user.color', latestByKey: true, deliveriesMax: 3, retryDelaySeconds: 2 },
]
const SEEDS = Number(process.env['QUEUE_SEEDS'] ?? 2)
const FROM = Number(process.env['QUEUE_FROM'] ?? 1)

for (const [kind, settings] of KINDS.entries()) {
  test(`nothing is lost, doubled or out of order, and dead letters are exact: ${JSON.stringify(settings)}`, async t => {
    for (let seed = FROM; seed < FROM + SEEDS; seed++) {
      const world = new QueueWorld(seed * 100 + kind, settings)
      await world.runs(400)
      const dead = world.ends()
      t.strictSame(sorted(dead), sorted(world.expected()), `seed ${seed}`)
      t.ok(world.handOuts > 50, `${world.handOuts} hand-outs`)
    }
  })
}

function sorted(letters: ReadonlyMap<number, string>): readonly (readonly [number, string])[] {
  return [...letters].sort(([one], [other]) => one - other)
}
