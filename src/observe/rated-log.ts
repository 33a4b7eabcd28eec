// A log that a flood of events cannot fill: equal lines are printed a few times a minute and then counted in one summary
// line, and long names are shortened.

import { type LineBounds, LineLimiter, type LineRate, type Sum } from './line-limiter.ts'
import type { Log, LogFields } from './log.ts'
import { shortened } from '../packet/text.ts'

/** The longest topic, client id, user name or sentence in a log line. */
const FIELD_BYTES_MAX = 256
/** The longest field `error`, which has a stack. */
const ERROR_BYTES_MAX = 4_096

type Level = 'info' | 'warn' | 'error'

interface Line {
  readonly level: Level
  readonly fields: LogFields
  readonly sentence: string
}

interface RatedLogOptions {
  readonly bounds: LineBounds
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number
  /** While it returns false, summary lines wait, and go on counting. */
  readonly hasRoom?: () => boolean
}

export class RatedLog implements Log {
  readonly #log: Log
  readonly #options: RatedLogOptions
  readonly #limiter: LineLimiter<Line>

  constructor(log: Log, options: RatedLogOptions) {
    this.#log = log
    this.#options = options
    this.#limiter = new LineLimiter(options.bounds)
  }

  /** Whether lines of the level are written. If not, callers need not make the line. */
  isLevelEnabled(level: Level | 'debug'): boolean {
    return this.#log.isLevelEnabled?.(level) !== false
  }

  /** Debug lines are not limited. */
  debug(fields: LogFields, sentence: string): void {
    this.#log.debug(withShortNames(fields), sentence)
  }

  info(fields: LogFields, sentence: string): void {
    this.#print({ level: 'info', fields, sentence })
  }

  warn(fields: LogFields, sentence: string): void {
    this.#print({ level: 'warn', fields, sentence })
  }

  error(fields: LogFields, sentence: string): void {
    this.#print({ level: 'error', fields, sentence })
  }

  /** For events of any rate: one line a minute for each client and cause. `fieldsOf` is called for lines that are printed. */
  warnOnce<Cause extends string>(
    clientId: string,
    cause: Cause,
    fieldsOf: (clientId: string, cause: Cause) => Omit<Line, 'level'>,
  ): void {
    if (this.#limiter.countsAgain(cause, clientId)) return
    const rate = { event: cause, key: clientId, source: clientId }
    if (this.#limiter.counts(rate)) return
    this.#printed(rate, { level: 'warn', ...fieldsOf(clientId, cause) })
  }

  /** Called every second or so: prints the summary lines of minutes that are over. */
  tick(): void {
    if (this.#options.hasRoom?.() === false) return
    for (const sum of this.#limiter.due(this.#options.now())) this.#printSum(sum)
  }

  /** Prints all summary lines, when the broker stops. */
  close(): void {
    for (const sum of this.#limiter.due(Infinity)) this.#printSum(sum)
  }

  #print(line: Line): void {
    const { level, fields, sentence } = line
    if (!this.isLevelEnabled(level)) return
    const clientId = wordOf(fields['clientId'])
    const address = wordOf(fields['address'])
    const event = wordOf(fields['event']) || sentence
    const key = keyOf(clientId, address, wordOf(fields['cause']))
    const rate = { event, key, source: address || clientId }
    if (!this.#limiter.counts(rate)) this.#printed(rate, line)
  }

  #printed(rate: LineRate, { level, fields, sentence }: Line): void {
    const line = { level, fields: withShortNames(fields), sentence }
    this.#limiter.printed(rate, line, this.#options.now())
    this.#log[level](line.fields, sentence)
  }

  #printSum({ of, line, more }: Sum<Line>): void {
    const { event, address, clientId } = line.fields
    const { level, sentence } = line
    const count = more.toLocaleString('en')
    switch (of) {
      case 'repeats': {
        const words = `${sentence}: and ${count} more like it in a minute`
        this.#log[level]({ ...line.fields, more }, words)
        return
      }
      case 'address': {
        const from = address === undefined ? { clientId } : { address }
        const words = `${sentence}: and ${count} more from there in a minute`
        this.#log[level]({ event, ...from, more }, words)
        return
      }
      case 'event':
        this.#log[level]({ event, more }, `${sentence}: and ${count} more in a minute`)
        return
    }
  }
}

function keyOf(clientId: string, address: string, cause: string): string {
  return `${clientId}\n${address}\n${cause}`
}

/** Enough of the text to distinguish it from others. */
function wordOf(value: unknown): string {
  if (typeof value !== 'string') return ''
  return value.length > FIELD_BYTES_MAX ? value.slice(0, FIELD_BYTES_MAX) : value
}

function withShortNames(fields: LogFields): LogFields {
  for (const value of Object.values(fields)) {
    if (typeof value === 'string' && value.length * 3 > FIELD_BYTES_MAX)
      return shortenedFields(fields)
  }
  return fields
}

function shortenedFields(fields: LogFields): LogFields {
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [
      name,
      typeof value === 'string' ? shortened(value, bytesMaxOf(name)) : value,
    ]),
  )
}

function bytesMaxOf(name: string): number {
  return name === 'error' ? ERROR_BYTES_MAX : FIELD_BYTES_MAX
}
