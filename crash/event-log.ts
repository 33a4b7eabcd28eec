// The event log, kept outside the broker. Each event goes to the checker, to a file, and to the watcher.

import { appendFileSync, writeFileSync } from 'node:fs'
import { Checker } from './check/checker.ts'
import type { LoggedEvent } from './event.ts'

export class EventLog {
  readonly checker = new Checker()
  /** Is called after each event; it may kill the broker. */
  watcher: ((event: LoggedEvent) => void) | null = null
  /** When the last event came, in milliseconds. */
  lastAt = 0
  readonly #file: string
  #lines: string[] = []

  constructor(file: string) {
    this.#file = file
    this.clear()
  }

  record(event: LoggedEvent): void {
    this.lastAt = performance.now()
    this.checker.see(event, this.lastAt)
    this.#lines.push(`${this.checker.lines} ${Math.round(this.lastAt)} ${JSON.stringify(event)}\n`)
    this.watcher?.(event)
  }

  /** Writes the events since the last flush to the file. */
  flush(): void {
    appendFileSync(this.#file, this.#lines.join(''))
    this.#lines = []
  }

  /** Begins an empty file: all events so far have been checked. */
  clear(): void {
    this.#lines = []
    writeFileSync(this.#file, '')
  }
}
