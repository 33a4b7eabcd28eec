// What a word may mean: clients, users and topics.

import type { z as zod } from 'zod'
import { z } from '../../config/zod.ts'

export const searchQuery = z.strictObject({
  q: z.string().min(1, 'must be a part of a name').max(256).describe('Part of a name'),
})
export const searchAnswer = z
  .strictObject({
    items: z.array(
      z.strictObject({
        kind: z.enum(['client', 'topic']),
        name: z.string(),
        note: z.string().describe('Its user and address, or what is retained there'),
      }),
    ),
    isComplete: z.boolean().describe('False if there is more than is listed'),
  })
  .describe('What the word is part of')
export type SearchAnswer = zod.infer<typeof searchAnswer>
