// A log whose throws do not reach whoever writes to it: what it was told has happened already.

import type { Log, LogFields } from './log.ts'

export function containedLog(log: Log, failed: () => void): Log {
  const written = (write: () => void): void => {
    try {
      write()
    } catch {
      // There is nobody to tell but whoever counts.
      failed()
    }
  }
  return {
    debug: (fields: LogFields, sentence: string) => written(() => log.debug(fields, sentence)),
    info: (fields: LogFields, sentence: string) => written(() => log.info(fields, sentence)),
    warn: (fields: LogFields, sentence: string) => written(() => log.warn(fields, sentence)),
    error: (fields: LogFields, sentence: string) => written(() => log.error(fields, sentence)),
  }
}
