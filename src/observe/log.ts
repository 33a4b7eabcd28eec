// The shape of a logger, as pino has it: fields first, then a sentence.

export type LogFields = Readonly<Record<string, unknown>>

export interface Log {
  /** False where lines of the level are not written: then they are not even made. */
  isLevelEnabled?(level: 'debug' | 'info' | 'warn' | 'error'): boolean
  debug(fields: LogFields, sentence: string): void
  info(fields: LogFields, sentence: string): void
  warn(fields: LogFields, sentence: string): void
  error(fields: LogFields, sentence: string): void
}

/** Writes nothing. */
export const SILENT: Log = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
