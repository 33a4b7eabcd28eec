// When the messages of a named queue came, as far as it is worth knowing: a few pairs of a number and a time, however long the queue is.

const SAMPLES_MAX = 64
const FIRST_STEP_MS = 1_000

interface Sample {
  readonly number: number
  readonly at: number
}

export class QueueAges {
  #samples: Sample[] = []
  /** The least time between two samples, which doubles when there are too many. */
  #stepMs = FIRST_STEP_MS

  came(number: number, now: number): void {
    const last = this.#samples.at(-1)
    if (last !== undefined && now - last.at < this.#stepMs) return
    this.#samples.push({ number, at: now })
    if (this.#samples.length < SAMPLES_MAX) return
    this.#stepMs *= 2
    this.#samples = this.#samples.filter((_sample, index) => index % 2 === 0)
  }

  /** All with smaller numbers have left. */
  #forgetsBefore(number: number): void {
    const first = this.#samples.findLastIndex(sample => sample.number <= number)
    if (first > 0) this.#samples.splice(0, first)
    if (this.#samples.length <= 1) this.#stepMs = FIRST_STEP_MS
  }

  /** Returns when the oldest message came, or a little earlier. */
  cameAt(number: number): number | null {
    this.#forgetsBefore(number)
    return (
      this.#samples.findLast(sample => sample.number <= number)?.at ?? this.#samples[0]?.at ?? null
    )
  }
}
