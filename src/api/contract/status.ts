// How the broker is.

import type { z as zod } from 'zod'
import { z } from '../../config/zod.ts'
import { FIGURES } from '../../observe/status.ts'
import { count, time } from './fields.ts'

const counters = z.record(z.string(), count)

type Figures = Record<(typeof FIGURES)[number]['name'], zod.ZodNumber>

/** Made from the table itself, name by name. */
const figures = Object.fromEntries(
  FIGURES.map(({ name, counts }) => [name, z.number().describe(counts)]),
) as Figures

export const alarm = z
  .strictObject({
    code: z.string().describe('Its name, which stays the same'),
    level: z.enum(['warning', 'fault']),
    since: time,
    cause: z.string(),
    mend: z.string(),
    link: z.string().nullable().describe('The screen of the dashboard that shows more'),
  })
  .describe('Something that an operator should look at')
export type AlarmRow = zod.infer<typeof alarm>

const frontEnd = z
  .strictObject({
    name: z.string(),
    pid: count.nullable().describe('Its process; null while it is not running'),
    connections: count.describe('Connections that it has'),
    cpuSeconds: z
      .number()
      .describe('CPU time of its process, and of those that had its place before'),
    rssBytes: count.describe('Memory of its process'),
    loopDelayMs: z
      .number()
      .describe('Delay of its event loop: the 99th percentile of the last second'),
    linkBytesReceived: count.describe('Bytes over its link to the core'),
    linkBytesSent: count.describe('Bytes over its link from the core'),
    readPauses: count.describe('How often clients were not read, because the link was full'),
    writePauses: count.describe('How often bytes waited in the core, because the link was full'),
    restarts: count.describe('How often it was started again'),
    failures: counters.describe('How often it has failed, by why'),
    lastFailure: z.strictObject({ at: time, cause: z.string() }).nullable(),
  })
  .describe('A process that has the sockets of clients')
export type FrontEndRow = zod.infer<typeof frontEnd>

const topEntries = z.array(
  z.strictObject({ name: z.string().describe('The client id'), value: z.number() }),
)

export const statusAnswer = z
  .strictObject({
    version: z.string().nullable().describe('Null without a sign-in'),
    at: time,
    uptimeSeconds: count,
    durability: z
      .enum(['fsync', 'replicated', 'os', 'memory'])
      .describe('What an acknowledged message survives: see store.durability'),
    storeIsFull: z.boolean(),
    storeFreeBytes: count.nullable().describe('Free space on the disk of the store'),
    rssBytes: count.describe('Memory of the process'),
    cpuSeconds: z.number().describe('CPU time of all threads of the process'),
    frontEnds: z
      .array(frontEnd)
      .describe('The processes that have the sockets of clients; empty where there are none'),
    ...figures,
    overload: counters.describe('The level of each sensor'),
    overloadActions: counters.describe('What was done because of overload, and how often'),
    kept: counters.describe('The heap bytes by kind'),
    dropped: counters.describe('Messages that were not delivered, by reason'),
    limited: counters.describe('How often each limit was reached'),
    bridges: counters.describe('1 for each bridge that is connected, by its name; 0 for others'),
    access: counters.describe('Counters of logins and rules'),
    api: counters.describe('Counters of this API'),
    alarms: z.array(alarm).nullable().describe('Null without a sign-in: they name clients'),
    top: z
      .record(z.string(), topEntries)
      .nullable()
      .describe(
        'The clients with the longest queues, most drops and so on. Null without a sign-in',
      ),
  })
  .describe('How the broker is')
export type StatusAnswer = zod.infer<typeof statusAnswer>
