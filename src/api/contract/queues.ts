// Named queues: what operators see of them, and what they do with them.

import type { z as zod } from 'zod'
import { queueSettings } from '../../config/queues-section.ts'
import { z } from '../../config/zod.ts'
import { clientId, count, inQuery, PAGE_MAX, pageOf, pageQuery, time } from './fields.ts'
import { messageFields } from './messages.ts'

const COUNT_MAX = Number.MAX_SAFE_INTEGER
const name = z.string().min(1).max(69).describe('The name of the queue')

export const queueQuery = z.strictObject({ name })
export const queuesQuery = z.strictObject(pageQuery)

const queueFields = {
  name: z.string(),
  madeBy: z
    .enum(['configuration', 'operator', 'subscriber', 'dead-letters'])
    .describe('configuration: it is as it is there at each start'),
  order: z.enum(['parallel', 'fifo', 'keyed']),
  messages: count.describe('Messages that wait'),
  bytes: count.describe('Their bytes'),
  setAside: count.describe('How many of them wait after a refusal or a deadline'),
  inFlight: count.describe('Messages that consumers have'),
  held: count.describe('Messages that transactional consumers hold, in flight or acknowledged'),
  locked: count.describe('Messages that prepared transactions have locked'),
  oldestAt: time
    .nullable()
    .describe('When the oldest waiting message came, or the broker started; null if none waits'),
  consumers: count,
  deadLetters: count.describe('Messages that wait in its queue for dead letters'),
  isFull: z.boolean(),
  counts: z
    .strictObject({
      taken: count,
      handedOut: count,
      settled: count,
      returned: count,
      refused: count,
      overdue: count,
      lateAcknowledgements: count,
      deadLetters: count,
      overflowed: count,
      replaced: count.describe('Messages that a newer one of their key replaced'),
      purged: count,
      movedOut: count,
    })
    .describe('Since the start of the broker, or of the queue'),
  operation: z
    .strictObject({ kind: z.enum(['purge', 'move', 'redrive']), done: count })
    .nullable()
    .describe('What goes on now'),
}
export const queueRow = z.strictObject(queueFields).describe('A named queue')
export type QueueRow = zod.infer<typeof queueRow>
export const queuesPage = pageOf(queueRow)
export type QueuesPage = zod.infer<typeof queuesPage>

export const queueDetail = z.strictObject({
  ...queueFields,
  settings: queueSettings.required(),
  clients: z
    .array(z.strictObject({ clientId, isConnected: z.boolean(), inFlight: count }))
    .describe('The consumers; 1,000 at most'),
})
export type QueueDetail = zod.infer<typeof queueDetail>

export const queueRequest = queueSettings.describe('What is left out stays, or has its default')

export const queuePeekQuery = z.strictObject({
  name,
  limit: inQuery(1, PAGE_MAX).default(50).describe('The most messages of the answer'),
  after: inQuery(0, COUNT_MAX).default(0).describe('`next` of the answer before'),
  payloadBytes: inQuery(0, 65_536).default(256).describe('How much of each payload is shown'),
})
const peekedMessage = z.strictObject({
  number: count.describe('Its number in the order of the queue'),
  deliveries: count.describe('How often it was handed out'),
  deadLetterReason: z.string().nullable(),
  deadLetterQueue: z.string().nullable().describe('The queue that a dead letter came from'),
  ...messageFields,
})
export const queuePeek = z.strictObject({
  items: z.array(peekedMessage),
  next: count.nullable().describe('Where the next messages are; null at the end'),
})
export type QueuePeek = zod.infer<typeof queuePeek>

const taskFields = {
  max: count.optional().describe('The most messages, oldest first; left out: all that wait now'),
  dryRun: z.boolean().default(false).describe('Only count them'),
}
export const queueTaskRequest = z.strictObject(taskFields)
export const queueMoveRequest = z.strictObject({ ...taskFields, to: name })
export const queueTaskAnswer = z.strictObject({
  matched: count.describe('How many waited when it began'),
  done: count.describe('How many it took; 0 for a dry run'),
  isOver: z
    .boolean()
    .describe('false: it goes on, and `operation` of the queue says how far it is'),
  stopped: z.string().nullable().describe('Why it ended before the last one'),
})
export type QueueTaskAnswer = zod.infer<typeof queueTaskAnswer>
