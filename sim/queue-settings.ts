// The named queues of a world. One world in five has some; what is random of them comes from a stream of its own, so that all other
// worlds are the same for their seeds as without queues.

import type { QueueSettings } from '../src/routing/queue-settings.ts'
import { EXPRESSIONS } from './expressions.ts'
import { Random } from './random.ts'
import type { WorldSettings } from './world-settings.ts'

export type SimQueueSettings = Pick<
  QueueSettings,
  | 'filters'
  | 'where'
  | 'order'
  | 'key'
  | 'latestByKey'
  | 'strategy'
  | 'messagesMax'
  | 'overflow'
  | 'messageExpirySeconds'
  | 'ackDeadlineSeconds'
  | 'deliveriesMax'
  | 'retryDelaySeconds'
  | 'retryDelaySecondsMax'
>

export interface QueuesOfWorld {
  readonly random: Random
  readonly named: ReadonlyMap<string, SimQueueSettings>
  readonly workers: number
  /** One answer in this many is a refusal; 0 for none. */
  readonly refusals: number
  /** One message in this many gets no answer; 0 for none. */
  readonly silences: number
  /** The longest time between two steps of a worker. */
  readonly paceMs: number
  /** Whether clients publish to a queue directly as well. */
  readonly isFilledDirectly: boolean
  /** One consumer in this many takes QoS 0; 0 for none. */
  readonly qos0: number
  /** One connection of a consumer in this many takes small packets only; 0 for none. */
  readonly smallPackets: number
  /** What an operator does to the queues meanwhile. */
  readonly operation: 'none' | 'set' | 'delete' | 'sweep'
}

/** One world in this many has queues. */
const WORLDS = 5
const STREAM = 0x71_75_65_75

/** Returns null for a world without queues. */
export function queuesOf(seed: number): QueuesOfWorld | null {
  const random = new Random(seed ^ STREAM)
  if (!random.chance(WORLDS)) return null
  const names = random.chance(3) ? ['jobs', 'more'] : ['jobs']
  const named = new Map(names.map(name => [name, queueOf(random)]))
  const world = {
    random,
    named,
    workers: random.between(names.length, names.length + 2),
    refusals: random.of([0, 3, 10]),
    silences: random.of([0, 0, 10]),
    paceMs: random.of([50, 500, 3_000]),
    isFilledDirectly: random.chance(2),
    qos0: random.of([0, 0, 2]),
    smallPackets: random.of([0, 0, 4]),
    operation: random.of(['none', 'none', 'set', 'delete'] as const),
  }
  // Drawn last, so that the other settings are those of the seed as before.
  const isLatest = random.chance(3)
  const where = random.chance(4) ? random.of(EXPRESSIONS).text : ''
  if (world.operation === 'none' && random.chance(3)) return withSweeps(world)
  return {
    ...world,
    named: new Map(
      Array.from(named, ([name, each]) => [name, { ...(isLatest ? latestOf(each) : each), where }]),
    ),
  }
}

/** An operator moves messages between the first queue and a second one that takes in nothing by itself. */
function withSweeps(world: QueuesOfWorld): QueuesOfWorld {
  const [jobs] = world.named.values()
  if (jobs === undefined) return world
  const filled = { ...jobs, ackDeadlineSeconds: 0, retryDelaySeconds: 5, deliveriesMax: 3 }
  const spare = { ...filled, filters: [], messagesMax: 100_000 }
  const named = new Map([
    ['jobs', filled],
    ['spare', spare],
  ])
  return { ...world, named, workers: 2, refusals: 2, operation: 'sweep' }
}

/** The settings of a world in which clients fill a queue directly: nothing may be retained there. */
export function withDirectTopic(settings: WorldSettings): WorldSettings {
  return { ...settings, topics: [...settings.topics, '$queue/jobs'], retains: 0 }
}

function queueOf(random: Random): SimQueueSettings {
  return {
    filters: random.of([['t/#'], ['t/a'], ['t/+', '+/a'], ['#']]),
    where: '',
    order: random.of(['parallel', 'fifo', 'keyed', 'keyed']),
    key: random.of(['publisher', 'topic', 'user.a']),
    latestByKey: false,
    strategy: random.of(['round-robin', 'random', 'sticky', 'least-in-flight']),
    messagesMax: random.of([3, 100_000, 100_000, 100_000]),
    messageExpirySeconds: random.of([0, 0, 0, 20]),
    ackDeadlineSeconds: random.of([0, 0, 10]),
    deliveriesMax: random.of([1, 2, 4, 16]),
    retryDelaySeconds: random.of([0, 1, 5]),
    retryDelaySecondsMax: 10,
    overflow: random.of(['drop-oldest', 'drop-oldest', 'refuse']),
  }
}

/** Where a queue has keys, the newest of each. */
function latestOf(settings: SimQueueSettings): SimQueueSettings {
  if (settings.order !== 'keyed') return settings
  return { ...settings, latestByKey: true, overflow: 'drop-oldest' }
}

/** What an operator sets in a queue that exists. */
export function changesOf(random: Random): Partial<SimQueueSettings> {
  const latestByKey = random.chance(3)
  return {
    latestByKey,
    order: latestByKey ? 'keyed' : random.of(['parallel', 'fifo', 'keyed']),
    key: random.of(['publisher', 'topic', 'user.a']),
    strategy: random.of(['round-robin', 'random', 'sticky', 'least-in-flight']),
    retryDelaySeconds: random.of([0, 1, 5]),
  }
}
