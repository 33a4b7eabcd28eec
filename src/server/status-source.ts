// The status of the whole server: of its core, and of what is around it.

import { type Status, statusOf } from '../observe/status.ts'
import type { Realms } from './realms.ts'
import type { Core } from './core.ts'
import type { ServerParts } from './server-parts.ts'

/** Returns a function that returns the status of the moment. */
export function statusSource(
  core: Core,
  logOutput: ServerParts['logOutput'],
  access: Realms | null,
  others: () => Pick<Status, 'limited' | 'bridges' | 'frontEnds'> & {
    readonly census: Pick<Status, 'queuedMessages' | 'queuedBytes'>
  },
): () => Status {
  const startedAt = performance.now()
  return () => {
    const { census, ...figures } = others()
    return statusOf({
      broker: core.broker,
      store: core.store,
      uptimeSeconds: Math.floor((performance.now() - startedAt) / 1_000),
      logLinesLeftOut: logOutput?.linesLeftOut ?? 0,
      access: access?.counters ?? {},
      ...figures,
      queuedMessages: census.queuedMessages,
      queuedBytes: census.queuedBytes,
      connectsWaiting: core.connects.length,
    })
  }
}
