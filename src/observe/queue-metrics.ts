// The figures of named queues for `/metrics`: of so many queues by name, and of all others together.

import type { NamedQueue } from '../session/named-queue/named-queue.ts'

/** More label values would be too many for who stores them. */
const NAMED_MAX = 100
/** No queue has this name. */
const OTHERS = '*'

interface QueueMetric {
  readonly name: string
  readonly kind: 'gauge' | 'counter'
  readonly help: string
  readonly valueOf: (queue: NamedQueue) => number
}

export const QUEUE_METRICS: readonly QueueMetric[] = [
  gauge('messages', 'Messages that wait', ({ queue, handOuts }) => {
    return queue.messages + handOuts.aside.length
  }),
  gauge('bytes', 'Bytes of the messages that wait', ({ queue }) => queue.bytes),
  gauge('in_flight', 'Messages that consumers have', ({ inFlight }) => inFlight),
  gauge(
    'held',
    'Messages that transactional consumers hold',
    ({ handOuts }) => handOuts.holdCounts.held,
  ),
  gauge(
    'locked',
    'Messages that prepared transactions have locked',
    ({ handOuts }) => handOuts.holdCounts.locked,
  ),
  gauge('consumers', 'Consumers', ({ consumers }) => consumers.count),
  counter('taken', 'Messages that came in', ({ counts }) => counts.taken),
  counter('handed_out', 'Hand-outs to consumers', ({ counts }) => counts.handedOut),
  counter('settled', 'Messages that consumers have settled', ({ counts }) => counts.settled),
  counter('refused', 'Messages that consumers have refused', ({ counts }) => counts.refused),
  counter('dead_letters', 'Messages that became dead letters', ({ counts }) => counts.deadLetters),
  counter(
    'replaced',
    'Messages that a newer one of their key replaced',
    ({ counts }) => counts.replaced,
  ),
  counter('overflowed', 'Messages that found it full', ({ counts }) => counts.overflowed),
]

/** Returns the values of one metric by queue: the first queues that were made, and the sum of the others. */
export function queueFigures(
  { valueOf }: QueueMetric,
  queues: readonly NamedQueue[],
): Readonly<Record<string, number>> {
  const figures = queues.slice(0, NAMED_MAX).map(queue => [queue.name, valueOf(queue)] as const)
  if (queues.length <= NAMED_MAX) return Object.fromEntries(figures)
  const others = queues.slice(NAMED_MAX).reduce((sum, queue) => sum + valueOf(queue), 0)
  return Object.fromEntries([...figures, [OTHERS, others] as const])
}

function gauge(name: string, help: string, valueOf: QueueMetric['valueOf']): QueueMetric {
  return { name: `pondhawk_queue_${name}`, kind: 'gauge', help, valueOf }
}

function counter(name: string, help: string, valueOf: QueueMetric['valueOf']): QueueMetric {
  return { name: `pondhawk_queue_${name}_total`, kind: 'counter', help, valueOf }
}
