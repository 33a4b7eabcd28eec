// Emptying the broker before a planned stop.

import type { z as zod } from 'zod'
import { z } from '../../config/zod.ts'
import { count } from './fields.ts'

/** The most seconds over which clients are disconnected. */
export const DRAIN_SECONDS_MAX = 86_400

export const drainRequest = z.strictObject({
  seconds: z
    .number()
    .min(0)
    .max(DRAIN_SECONDS_MAX)
    .default(0)
    .describe('The least time over which clients are disconnected'),
})

export const drainAnswer = z.strictObject({
  clientsConnected: count.describe('Those that are being disconnected'),
})
export type DrainAnswer = zod.infer<typeof drainAnswer>
