// Messages to `$delayed/` that are not due.

import type { z as zod } from 'zod'
import { z } from '../../config/zod.ts'
import { count, inQuery, pageOf, pageQuery, time } from './fields.ts'

export const delayedQuery = z.strictObject(pageQuery)
export const delayedRow = z
  .strictObject({
    id: count.describe('Its number among all messages'),
    topic: z.string().describe('Where it is published when it is due'),
    publisher: z.string().nullable().describe('The client id; null for a program'),
    dueAt: time,
    qos: z.int().min(0).max(2),
    retain: z.boolean(),
    payloadBytes: count,
    key: z.string().nullable().describe('Its $delay-key'),
  })
  .describe('A delayed message')
export type DelayedRow = zod.infer<typeof delayedRow>
export const delayedPage = pageOf(delayedRow)
export type DelayedPage = zod.infer<typeof delayedPage>
export const delayedDeleteQuery = z.strictObject({
  id: inQuery(1, Number.MAX_SAFE_INTEGER).describe('The message that is cancelled'),
})
