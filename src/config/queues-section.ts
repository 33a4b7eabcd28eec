// The section `queues` of the configuration: who makes named queues, and the queues of operators.

import {
  changedSettings,
  QUEUE_NUMBERS,
  QUEUE_ORDERS,
  QUEUE_OVERFLOWS,
  QUEUE_QOS0,
  queueDefaults,
} from '../routing/queue-settings.ts'
import { isQueueName } from '../routing/queue-filter.ts'
import { SHARE_STRATEGY_NAMES } from '../routing/share-strategy.ts'
import { whole } from './values.ts'
import { z } from './zod.ts'

function number(name: keyof typeof QUEUE_NUMBERS, description: string) {
  const [min, max] = QUEUE_NUMBERS[name]
  return z.int().min(min).max(max).optional().describe(description)
}

export const queueSettings = z.strictObject({
  filters: z
    .array(z.string())
    .optional()
    .describe('Topic filters: what matches one is taken in. None: only what is published to it'),
  where: z
    .string()
    .optional()
    .describe('An expression: which of them are taken in. Default: empty, all'),
  order: z
    .enum(QUEUE_ORDERS)
    .optional()
    .describe('parallel, fifo (one in flight) or keyed (one in flight a key). Default: parallel'),
  key: z
    .string()
    .optional()
    .describe(
      'For keyed: publisher, topic, topic.N (a level, from 1) or user.NAME (a user property)',
    ),
  latestByKey: z
    .boolean()
    .optional()
    .describe('For keyed: a newer message replaces one of its key that waits. Default: false'),
  strategy: z
    .enum(SHARE_STRATEGY_NAMES)
    .optional()
    .describe('How the next consumer is chosen, without the hash strategies. Default: round-robin'),
  messagesMax: number('messagesMax', 'Messages that wait. Default: 100,000'),
  bytesMax: number('bytesMax', 'Their bytes. Default: 67,108,864'),
  overflow: z
    .enum(QUEUE_OVERFLOWS)
    .optional()
    .describe('What a full queue does: drop-oldest (to the dead letters) or refuse'),
  qos0: z.enum(QUEUE_QOS0).optional().describe('Messages of QoS 0: keep or pass-by. Default: keep'),
  messageExpirySeconds: number(
    'messageExpirySeconds',
    'A message expires after this time, or earlier if its publisher says so. 0: as the publisher says',
  ),
  ackDeadlineSeconds: number(
    'ackDeadlineSeconds',
    'After this time without PUBACK a message goes to another consumer. 0: no deadline',
  ),
  deliveriesMax: number(
    'deliveriesMax',
    'After so many hand-outs a message is a dead letter. Default: 16',
  ),
  retryDelaySeconds: number(
    'retryDelaySeconds',
    'Time until a refused message comes again; it doubles. Default: 1',
  ),
  retryDelaySecondsMax: number('retryDelaySecondsMax', 'The longest such time. Default: 300'),
  deadLetter: z
    .string()
    .optional()
    .describe('The queue for dead letters. Default: NAME.dead. Empty: none, they are dropped'),
  idleExpirySeconds: number(
    'idleExpirySeconds',
    'Time without a subscription after which a queue that a subscriber made ends',
  ),
})

const named = z.record(z.string(), queueSettings).superRefine((queues, context) => {
  for (const [name, settings] of Object.entries(queues)) {
    const fault = isQueueName(name)
      ? changedSettings(name, queueDefaults(name), settings)
      : 'a name has up to 64 of A-Z a-z 0-9 _ . -, and may end in .dead'
    if (typeof fault === 'string')
      context.addIssue({ code: 'custom', message: fault, path: [name] })
  }
})

export const queuesSection = z.strictObject({
  create: z
    .enum(['subscribers', 'operators'])
    .default('subscribers')
    .describe(
      'Who makes queues: also subscribers, by SUBSCRIBE to $queue/NAME/FILTER, or operators only',
    ),
  created: z
    .strictObject({
      messagesMax: whole(100_000, 1, 100_000_000, 'Messages that wait in each'),
      bytesMax: whole(67_108_864, 1, 1_099_511_627_776, 'Their bytes'),
    })
    .prefault({})
    .describe('The largest bounds of queues that subscribers make'),
  named: named.default({}).describe('Queues that are made at the start, by name'),
})
