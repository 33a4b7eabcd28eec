// What has happened: events of clients, refusals, charts, topics, traces, explanations.

import type { z as zod } from 'zod'
import { z } from '../../config/zod.ts'
import { RANGES, SERIES } from '../../records/history.ts'
import { EVENT_KINDS } from '../../records/timeline-event.ts'
import { TRACE_SECONDS_MAX } from '../../records/traces.ts'
import {
  clientId,
  count,
  dropWords,
  inQuery,
  pageOf,
  pageQuery,
  time,
  topicFilter,
  topicName,
} from './fields.ts'

const reasonCode = z.int().min(0).max(255).describe('0 where there is none')

export const eventsAnswer = z
  .strictObject({
    clientId: z.string(),
    events: z.array(
      z.strictObject({
        at: time,
        lastAt: time.describe('The last of equal ones'),
        count: count.describe('How many equal ones there were'),
        kind: z.enum(EVENT_KINDS),
        by: z.enum(['client', 'broker', 'network', 'takeover']).nullable().describe('Who ended it'),
        reasonCode,
        cause: z.string().nullable(),
        topic: z.string().nullable().describe('A topic or filter; of several, the first'),
        address: z.string().nullable(),
        otherAddress: z.string().nullable().describe('That of the other connection of a takeover'),
        drop: dropWords.nullable().describe('Why messages were dropped, in words'),
      }),
    ),
  })
  .describe('The last events of a client, oldest first')

export const refusedRow = z
  .strictObject({
    clientId: z.string(),
    username: z.string().nullable(),
    address: z.string(),
    reasonCode,
    cause: z.string(),
    mend: z.string().describe('What lets it in'),
    count,
    firstAt: time,
    lastAt: time,
    letInAt: time.nullable().describe('When a client with this id was let in after that'),
  })
  .describe('A client that was refused at CONNECT')
const approvedClient = {
  clientId: z.string().min(1).max(65_535),
  username: z.string().min(1).max(65_535).describe('The name of the user that is made'),
  address: z.string().min(1).max(100),
}
export const approvalQuery = z.strictObject(approvedClient)
export const approvalRequest = z.strictObject({
  ...approvedClient,
  password: z
    .enum(['generate', 'next-try'])
    .describe(
      'generate: one is made and shown this one time; next-try: the one that this client id sends from this address with this name within 10 minutes',
    ),
  rule: z
    .strictObject({ access: z.enum(['read', 'write', 'readwrite']), filter: topicFilter })
    .nullable()
    .default(null)
    .describe('A rule for the user, written to the rules file; null for none'),
})
export const approvalAnswer = z.strictObject({
  username: z.string(),
  password: z.string().nullable().describe('The password that was made'),
  expiresAt: time.nullable().describe('Until when its next try counts; null if the user is made'),
})
export type ApprovalAnswer = zod.infer<typeof approvalAnswer>
export const approvalsAnswer = z.strictObject({
  items: z.array(z.strictObject({ ...approvedClient })),
})
export const refusedQuery = z.strictObject(pageQuery)
export const refusedPage = pageOf(refusedRow)

const names = Object.keys(RANGES) as [keyof typeof RANGES, ...(keyof typeof RANGES)[]]
const series = z.record(z.enum(SERIES), z.array(z.number().nullable()))

export const historyQuery = z.strictObject({ range: z.enum(names).default('1h') })
export const historyAnswer = z
  .strictObject({
    stepSeconds: count,
    startAt: time.describe('The beginning of the first step'),
    mean: series,
    max: series,
  })
  .describe('Figures over time; null where there is none')

export const topicRow = z
  .strictObject({
    topic: z.string().describe('A topic, or levels above topics'),
    isRetained: z.boolean(),
    retainedBelow: count.nullable().describe('Retained messages below it; null if too many'),
    messagesRate: z.number().describe('Messages a second to it and below'),
    lastAt: time.nullable().describe('When a message to it was seen last'),
    lastPublisher: z.string().nullable(),
    hasChildren: z.boolean(),
  })
  .describe('A topic, or a level of topics')
export const topicsQuery = z.strictObject({
  ...pageQuery,
  under: z.string().max(65_535).optional().describe('Left out: the first levels'),
})
export const topicsPage = z.strictObject({
  items: z.array(topicRow),
  nextCursor: z.string().nullable(),
  matched: count,
  total: count,
  sampledOneIn: z.number().describe('One message in so many was seen'),
})
export const topicQuery = z.strictObject({ topic: topicName })

const traced = {
  filter: z.string().nullable(),
  clientId: z.string().nullable(),
}
export const traceRow = z
  .strictObject({
    id: count,
    ...traced,
    startedAt: time,
    endsAt: time,
    isOver: z.boolean(),
    lines: count,
    leftOut: count.describe('Lines that came too fast, or did not fit'),
  })
  .describe('A trace')
export const tracesAnswer = z.strictObject({ items: z.array(traceRow) })
export const traceRequest = z
  .strictObject({
    filter: topicFilter.optional(),
    clientId: clientId.optional(),
    seconds: z.int().min(1).max(TRACE_SECONDS_MAX).default(60),
  })
  .refine(each => each.filter !== undefined || each.clientId !== undefined, {
    message: 'give filter, clientId or both',
  })
export const traceQuery = z.strictObject({ id: inQuery(1, 1e9) })
export const traceLine = z
  .strictObject({
    at: time,
    kind: z.string().describe('A type of packet, an event of the client, or a step of a message'),
    direction: z.enum(['in', 'out']).nullable(),
    clientId: z.string().nullable(),
    sequence: count.nullable().describe('The number of the message'),
    topic: z.string().nullable(),
    qos: z.int().min(0).max(2).nullable(),
    packetId: count.nullable(),
    payloadBytes: count.nullable(),
    payload: z.string().nullable().describe('Its beginning'),
    encoding: z.enum(['utf8', 'hex']).nullable(),
    text: z.string(),
  })
  .describe('A line of a trace')
export type TraceLineRow = zod.infer<typeof traceLine>
export const linesQuery = z.strictObject({
  id: inQuery(1, 1e9),
  limit: inQuery(1, 1_000).default(200).describe('The last so many lines'),
})
export const linesAnswer = z.strictObject({ trace: traceRow, lines: z.array(traceLine) })

const qos = z.union([z.literal(0), z.literal(1), z.literal(2)])

export const deliveryQuestion = z.strictObject({
  topic: topicName,
  publisher: clientId.optional(),
  receiver: clientId.optional(),
  qos: qos.default(1),
  payloadBytes: z.int().min(0).max(268_435_455).default(0),
})
export const accessQuestion = z.strictObject({
  username: z.string().max(65_535).nullable().default(null),
  clientId: clientId.optional(),
  action: z.enum(['publish', 'subscribe', 'unsubscribe', 'receive']),
  topic: z.string().min(1).max(65_535),
  qos: qos.default(0),
  retain: z.boolean().default(false),
})
export const explanation = z
  .strictObject({
    verdict: z.string(),
    steps: z.array(
      z.strictObject({
        at: time.nullable(),
        source: z.enum(['recorded', 'now']),
        level: z.enum(['ok', 'warning', 'fault']),
        clientId: z.string().nullable(),
        reasonCode,
        cause: z.string(),
        mend: z.string().nullable(),
      }),
    ),
  })
  .describe('What was recorded when it happened, and what would happen now')
export type EventRow = zod.infer<typeof eventsAnswer>['events'][number]
export type EventsAnswer = zod.infer<typeof eventsAnswer>
export type RefusedRow = zod.infer<typeof refusedRow>
export type HistoryAnswer = zod.infer<typeof historyAnswer>
export type TopicRow = zod.infer<typeof topicRow>
export type TopicsPage = zod.infer<typeof topicsPage>
export type TraceRow = zod.infer<typeof traceRow>
export type LinesAnswer = zod.infer<typeof linesAnswer>
export type Explanation = zod.infer<typeof explanation>

export const logLevels = z.enum(['debug', 'info', 'warn', 'error'])
export const logLine = z
  .strictObject({
    at: time,
    level: logLevels,
    event: z.string().nullable(),
    clientId: z.string().nullable(),
    text: z.string().describe('The sentence with its cause'),
    details: z.string().describe('The other fields'),
  })
  .describe('A line of the log')
export type LogLineRow = zod.infer<typeof logLine>
export const logQuery = z.strictObject({
  level: logLevels.default('debug').describe('Lines of this level and of more important ones'),
  event: z.string().max(64).optional(),
  q: z.string().max(256).optional().describe('Part of the text, the client id or the details'),
  limit: inQuery(1, 2_000).default(200),
})
export const logAnswer = z
  .strictObject({ items: z.array(logLine), matched: count, total: count })
  .describe('The last lines of the log that were printed, the newest first')
export type LogAnswer = zod.infer<typeof logAnswer>
