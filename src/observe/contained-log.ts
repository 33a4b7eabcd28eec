// A log whose exceptions do not reach the code that writes to it.

import type { Log, LogFields } from './log.ts'

export function containedLog(log: Log, failed: () => void): Log {
  const written = (write: () => void): void => {
    try {
      write()
    } catch {
      // The failure can only be counted, because the log itself has failed.
      failed()
    }
  }
  return {
    isLevelEnabled: level => {
      try {
        return log.isLevelEnabled?.(level) !== false
      } catch {
        failed()
        return true
      }
    },
    debug: (fields: LogFields, sentence: string) => written(() => log.debug(fields, sentence)),
    info: (fields: LogFields, sentence: string) => written(() => log.info(fields, sentence)),
    warn: (fields: LogFields, sentence: string) => written(() => log.warn(fields, sentence)),
    error: (fields: LogFields, sentence: string) => written(() => log.error(fields, sentence)),
  }
}
