// A cache of verdicts about topics, kept for each client until rules change, with one bound for all clients together.

const REMEMBERED_VERDICTS_MAX = 65_536
/** A longer topic is judged each time: clients choose topics, and may choose long ones to fill the memory. */
export const REMEMBERED_TOPIC_LENGTH_MAX = 256

export class RememberedVerdicts {
  readonly #max: number
  readonly #filled = new Set<Map<string, number>>()
  #size = 0
  /** How often the cache was emptied because it was full. */
  forgotten = 0

  constructor(max: number = REMEMBERED_VERDICTS_MAX) {
    this.#max = max
  }

  get size(): number {
    return this.#size
  }

  remember(verdicts: Map<string, number>, topic: string, verdict: number): void {
    if (topic.length > REMEMBERED_TOPIC_LENGTH_MAX) return
    if (this.#size >= this.#max) {
      this.forgotten++
      for (const each of this.#filled) each.clear()
      this.#filled.clear()
      this.#size = 0
    }
    if (verdicts.size === 0) this.#filled.add(verdicts)
    verdicts.set(topic, verdict)
    this.#size++
  }

  forget(verdicts: Map<string, number>): void {
    this.#size -= verdicts.size
    verdicts.clear()
    this.#filled.delete(verdicts)
  }
}
