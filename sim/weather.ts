// What kind of world a seed makes: each run is fond of some things and spares others, so that rare meetings become
// likely in some of them.

import { DEFAULT_LIMITS, type Limits } from '../src/limits.ts'
import type { QueueBounds } from '../src/session/message-queue.ts'
import type { ShareStrategyName } from '../src/routing/share-strategy.ts'
import type { Durability } from '../src/store/store.ts'
import type { Dice } from './dice.ts'
import type { WireHabits } from './sim-wire.ts'

export type ActionName =
  | 'connect'
  | 'publish'
  | 'subscribe'
  | 'unsubscribe'
  | 'leave'
  | 'cut'
  | 'freeze'
  | 'disconnect'
  | 'kill'
  | 'powerCut'
  | 'armCut'
  | 'stop'
  | 'wait'

export interface Weather {
  readonly clients: number
  readonly steps: number
  /** Longest time between two steps. */
  readonly paceMs: number
  readonly weights: Readonly<Record<ActionName, number>>
  readonly limits: Limits
  readonly shareBounds: QueueBounds
  readonly publishBacklogBytesMax: number
  readonly shareStrategy: ShareStrategyName
  readonly wires: WireHabits
  readonly turnMs: number
  /** Sockets that are written to at the end of one turn. */
  readonly flushesMax: number
  readonly commitMs: number
  readonly durability: Durability
  /** For the log: so small that a short run rolls, checkpoints and reclaims. */
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

export function weatherOf(dice: Dice): Weather {
  const durability = dice.chance(5) ? 'os' : 'fsync'
  const largeBytes = dice.of([40, 300, 4_000, 40_000])
  // In most worlds nothing may be dropped: what is missing in the end was lost.
  const queue = dice.chance(4) ? boundsOf(dice, largeBytes) : BOUNDLESS
  return {
    clients: dice.between(2, 5),
    steps: dice.between(10, 60),
    paceMs: dice.of([5, 20, 50, 200]),
    weights: weightsOf(dice, durability),
    limits: limitsOf(dice, queue),
    shareBounds: dice.chance(4) ? boundsOf(dice, largeBytes) : BOUNDLESS,
    publishBacklogBytesMax: dice.of([100, 2_000, 262_144]),
    shareStrategy: dice.of([
      'round-robin',
      'random',
      'weighted',
      'sticky',
      'hash-client',
      'hash-topic',
      'least-in-flight',
    ]),
    wires: {
      latencyMs: dice.of([0, 2, 10, 40]),
      splits: dice.of([0, 2, 10]),
      bufferBytes: Math.max(dice.of([64, 1_000, 65_536]), largeBytes / 16),
      late: dice.of([0, 1, 2]),
      lateMs: dice.of([0, 1, 5]),
    },
    turnMs: dice.of([0, 1, 5]),
    flushesMax: dice.of([1, 3, 256]),
    commitMs: dice.of([0, 1, 5, 30]),
    durability,
    segmentBytes: dice.of([300, 1_000, 4_000, 64_000]),
    checkpointBytes: dice.of([300, 1_000, 4_000, 64_000]),
    pageMessages: dice.of([1, 2, 5, 100]),
    topics: TOPICS.slice(0, dice.between(1, TOPICS.length)),
    filters: filtersOf(dice),
    retains: dice.of([0, 2, 6]),
    largeBytes,
    shortExpirySeconds: dice.of([5, 30, 60]),
    messageExpirySeconds: dice.of([[1_000_000], [1, 5], [20, 60, 1_000_000]]),
  }
}

function filtersOf(dice: Dice): readonly string[] {
  // A world of share groups: the same few names, so that groups have several members.
  if (dice.chance(4)) return [SHARED[0], ...SHARED.slice(1).filter(() => dice.chance(4))]
  return [
    ...FILTERS.filter(() => dice.chance(2)),
    ...(dice.chance(2) ? SHARED.filter(() => dice.chance(2)) : []),
    't/#',
  ]
}

function weightsOf(dice: Dice, durability: Durability): Weather['weights'] {
  const likes = (most: number): number => (dice.chance(3) ? 0 : dice.below(most + 1))
  return {
    connect: 6 + dice.below(10),
    publish: 10 + dice.below(50),
    subscribe: 3 + dice.below(10),
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
  }
}

const BOUNDLESS: QueueBounds = {
  queuedMessagesMax: 100_000,
  queuedBytesMax: 1_073_741_824,
  queueOverflow: 'drop-newest',
}

/** So small that a short run reaches them. */
function boundsOf(dice: Dice, largeBytes: number): QueueBounds {
  return {
    queuedMessagesMax: dice.of([1, 3, 10, 100_000]),
    queuedBytesMax: dice.of([500, 2_000, 1_073_741_824]) + largeBytes,
    queueOverflow: dice.of(['drop-newest', 'drop-oldest']),
  }
}

function limitsOf(dice: Dice, queue: QueueBounds): Limits {
  return {
    ...DEFAULT_LIMITS,
    packetBytesMax: 1_048_576,
    topicAliasMax: dice.of([0, 2, 32]),
    outgoingTopicAliasMax: dice.of([0, 2, 32]),
    receiveMax: dice.of([1, 2, 10, 64]),
    inFlightMax: dice.of([1, 2, 5, 64]),
    inFlightBytesMax: dice.of([1, 2_000, 16_777_216]),
    queuedMessagesMax: queue.queuedMessagesMax,
    queuedBytesMax: queue.queuedBytesMax,
    queuedInMemoryMax: dice.of([1, 2, 5, 1_000]),
    queuedInMemoryBytesMax: dice.of([50, 1_000, 1_048_576]),
    queueOverflow: queue.queueOverflow,
    queueQoS0WhileAway: dice.chance(4),
    retainedMessagesMax: 1_000,
    sessionsMax: 1_000,
    keptHeapBytesMax: 1_073_741_824,
    keptBufferBytesMax: 1_073_741_824,
    outboxBytesMax: dice.of([1, 200, 5_000, 1_048_576]),
    turnWorkTotalMax: dice.of([10, 80, 16_384]),
    turnWorkMax: dice.of([1, 20, 16_384]),
  }
}
