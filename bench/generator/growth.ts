// Measures a broker's memory while the number of something grows.

import type { GrowthPoint } from '../job.ts'
import { cpuSeconds, processTree, rssBytes } from '../process-tree.ts'
import { pause } from './measured-time.ts'

/** A wait for memory that is freed, or bytes that are written, after the last answer. */
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

  /** Resolves when this many exist. */
  async point(count: number): Promise<void> {
    const cpu = cpuSeconds(this.#tree)
    await pause(SETTLE_SECONDS)
    const cpuMicroseconds = ((cpu - this.#cpuSeconds) / (count - this.#count)) * 1_000_000
    this.points.push({ count, rssBytes: rssBytes(this.#tree), cpuMicroseconds })
    this.#count = count
    this.#cpuSeconds = cpuSeconds(this.#tree)
  }
}
