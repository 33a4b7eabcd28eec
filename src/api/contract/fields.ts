// What fields of several answers and requests have in common: times, names, pages of lists.

import type { z as zod } from 'zod'
import { z } from '../../config/zod.ts'
import { isTopicFilter, isTopicName } from '../../routing/topic.ts'

/** A string of MQTT has at most 65,535 bytes. */
const NAME_LENGTH_MAX = 65_535
export const PAGE_MAX = 200
const PAGE_DEFAULT = 50
const CURSOR_LENGTH_MAX = 65_535 * 2

export const time = z.iso.datetime().describe('A time in UTC')
export const count = z.int().min(0)
export const clientId = z
  .string()
  .min(1, 'must be a client id')
  .max(NAME_LENGTH_MAX)
  .describe('The client id')
export const topicFilter = z
  .string()
  .refine(isTopicFilter, 'must be a topic filter: # stands alone at the end, + alone in its level')
  .describe('A topic filter')
export const topicName = z
  .string()
  .refine(isTopicName, 'must be a topic, without # and +')
  .describe('A topic name')
export const dropWords = z
  .strictObject({
    cause: z.string(),
    key: z.string().nullable().describe('What bounds it in the configuration'),
    isWarned: z.boolean().describe('false: it is normal operation'),
  })
  .describe('A reason for a drop')
export const nothing = z.strictObject({})

/** A whole number in a query, where everything is text. */
export function inQuery(min: number, max: number): zod.ZodType<number, string> {
  const sentence = `must be a whole number from ${min} to ${max}`
  return z
    .string()
    .regex(/^\d{1,16}$/, sentence)
    .transform(Number)
    .pipe(z.int().min(min, sentence).max(max, sentence))
}

/** `?name=1` switches it on. */
export const flag = z
  .enum(['0', '1'])
  .transform(value => value === '1')
  .pipe(z.boolean())
  .default(false)

export const pageQuery = {
  limit: inQuery(1, PAGE_MAX).default(PAGE_DEFAULT).describe('The most entries of the answer'),
  cursor: z
    .string()
    .max(CURSOR_LENGTH_MAX)
    .optional()
    .describe('`nextCursor` of the answer before, to go on behind it'),
}

export interface Page<Item> {
  readonly items: readonly Item[]
  readonly nextCursor: string | null
  readonly matched: number
  readonly total: number
}

export function pageOf<Item extends zod.ZodType>(item: Item): zod.ZodType<Page<zod.infer<Item>>> {
  return z.strictObject({
    items: z.array(item),
    nextCursor: z.string().nullable().describe('Where the next page begins; null at the end'),
    matched: count.describe('How many there are that the query means'),
    total: count.describe('How many there are'),
  })
}
