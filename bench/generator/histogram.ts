// Times in microseconds, counted in buckets whose width is at most 1/64 of their value.

import type { Latency } from '../job.ts'

const BITS = 6
const PER_POWER = 1 << BITS
const BUCKETS = PER_POWER * 27

export class Histogram {
  readonly #counts = new Float64Array(BUCKETS)
  #total = 0

  get total(): number {
    return this.#total
  }

  record(microseconds: number): void {
    const bucket = bucketOf(microseconds)
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1
    this.#total += 1
  }

  clear(): void {
    this.#counts.fill(0)
    this.#total = 0
  }

  summary(): Latency | null {
    const p50 = this.quantile(0.5)
    const p99 = this.quantile(0.99)
    const p999 = this.quantile(0.999)
    return p50 === null || p99 === null || p999 === null ? null : { p50, p99, p999 }
  }

  /** The time that this share of all values did not exceed, to the width of its bucket; null without values. */
  quantile(share: number): number | null {
    if (this.#total === 0) return null
    let left = Math.ceil(this.#total * share)
    for (const [bucket, count] of this.#counts.entries()) {
      left -= count
      if (left <= 0) return valueOf(bucket)
    }
    return null
  }
}

function bucketOf(value: number): number {
  const whole = value < 0 ? 0 : value >>> 0
  if (whole < 2 * PER_POWER) return whole
  const shift = 31 - Math.clz32(whole) - BITS
  return shift * PER_POWER + (whole >>> shift)
}

/** The largest value of the bucket. */
function valueOf(bucket: number): number {
  if (bucket < 2 * PER_POWER) return bucket
  const shift = Math.floor(bucket / PER_POWER) - 1
  const base = bucket - shift * PER_POWER
  return (base + 1) * 2 ** shift - 1
}
