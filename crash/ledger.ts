// The book outside the broker: every fact goes to the checker, to a file, and to whoever waits for the moment.

import { appendFileSync, writeFileSync } from 'node:fs'
import { Checker } from './check/checker.ts'
import type { LedgerEvent } from './event.ts'

export class Ledger {
  readonly checker = new Checker()
  /** Called after each fact; it may kill. */
  watcher: ((event: LedgerEvent) => void) | null = null
  /** When the last fact came, in milliseconds. */
  lastAt = 0
  readonly #file: string
  #lines: string[] = []

  constructor(file: string) {
    this.#file = file
    this.clear()
  }

  record(event: LedgerEvent): void {
    this.lastAt = performance.now()
    this.checker.see(event)
    this.#lines.push(`${this.checker.lines} ${Math.round(this.lastAt)} ${JSON.stringify(event)}\n`)
    this.watcher?.(event)
  }

  /** Brings to the file what was recorded since. */
  flush(): void {
    appendFileSync(this.#file, this.#lines.join(''))
    this.#lines = []
  }

  /** Begins an empty file: all before is accounted for. */
  clear(): void {
    this.#lines = []
    writeFileSync(this.#file, '')
  }
}
