// The last lines of the log, for the dashboard. The log goes on to its own output as before.

import { textBytes } from '../message.ts'
import type { Log, LogFields } from '../observe/log.ts'
import { shortened } from '../packet/text.ts'

const LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LEVELS)[number]

export interface LogLine {
  /** Milliseconds since 1970. */
  readonly at: number
  readonly level: LogLevel
  readonly event: string | null
  readonly clientId: string | null
  /** The sentence with its cause. */
  readonly text: string
  /** The other fields. */
  readonly details: string
}

const LINES_MAX = 2_000
const BYTES_MAX = 1_048_576
const LINE_BYTES = 120
const TEXT_BYTES_MAX = 512

type Listener = (line: LogLine) => void

export class LogLines {
  readonly #now: () => number
  #lines: LogLine[] = []
  #bytes = 0
  readonly #listeners = new Set<Listener>()

  constructor(now: () => number) {
    this.#now = now
  }

  /** The newest last. */
  get all(): readonly LogLine[] {
    return this.#lines
  }

  /** Calls the listener with each line from now on. Returns how to stop it. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Returns a log whose printed lines are kept here as well. */
  of(log: Log): Log {
    const kept = (level: LogLevel) => (fields: LogFields, sentence: string) => {
      log[level](fields, sentence)
      if (log.isLevelEnabled?.(level) !== false) this.#add(level, fields, sentence)
    }
    return {
      isLevelEnabled: level => log.isLevelEnabled?.(level) !== false,
      debug: kept('debug'),
      info: kept('info'),
      warn: kept('warn'),
      error: kept('error'),
    }
  }

  #add(level: LogLevel, { event, clientId, cause, ...others }: LogFields, sentence: string): void {
    const words = Object.entries(others).map(([name, value]) => `${name} ${inWords(value)}`)
    const line = {
      at: this.#now(),
      level,
      event: typeof event === 'string' ? event : null,
      clientId: typeof clientId === 'string' && clientId !== '' ? clientId : null,
      text: shortened(
        typeof cause === 'string' ? `${sentence}: ${cause}` : sentence,
        TEXT_BYTES_MAX,
      ),
      details: shortened(words.join(', '), TEXT_BYTES_MAX),
    }
    this.#lines.push(line)
    this.#bytes += bytesOf(line)
    if (this.#lines.length > LINES_MAX || this.#bytes > BYTES_MAX) this.#forgetTenth()
    for (const listener of this.#listeners) listener(line)
  }

  /** Forgets a tenth at once, because removing the first of many lines moves all others. */
  #forgetTenth(): void {
    this.#lines = this.#lines.slice(Math.ceil(this.#lines.length / 10))
    this.#bytes = this.#lines.reduce((sum, line) => sum + bytesOf(line), 0)
  }
}

/** Whether a line of this level is as important. */
export function isAtLeast(level: LogLevel, least: LogLevel): boolean {
  return LEVELS.indexOf(level) >= LEVELS.indexOf(least)
}

function inWords(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}

function bytesOf({ clientId, text, details }: LogLine): number {
  return LINE_BYTES + textBytes(clientId ?? '') + textBytes(text) + textBytes(details)
}
