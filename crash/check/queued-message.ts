// A message to a named queue as the checker knows it.

import type { QoS } from '../../src/packet/packet.ts'
import type { PublishingEvent } from '../event.ts'
import { type QueueName, QUEUES } from '../queues.ts'

export interface QueuedMessage {
  readonly publisher: string
  readonly sequence: number
  readonly qos: QoS
  readonly queue: QueueName
  /** As it is delivered. */
  readonly topic: string
  /** What orders it; null if nothing does. */
  readonly key: string | null
  /** Before this it must not come; 0 if it is not delayed. */
  readonly dueAtMs: number
  isAccepted: boolean
  /** False when the broker may have it twice: it was sent again at QoS 1. */
  isOnce: boolean
  wasRefused: boolean
  isDead: boolean
  /** The lines of its hand-outs, not as a dead letter. */
  readonly handedAt: number[]
  /** The line at which a consumer acknowledged it, or at which it may have become a dead letter. */
  doneAt: number
  /** The queues in which its settlement is on disk: its own, or that of dead letters. */
  readonly settled: Set<string>
  /** The count of hand-outs that is on disk, and the last one, with the life of the broker. */
  storedCount: number
  count: number
  life: number
}

const DELAYED = /^\$delayed\/(\d+)\/(.*)$/
const PLACE = /^(?:\$queue|crash\/queue)\/([a-z]+)/

export function queuedMessage(
  { publisher, sequence, topic, qos }: PublishingEvent,
  atMs: number,
): QueuedMessage | null {
  const [, seconds, inner = topic] = DELAYED.exec(topic) ?? []
  const queue = PLACE.exec(inner)?.[1]
  if (!isQueueName(queue)) return null
  const { order } = QUEUES[queue]
  return {
    ...{ publisher, sequence, qos, queue, topic: inner },
    key: order === 'parallel' ? null : order === 'fifo' ? '' : inner,
    dueAtMs: seconds === undefined ? 0 : atMs + Number(seconds) * 1_000,
    ...{ isAccepted: false, isOnce: true, wasRefused: false, isDead: false },
    ...{ handedAt: [], doneAt: Infinity, settled: new Set() },
    ...{ storedCount: 0, count: 0, life: 0 },
  }
}

function isQueueName(name: string | undefined): name is QueueName {
  return name !== undefined && Object.hasOwn(QUEUES, name)
}
