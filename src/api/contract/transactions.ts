// Prepared transactions, which wait for a decision.

import type { z as zod } from 'zod'
import { z } from '../../config/zod.ts'
import { count, pageOf, pageQuery, time } from './fields.ts'

export const TOPICS_MAX = 8

export const transactionsQuery = z.strictObject(pageQuery)
export const transactionRow = z
  .strictObject({
    clientId: z.string(),
    id: z.string().describe('NAME.N, as its client has named it'),
    messages: count.describe('What it publishes when it is committed'),
    topics: z.array(z.string()).describe(`The first ${TOPICS_MAX} of their topics`),
    settles: count.describe('How many messages of named queues it has locked, and then settles'),
    bytes: count.describe('Their bytes, with the objects that hold them'),
    preparedAt: time,
    decideBy: time.describe('Then it is aborted'),
  })
  .describe('A prepared transaction')
export type TransactionRow = zod.infer<typeof transactionRow>
export const transactionsPage = pageOf(transactionRow)
export type TransactionsPage = zod.infer<typeof transactionsPage>
export const transactionBody = z.strictObject({ clientId: z.string(), id: z.string() })
export const decidedAnswer = z.strictObject({
  decided: count.describe('0 if there is no such transaction'),
})
