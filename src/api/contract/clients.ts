// Clients, connected and away: a list, one of them, its subscriptions, and what is done to it.

import type { z as zod } from 'zod'
import { z } from '../../config/zod.ts'
import {
  clientId,
  count,
  dropWords,
  flag,
  pageOf,
  pageQuery,
  time,
  topicFilter,
  topicName,
} from './fields.ts'

export const CLIENT_SORTS = [
  'clientId',
  'username',
  'address',
  'connectedAt',
  'subscriptions',
  'inFlight',
  'queuedMessages',
  'queuedBytes',
  'messagesReceived',
  'messagesSent',
  'dropped',
] as const

const sort = z.enum(CLIENT_SORTS.flatMap(name => [name, `-${name}`] as const))

export const clientsQuery = z.strictObject({
  ...pageQuery,
  q: z.string().max(256).optional().describe('Part of a client id, user name or address'),
  state: z.enum(['connected', 'away']).optional().describe('Only clients that are so'),
  username: z.string().optional().describe('Only clients of this user'),
  queued: flag.describe('1: only clients with waiting messages'),
  dropped: flag.describe('1: only clients that messages were dropped for'),
  sort: sort
    .default('clientId')
    .describe('The field that orders the list; with `-` the largest comes first'),
})

const clientFields = {
  clientId,
  username: z.string().nullable().describe('The authenticated user'),
  state: z.enum(['connected', 'away']),
  address: z.string().describe('The last address; empty if unknown'),
  transport: z
    .enum(['tcp', 'tls', 'ws', 'wss', 'unix', 'stream'])
    .nullable()
    .describe('How it is connected'),
  listener: z.string().nullable().describe('The listener that accepted it'),
  protocol: z.enum(['3.1', '3.1.1', '5.0']).nullable().describe('The version of MQTT'),
  connectedAt: time.nullable().describe('Since when it is connected'),
  keepAliveSeconds: count.nullable().describe('0 for none'),
  sessionExpirySeconds: count
    .nullable()
    .describe('How long the session outlives its connection; null for ever'),
  inFlight: count.describe('Messages that were sent and are not acknowledged'),
  queuedMessages: count.describe('Messages that wait for the client'),
  queuedBytes: count,
  subscriptions: count,
  messagesReceived: count.nullable().describe('PUBLISH packets from it on this connection'),
  messagesSent: count.nullable().describe('PUBLISH packets to it on this connection'),
  dropped: z
    .record(z.string(), count)
    .describe('Messages for it that were dropped, by reason, since the broker knows of it'),
}

export const clientRow = z.strictObject(clientFields).describe('A client')
export type ClientRow = zod.infer<typeof clientRow>
export const clientsPage = pageOf(clientRow)
export type ClientsPage = zod.infer<typeof clientsPage>

export const clientQuery = z.strictObject({ clientId })

export const clientDetail = z
  .strictObject({
    ...clientFields,
    authentication: z.string().describe('How the user was authenticated'),
    inFlightMax: count.nullable().describe('The most messages in flight to it'),
    queuedMessagesMax: count.describe('The bound of its queue'),
    dropWords: z.record(z.string(), dropWords).describe('The reasons of `dropped` in words'),
    will: z
      .strictObject({
        topic: z.string(),
        qos: z.int().min(0).max(2),
        retain: z.boolean(),
        payloadBytes: count,
        delaySeconds: count,
      })
      .nullable()
      .describe('What is published when its connection is lost'),
    certificate: z
      .strictObject({
        subject: z.string().describe('The common name'),
        alternativeNames: z.array(z.string()),
        fingerprint: z.string(),
        notAfter: time.nullable(),
      })
      .nullable()
      .describe('The verified certificate of the client'),
  })
  .describe('A client in full')
export type ClientDetail = zod.infer<typeof clientDetail>

const REFUSE_SECONDS_MAX = 86_400

export const disconnectRequest = z.strictObject({
  clientId,
  refuseSeconds: z
    .int()
    .min(0)
    .max(REFUSE_SECONDS_MAX)
    .default(0)
    .describe('How long the client id is refused from now on'),
})
export const disconnectAnswer = z.strictObject({ disconnected: count })
export const deletedAnswer = z.strictObject({ deleted: count })

export const subscriptionsQuery = z
  .strictObject({
    ...pageQuery,
    clientId: clientId.optional(),
    topic: topicName.optional().describe('Subscriptions that match this topic'),
    filter: topicFilter.optional().describe('Subscriptions with exactly this filter'),
  })
  .refine(
    ({ clientId: id, topic, filter }) =>
      [id, topic, filter].filter(each => each !== undefined).length === 1,
    { message: 'give one of clientId, topic and filter' },
  )

export const subscriptionRow = z
  .strictObject({
    clientId,
    filter: z.string().describe('As the client sent it, with $share/NAME/ if it is shared'),
    shareName: z.string().nullable(),
    qos: z.int().min(0).max(2),
    noLocal: z.boolean(),
    retainAsPublished: z.boolean(),
    retainHandling: z.int().min(0).max(2),
    subscriptionId: count.nullable(),
    where: z
      .string()
      .nullable()
      .describe('Its expression: which of the matching messages it wants'),
    conflateMs: z
      .int()
      .nullable()
      .describe('Of each topic it gets at most one message in so many milliseconds'),
  })
  .describe('A subscription')
export type SubscriptionRow = zod.infer<typeof subscriptionRow>
export const subscriptionsPage = pageOf(subscriptionRow)
