// The shape of a logger, as pino has it: fields first, then a sentence.

export type LogFields = Readonly<Record<string, unknown>>

export interface Log {
  debug(fields: LogFields, sentence: string): void
  info(fields: LogFields, sentence: string): void
  warn(fields: LogFields, sentence: string): void
  error(fields: LogFields, sentence: string): void
}
