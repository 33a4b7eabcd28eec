// How long something takes, as counts in buckets: for /metrics, and for percentiles of a short while.

/** The upper bounds of the buckets, in seconds. The last bucket has no bound. */
export const BUCKET_SECONDS: readonly number[] = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
]

export class Histogram {
  /** One for each bucket, and one for what is longer. */
  readonly counts: Float64Array = new Float64Array(BUCKET_SECONDS.length + 1)
  count = 0
  sumSeconds = 0

  add(seconds: number, times = 1): void {
    let bucket = 0
    while (bucket < BUCKET_SECONDS.length && seconds > (BUCKET_SECONDS[bucket] ?? 0)) bucket += 1
    this.counts[bucket] = (this.counts[bucket] ?? 0) + times
    this.count += times
    this.sumSeconds += seconds * times
  }
}

/** The percentiles of what was added since the last look. */
export class HistogramWindow {
  readonly #histogram: Histogram
  #before: Float64Array

  constructor(histogram: Histogram) {
    this.#histogram = histogram
    this.#before = Float64Array.from(histogram.counts)
  }

  /** Returns the time in seconds below which this part of all is, at most one bucket too long; NaN if nothing was added. */
  take(part: number): number {
    const { counts } = this.#histogram
    const added = counts.map((count, bucket) => count - (this.#before[bucket] ?? 0))
    this.#before = Float64Array.from(counts)
    let left = added.reduce((sum, count) => sum + count, 0) * part
    if (left === 0) return NaN
    for (const [bucket, count] of added.entries()) {
      if (count >= left) return within(bucket, left / count)
      left -= count
    }
    return within(BUCKET_SECONDS.length, 1)
  }
}

function within(bucket: number, part: number): number {
  const from = bucket === 0 ? 0 : (BUCKET_SECONDS[bucket - 1] ?? 0)
  const to = BUCKET_SECONDS[bucket] ?? from
  return from + (to - from) * part
}
