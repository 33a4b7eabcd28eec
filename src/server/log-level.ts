// The level of a log, where it has one that can be set, as pino has.

import type { Log } from '../observe/log.ts'

interface Leveled {
  level: string
}

/** Null if it has none. */
export function levelOf(log: Log): string | null {
  return isLeveled(log) ? log.level : null
}

export function setLevelOf(log: Log, level: string): void {
  if (isLeveled(log)) log.level = level
}

function isLeveled(log: object): log is Leveled {
  return 'level' in log && typeof log.level === 'string'
}
