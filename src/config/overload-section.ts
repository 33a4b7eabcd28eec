// The section `overload` of the configuration: from which readings on the broker does less. Decision 36 has the reasons.

import { z } from './zod.ts'
import { whole } from './values.ts'

const GIBIBYTE = 1_073_741_824
const TEBIBYTE = 1_099_511_627_776

interface Defaults {
  readonly loopDelayMs: number
  readonly commitAgeMs: number
  readonly memoryPercent: number
}

function sensors({ loopDelayMs, commitAgeMs, memoryPercent }: Defaults) {
  return {
    loopDelayMs: whole(
      loopDelayMs,
      1,
      600_000,
      'How late the event loop is (99th percentile of 100 ms), for 3 s, while the process uses most of a processor',
    ),
    commitAgeMs: whole(
      commitAgeMs,
      1,
      600_000,
      'The age of the oldest change that is not stored yet, for 1 s',
    ),
    memoryPercent: whole(
      memoryPercent,
      1,
      100,
      'The used part of the heap, or of the memory of the system or container, whichever is more',
    ),
  }
}

function disk(percent: number, bytes: number) {
  return {
    diskFreePercent: whole(percent, 0, 100, 'The free part of the disk of the store; 0: no bound'),
    diskFreeBytes: whole(
      bytes,
      0,
      TEBIBYTE,
      'Free space there that is enough, whatever part of the disk it is; 0: no bound',
    ),
  }
}

const level1 = z.strictObject(sensors({ loopDelayMs: 50, commitAgeMs: 100, memoryPercent: 70 }))
const level2 = z.strictObject({
  ...sensors({ loopDelayMs: 200, commitAgeMs: 500, memoryPercent: 80 }),
  ...disk(5, GIBIBYTE),
})
const level3 = z.strictObject({
  ...sensors({ loopDelayMs: 1_000, commitAgeMs: 2_000, memoryPercent: 90 }),
  ...disk(1, GIBIBYTE / 4),
})

export const overloadSection = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .describe('Whether the broker does less when it is asked for more than it can do'),
  level1: level1
    .prefault({})
    .describe('From here on: connections are accepted more slowly, with a smaller Receive Maximum'),
  level2: level2
    .prefault({})
    .describe('From here on: publishers that send more than their fair share wait'),
  level3: level3
    .prefault({})
    .describe(
      'From here on: all publishers wait, QoS 0 is dropped, CONNECT is refused, and when memory is short the clients with the largest backlog are disconnected',
    ),
})
