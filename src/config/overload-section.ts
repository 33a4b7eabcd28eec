// The section `overload` of the configuration: the readings at which each level begins. Decision 36 has the reasons.

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
      'Delay of the event loop: the 99th percentile of each 100 ms, for 3 s, while the process uses at least 70 % of a processor',
    ),
    commitAgeMs: whole(
      commitAgeMs,
      1,
      600_000,
      'Age of the oldest change that is not stored yet, for 1 s',
    ),
    memoryPercent: whole(
      memoryPercent,
      1,
      100,
      'Used part of the heap, or of the memory of the system or container, whichever is more',
    ),
  }
}

function disk(percent: number, bytes: number) {
  return {
    diskFreePercent: whole(
      percent,
      0,
      100,
      'Free part of the disk of the store; it counts only below diskFreeBytes as well. 0: never',
    ),
    diskFreeBytes: whole(
      bytes,
      0,
      TEBIBYTE,
      'Free space there; it counts only below diskFreePercent as well. 0: never',
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
    .describe('Whether the broker does less while it is overloaded'),
  level1: level1
    .prefault({})
    .describe(
      'At level 1 CONNECT packets are answered more slowly, and new clients of MQTT 5 get a quarter of limits.receiveMax',
    ),
  level2: level2
    .prefault({})
    .describe('At level 2 publishers that send more than their fair share wait as well'),
  level3: level3
    .prefault({})
    .describe(
      'At level 3 all publishers wait, QoS 0 is dropped and CONNECT is refused. If it is the memory, the clients with the largest backlog are disconnected; if it is the disk alone, what must be stored is refused instead',
    ),
})
