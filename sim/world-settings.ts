// The random settings of a world: sizes, limits, delays and the weights of its actions. Each world has other weights, so
// that rare combinations are likely in some worlds.

import { DEFAULT_LIMITS, type Limits } from '../src/limits.ts'
import type { QueueBounds } from '../src/session/waiting/message-queue.ts'
import { SHARE_STRATEGY_NAMES, type ShareStrategyName } from '../src/routing/share-strategy.ts'
import type { Durability } from '../src/store/store.ts'
import type { Random } from './random.ts'
import type { WireSettings } from './sim-wire.ts'

export type ActionName =
  | 'connect'
  | 'publish'
  | 'subscribe'
  | 'unsubscribe'
  | 'leave'
  | 'cut'
  | 'freeze'
  | 'disconnect'
  | 'overload'
  | 'regroup'
  | 'kill'
  | 'powerCut'
  | 'armCut'
  | 'stop'
  | 'wait'

export interface WorldSettings {
  readonly clients: number
  readonly steps: number
  /** The longest time between two steps. */
  readonly paceMs: number
  readonly weights: Readonly<Record<ActionName, number>>
  readonly limits: Limits
  readonly shareBounds: QueueBounds
  readonly publishBacklogBytesMax: number
  readonly shareStrategy: ShareStrategyName
  readonly wires: WireSettings
  readonly turnMs: number
  /** Sockets that are written to at the end of one turn. */
  readonly flushesMax: number
  readonly commitMs: number
  readonly durability: Durability
  /** Sizes of the log, small enough that a short run begins segments, makes checkpoints and reclaims files. */
  readonly segmentBytes: number
  readonly checkpointBytes: number
  readonly pageMessages: number
  readonly topics: readonly string[]
  readonly filters: readonly string[]
  readonly retains: number
  readonly largeBytes: number
  readonly shortExpirySeconds: number
  /** Message Expiry Intervals to choose from. */
  readonly messageExpirySeconds: readonly number[]
}

const TOPICS = ['t/a', 't/b', 't/c/d', 's/a', 's/b', 'private/x']
const FILTERS = ['t/a', 't/+', 't/#', '#', '+/a', 's/a', 's/#', 'private/#']
const SHARED = ['$share/g/t/#', '$share/g/s/a', '$share/h/#', '$share/g/+/a'] as const

export function settingsOf(random: Random): WorldSettings {
  const settings = withoutRegrouping(random)
  if (!settings.filters.some(filter => filter.startsWith('$share/'))) return settings
  return { ...settings, weights: { ...settings.weights, regroup: random.below(20) } }
}

/** Worlds without share groups are the same for their seeds as before an administrator could change groups. */
function withoutRegrouping(random: Random): WorldSettings {
  const durability = random.chance(5) ? 'os' : 'fsync'
  const largeBytes = random.of([40, 300, 4_000, 40_000])
  // In most worlds nothing may be dropped: there every missing message is a lost one.
  const queue = random.chance(4) ? boundsOf(random, largeBytes) : BOUNDLESS
  return {
    clients: random.between(2, 5),
    steps: random.between(10, 60),
    paceMs: random.of([5, 20, 50, 200]),
    weights: weightsOf(random, durability),
    limits: limitsOf(random, queue),
    shareBounds: random.chance(4) ? boundsOf(random, largeBytes) : BOUNDLESS,
    publishBacklogBytesMax: random.of([100, 2_000, 262_144]),
    shareStrategy: random.of(SHARE_STRATEGY_NAMES),
    wires: {
      latencyMs: random.of([0, 2, 10, 40]),
      splits: random.of([0, 2, 10]),
      bufferBytes: Math.max(random.of([64, 1_000, 65_536]), largeBytes / 16),
      late: random.of([0, 1, 2]),
      lateMs: random.of([0, 1, 5]),
    },
    turnMs: random.of([0, 1, 5]),
    flushesMax: random.of([1, 3, 256]),
    commitMs: random.of([0, 1, 5, 30]),
    durability,
    segmentBytes: random.of([300, 1_000, 4_000, 64_000]),
    checkpointBytes: random.of([300, 1_000, 4_000, 64_000]),
    pageMessages: random.of([1, 2, 5, 100]),
    topics: TOPICS.slice(0, random.between(1, TOPICS.length)),
    filters: filtersOf(random),
    retains: random.of([0, 2, 6]),
    largeBytes,
    shortExpirySeconds: random.of([5, 30, 60]),
    messageExpirySeconds: random.of([[1_000_000], [1, 5], [20, 60, 1_000_000]]),
  }
}

function filtersOf(random: Random): readonly string[] {
  // In a world of share groups all clients use the same few filters, so that groups have several members.
  if (random.chance(4)) return [SHARED[0], ...SHARED.slice(1).filter(() => random.chance(4))]
  return [
    ...FILTERS.filter(() => random.chance(2)),
    ...(random.chance(2) ? SHARED.filter(() => random.chance(2)) : []),
    't/#',
  ]
}

function weightsOf(random: Random, durability: Durability): WorldSettings['weights'] {
  const likes = (most: number): number => (random.chance(3) ? 0 : random.below(most + 1))
  return {
    connect: 6 + random.below(10),
    publish: 10 + random.below(50),
    subscribe: 3 + random.below(10),
    unsubscribe: likes(6),
    leave: likes(6),
    cut: likes(12),
    freeze: likes(8),
    kill: likes(6),
    powerCut: durability === 'os' ? 0 : likes(6),
    armCut: durability === 'os' ? 0 : likes(8),
    stop: likes(3),
    wait: likes(4),
    disconnect: likes(4),
    overload: likes(10),
    regroup: 0,
  }
}

const BOUNDLESS: QueueBounds = {
  queuedMessagesMax: 100_000,
  queuedBytesMax: 1_073_741_824,
  queueOverflow: 'drop-newest',
}

/** Bounds small enough that a short run reaches them. */
function boundsOf(random: Random, largeBytes: number): QueueBounds {
  return {
    queuedMessagesMax: random.of([1, 3, 10, 100_000]),
    queuedBytesMax: random.of([500, 2_000, 1_073_741_824]) + largeBytes,
    queueOverflow: random.of(['drop-newest', 'drop-oldest']),
  }
}

function limitsOf(random: Random, queue: QueueBounds): Limits {
  return {
    ...DEFAULT_LIMITS,
    packetBytesMax: 1_048_576,
    topicAliasMax: random.of([0, 2, 32]),
    outgoingTopicAliasMax: random.of([0, 2, 32]),
    receiveMax: random.of([1, 2, 10, 64]),
    inFlightMax: random.of([1, 2, 5, 64]),
    inFlightBytesMax: random.of([1, 2_000, 16_777_216]),
    queuedMessagesMax: queue.queuedMessagesMax,
    queuedBytesMax: queue.queuedBytesMax,
    queuedInMemoryMax: random.of([1, 2, 5, 1_000]),
    queuedInMemoryBytesMax: random.of([50, 1_000, 1_048_576]),
    queueOverflow: queue.queueOverflow,
    queueQoS0WhileAway: random.chance(4),
    retainedMessagesMax: 1_000,
    sessionsMax: 1_000,
    keptHeapBytesMax: 1_073_741_824,
    keptBufferBytesMax: 1_073_741_824,
    outboxBytesMax: random.of([1, 200, 5_000, 1_048_576]),
    turnWorkTotalMax: random.of([10, 80, 16_384]),
    turnWorkMax: random.of([1, 20, 16_384]),
    connectsPerSecondMax: random.of([1, 5, 2_000, 2_000]),
    takeoversPerMinuteMax: random.of([0, 1, 5]),
    outgoingMessagesPerSecondMax: random.of([0, 0, 0, 5]),
    queuedBytesPerUserMax: random.of([0, 0, 0, 20_000]),
    outgoingMessagesPerSecondPerUserMax: random.of([0, 0, 0, 10]),
  }
}
