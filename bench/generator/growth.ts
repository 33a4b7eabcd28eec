// A broker's memory as something becomes more and more.

import type { GrowthPoint } from '../job.ts'
import { cpuSeconds, processTree, rssBytes } from '../process-tree.ts'
import { pause } from './measured-time.ts'

/** For what is freed or written behind the last answer. */
const SETTLE_SECONDS = 1.5

export class Growth {
  readonly points: GrowthPoint[] = []
  readonly #tree: readonly number[]
  #count = 0
  #cpuSeconds: number

  constructor(brokerPid: number) {
    this.#tree = processTree(brokerPid)
    this.#cpuSeconds = cpuSeconds(this.#tree)
  }

  /** So many are there now. */
  async point(count: number): Promise<void> {
    const cpu = cpuSeconds(this.#tree)
    await pause(SETTLE_SECONDS)
    const cpuMicroseconds = ((cpu - this.#cpuSeconds) / (count - this.#count)) * 1_000_000
    this.points.push({ count, rssBytes: rssBytes(this.#tree), cpuMicroseconds })
    this.#count = count
    this.#cpuSeconds = cpuSeconds(this.#tree)
  }
}
