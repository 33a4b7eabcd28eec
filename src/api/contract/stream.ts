// The live stream: one connection of server-sent events, with the frames that were asked for.

import type { z as zod } from 'zod'
import { z } from '../../config/zod.ts'
import { clientDetail } from './clients.ts'
import { clientId, count, flag, inQuery, time, topicFilter } from './fields.ts'
import { messageFields } from './messages.ts'
import { logLevels, logLine, traceLine } from './records.ts'
import { statusAnswer } from './status.ts'

export const streamQuery = z.strictObject({
  metrics: flag.describe('1: a frame `metrics` each second'),
  status: flag.describe('1: a frame `status` every two seconds'),
  client: clientId.optional().describe('A frame `client` when something about this client changes'),
  messages: topicFilter
    .optional()
    .describe('A frame `message` for messages of this filter, at most 10 a second'),
  log: logLevels
    .optional()
    .describe('A frame `log` for lines of this level and of more important ones'),
  trace: inQuery(1, 1e9).optional().describe('A frame `trace` for each further line of this trace'),
})

/** The data of each frame, by its event. */
export const frames = {
  metrics: z
    .strictObject({ at: time, series: z.record(z.string(), z.number().nullable()) })
    .describe('The figures of the last second, as in metrics/history'),
  status: statusAnswer,
  client: clientDetail.nullable().describe('Null when there is no such client any more'),
  message: z.strictObject({ at: time, ...messageFields }).describe('A message that was published'),
  log: logLine,
  trace: traceLine,
  sampled: z
    .strictObject({ shown: count, of: count })
    .describe('How many of the messages of the last second were shown'),
  gap: z
    .strictObject({ missedSeconds: count })
    .describe('The stream was interrupted: the first frame after Last-Event-ID'),
}
export type Frames = { readonly [Name in keyof typeof frames]: zod.infer<(typeof frames)[Name]> }
