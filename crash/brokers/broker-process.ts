// Starts the broker and kills it with SIGKILL, so that it cannot save anything.

import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import type { BrokerUnderTest } from './broker-under-test.ts'

const START_MILLISECONDS_MAX = 60_000
const LOG_LINES_KEPT = 400

export class BrokerProcess {
  /** The last lines of its output, over all runs. */
  readonly log: string[] = []
  /** The time of its last start. */
  startedAt = 0
  readonly #broker: BrokerUnderTest
  readonly #died: (sentence: string) => void
  #child: ChildProcess | null = null
  #exited: Promise<void> = Promise.resolve()
  #isKilled = false

  constructor(broker: BrokerUnderTest, died: (sentence: string) => void) {
    this.#broker = broker
    this.#died = died
    process.once('exit', () => this.kill())
  }

  get isRunning(): boolean {
    return this.#child !== null && !this.#isKilled
  }

  /** Resolves with true when it accepts connections, or with false when it was killed before that. */
  start(): Promise<boolean> {
    const { program, arguments: words, readyWords } = this.#broker
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    this.#isKilled = false
    this.startedAt = performance.now()
    this.#exited = new Promise(resolve => child.once('close', () => resolve()))
    return new Promise(resolve => {
      const timer = setTimeout(() => {
        this.#died(`the broker was not ready after ${START_MILLISECONDS_MAX} ms`)
        resolve(false)
      }, START_MILLISECONDS_MAX)
      const settle = (isReady: boolean): void => {
        clearTimeout(timer)
        resolve(isReady)
      }
      for (const stream of [child.stdout, child.stderr]) {
        createInterface({ input: stream }).on('line', line => {
          this.#keep(line)
          if (line.includes(readyWords)) settle(!this.#isKilled)
        })
      }
      child.once('error', error => this.#ended(error.message))
      child.once('exit', (status, signal) => {
        if (child === this.#child) this.#ended(`status ${status}, signal ${signal}`)
        settle(false)
      })
    })
  }

  /** Kills the process within this call. */
  kill(): void {
    if (this.#isKilled) return
    this.#isKilled = true
    this.#child?.kill('SIGKILL')
  }

  /** Resolves when the process has ended and all of its output was read. */
  exited(): Promise<void> {
    return this.#exited
  }

  #ended(how: string): void {
    if (this.#isKilled) return
    this.#isKilled = true
    this.#died(`the broker ended by itself: ${how}: ${this.log.slice(-3).join(' | ')}`)
  }

  #keep(line: string): void {
    this.log.push(line)
    if (this.log.length > LOG_LINES_KEPT * 2) this.log.splice(0, LOG_LINES_KEPT)
  }
}
