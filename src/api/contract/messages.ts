// Messages: retained, waiting, published.

import type { z as zod } from 'zod'
import { z } from '../../config/zod.ts'
import {
  clientId,
  count,
  inQuery,
  pageOf,
  pageQuery,
  time,
  topicFilter,
  topicName,
} from './fields.ts'

const PAYLOAD_SHOWN_BYTES_MAX = 65_536
const pairs = z.array(z.tuple([z.string(), z.string()])).max(100)
const encoding = z.enum(['utf8', 'base64'])

export const messageFields = {
  topic: z.string(),
  qos: z.int().min(0).max(2),
  retain: z.boolean(),
  payloadBytes: count,
  publisher: z.string().nullable().describe('The client id; null for the broker and programs'),
  expiresAt: time.nullable(),
  contentType: z.string().nullable(),
  responseTopic: z.string().nullable(),
  userProperties: pairs,
  payload: z.string().nullable().describe('Its beginning. Null for a role that sees no payloads'),
  encoding: encoding.describe('utf8 if the whole payload is text'),
  truncated: z.boolean().describe('Whether the payload is longer'),
}
export const messageRow = z.strictObject(messageFields).describe('A message')
export type MessageRow = zod.infer<typeof messageRow>
export const messagesPage = pageOf(messageRow)
export type MessagesPage = zod.infer<typeof messagesPage>

const payloadBytes = inQuery(0, PAYLOAD_SHOWN_BYTES_MAX)
  .default(4_096)
  .describe('How much of each payload is shown')

export const retainedQuery = z.strictObject({
  ...pageQuery,
  filter: topicFilter.default('#'),
  payloadBytes,
})
export const topicQuery = z.strictObject({ topic: topicName })
export const retainedDeleteRequest = z.strictObject({
  filter: topicFilter,
  dryRun: z.boolean().default(false).describe('Only count them'),
  expect: count
    .optional()
    .describe(
      'How many a dry run has counted: if there are others by now, nothing is deleted (412)',
    ),
})
export const retainedDeleteAnswer = z.strictObject({
  matched: count.describe('How many the filter means'),
  deleted: count,
})
export type RetainedDeleteAnswer = zod.infer<typeof retainedDeleteAnswer>
export const valuesQuery = z.strictObject({ filter: topicFilter })
export const valuesAnswer = z
  .record(z.string(), z.unknown())
  .describe('By topic. Null for a payload that is no text')
export const waitingQuery = z.strictObject({
  clientId,
  limit: pageQuery.limit,
  payloadBytes,
})
export const waitingAnswer = z.strictObject({
  items: z.array(messageRow).describe('The first ones that are in memory, in their order'),
  queuedMessages: count,
  inMemory: count.describe('How many of them are in memory; the others are in the store'),
})
export type WaitingAnswer = zod.infer<typeof waitingAnswer>

export const publishRequest = z.strictObject({
  topic: topicName,
  payload: z.string().default(''),
  encoding: encoding.default('utf8').describe('How the payload is written here'),
  qos: z.union([z.literal(0), z.literal(1), z.literal(2)]).default(0),
  retain: z.boolean().default(false),
  properties: z
    .strictObject({
      payloadFormatIndicator: z.union([z.literal(0), z.literal(1)]).optional(),
      messageExpirySeconds: z.int().min(0).max(4_294_967_295).optional(),
      contentType: z.string().optional(),
      responseTopic: topicName.optional(),
      correlationData: z.base64().optional().describe('In base64'),
      userProperties: pairs.optional(),
    })
    .default({}),
})
export type PublishRequest = zod.infer<typeof publishRequest>
export const publishAnswer = z.strictObject({
  receivers: count.describe('Subscribers that matched'),
  sequence: count.describe('The number of the message, which grows with each one'),
})
export type PublishAnswer = zod.infer<typeof publishAnswer>

export const requestRequest = z.strictObject({
  ...publishRequest.omit({ retain: true, properties: true }).shape,
  timeoutSeconds: z.int().min(1).max(30).default(5),
  replyIn: z
    .enum(['property', 'topic'])
    .default('property')
    .describe(
      'property: the receiver answers to the Response Topic of MQTT 5. topic: it is asked on TOPIC/request/ID and answers on TOPIC/reply/ID',
    ),
})
export const requestAnswer = messageRow.describe('The first reply')
