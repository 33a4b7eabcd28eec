// Kills one of the broker's front ends from time to time, which has its clients come back to the others.

import { readFileSync } from 'node:fs'
import type { Ground } from '../ground.ts'

const KILLS_MILLISECONDS = 7_000

export class FrontEndKiller {
  readonly #ground: Ground
  readonly #pid: number
  readonly #count: number
  #timer: NodeJS.Timeout | null = null
  #kills = 0

  /** `count`: how many front ends the broker of this process has. */
  constructor(ground: Ground, pid: number, count: number) {
    this.#ground = ground
    this.#pid = pid
    this.#count = count
  }

  get done(): string {
    return `${this.#kills} front ends were killed`
  }

  start(): void {
    if (this.#count > 0) this.#timer = setInterval(() => this.#kill(), KILLS_MILLISECONDS)
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
  }

  /** To be called some seconds after the last kill. */
  checkThatAllAreThere(): void {
    const { length } = this.#pids()
    if (length === this.#count) return
    this.#ground.ledger.found(`${length} front ends are there at the end, not ${this.#count}`)
  }

  #kill(): void {
    const pids = this.#pids()
    const pid = pids[Math.floor(this.#ground.random() * pids.length)]
    if (pid === undefined) return
    this.#kills += 1
    process.kill(pid, 'SIGKILL')
  }

  /** The broker starts no other processes. */
  #pids(): readonly number[] {
    const children = readFileSync(`/proc/${this.#pid}/task/${this.#pid}/children`, 'utf8')
    return children.split(' ').filter(Boolean).map(Number)
  }
}
