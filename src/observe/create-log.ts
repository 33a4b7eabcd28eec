// Log lines by pino: JSON for programs, or short lines for a person at a terminal.

import { type Logger, pino } from 'pino'
import { PrettyStream } from './pretty-stream.ts'

export interface LogSettings {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  readonly format: 'auto' | 'json' | 'pretty'
}

/** `auto` prints short lines on a terminal and JSON elsewhere. */
export function createLog(settings: LogSettings, output: NodeJS.WriteStream): Logger {
  const options = {
    level: settings.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level: string) => ({ level }) },
  }
  const isPretty = settings.format === 'pretty' || (settings.format === 'auto' && output.isTTY)
  return isPretty
    ? pino(options, new PrettyStream(output))
    : pino(options, pino.destination({ dest: 1, sync: true }))
}
