// A refusal as RFC 9457 has it: `application/problem+json`.

import type { z as zod } from 'zod'
import { z } from '../../config/zod.ts'

export const problemShape = z
  .strictObject({
    type: z.literal('about:blank'),
    title: z.string().describe('The words of the status'),
    status: z.int().describe('The status of HTTP'),
    detail: z.string().describe('What is wrong, and what mends it'),
    errors: z
      .array(
        z.strictObject({
          path: z.string().describe('The field of the body or of the query'),
          line: z.int().optional().describe('The line, where a text was checked'),
          detail: z.string(),
        }),
      )
      .optional()
      .describe('Each single error, where there may be several'),
  })
  .describe('Why a request was refused')

export type ProblemAnswer = zod.infer<typeof problemShape>
