// The section `observe` of the configuration: how much is kept of what has happened.

import { z } from './zod.ts'
import { whole } from './values.ts'

export const metricsSection = z.strictObject({
  compat: z
    .array(z.enum(['mosquitto', 'emqx']))
    .default([])
    .describe(
      'More names at /metrics, for dashboards of others: mosquitto_… as well as broker_…, and those of EMQX (emqx_…)',
    ),
})

export const observeSection = z.strictObject({
  timelineBytes: whole(
    67_108_864,
    0,
    1_099_511_627_776,
    'Memory for the last events of each client, about 700 bytes a client, but at most an eighth of the heap of Node. The longest unchanged ones go. 0: only the last client has any',
  ),
})
