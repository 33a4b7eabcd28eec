// The two queues of a world in which transactions carry messages on, and how their consumers behave. One world in six has them.

import type { SimQueueSettings } from './queue-settings.ts'
import { Random } from './random.ts'
import { transactionsOf } from './transaction-world.ts'

export interface TransfersOfWorld {
  readonly random: Random
  readonly named: ReadonlyMap<string, SimQueueSettings>
  readonly workers: number
  readonly paceMs: number
  readonly qos: 1 | 2
  /** One message in this many is refused by its consumer; 0 for none. */
  readonly refusals: number
  readonly ackDeadlineSeconds: number
  /** Whether both queues keep the order of a key, and nothing becomes a dead letter. */
  readonly isInOrder: boolean
  /** Whether messages become dead letters soon, which transactional consumers carry on as well. */
  readonly hasDeadLetters: boolean
}

export const FIRST = 'transfer-1'
export const SECOND = 'transfer-2'
export const DONE = '$sim/transfers'
export const DEAD = '.dead'

const WORLDS = 5
const STREAM = 0x74_72_61_6e

/** Returns null for a world without transfers. */
export function transfersOf(seed: number): TransfersOfWorld | null {
  const random = new Random(seed ^ STREAM)
  // Worlds with other transactions have enough clients.
  if (!random.chance(WORLDS) || transactionsOf(seed) !== null) return null
  const order = random.of(['parallel', 'fifo', 'keyed', 'keyed'] as const)
  const ackDeadlineSeconds = random.of([0, 0, 3])
  const settings = queueOf(random, order, ackDeadlineSeconds)
  const world = {
    random,
    workers: random.between(1, 2),
    paceMs: random.of([50, 300, 2_000]),
    qos: random.of([1, 2] as const),
    refusals: random.of([0, 10]),
    ackDeadlineSeconds,
  }
  const hasDeadLetters = random.chance(3)
  const living = hasDeadLetters ? { ...settings, deliveriesMax: random.of([1, 2, 4]) } : settings
  const named = new Map<string, SimQueueSettings>()
  for (const name of [FIRST, SECOND]) named.set(name, living).set(name + DEAD, settings)
  return { ...world, named, hasDeadLetters, isInOrder: order !== 'parallel' && !hasDeadLetters }
}

/** Nothing is dropped: every message must arrive. */
function queueOf(
  random: Random,
  order: SimQueueSettings['order'],
  ackDeadlineSeconds: number,
): SimQueueSettings {
  return {
    ...{ filters: [], where: '', order, key: 'user.key', ackDeadlineSeconds },
    ...{ messagesMax: 100_000, overflow: 'refuse', messageExpirySeconds: 0 },
    ...{ deliveriesMax: 65_535, retryDelaySecondsMax: 2 },
    latestByKey: false,
    strategy: random.of(['round-robin', 'random', 'sticky', 'least-in-flight']),
    retryDelaySeconds: random.of([0, 1]),
  }
}
