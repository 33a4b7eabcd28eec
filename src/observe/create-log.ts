// Log lines by pino: JSON for programs, or short lines for a person at a terminal. The broker never waits for their reader.

import { type Logger, pino } from 'pino'
import { openLogDescriptor } from './log-descriptor.ts'
import { LogOutput } from './log-output.ts'
import { prettyText } from './pretty-stream.ts'

interface LogSettings {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
  readonly format: 'auto' | 'json' | 'pretty'
  readonly bufferBytesMax: number
}

interface CreatedLog {
  readonly log: Logger
  readonly output: LogOutput
}

/** `auto` prints short lines on a terminal and JSON elsewhere. When the process ends, waiting lines are flushed for at most a second. */
export function createLog(
  settings: LogSettings,
  stdout: NodeJS.WriteStream & { readonly fd: number },
): CreatedLog {
  const options = {
    level: settings.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (level: string) => ({ level }) },
  }
  const isPretty = settings.format === 'pretty' || (settings.format === 'auto' && stdout.isTTY)
  const output = new LogOutput(openLogDescriptor(stdout.fd), {
    bytesMax: settings.bufferBytesMax,
    render: isPretty ? prettyText : line => line,
  })
  process.once('exit', () => output.flushSync())
  return { log: pino(options, output), output }
}
