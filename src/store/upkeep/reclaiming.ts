// Frees what is not needed behind a new checkpoint: older checkpoints, and extents without needed messages. It does a part at a
// time, because freeing large files takes long.

import { answerNow, type Done, type Extent } from '../log-device.ts'
import type { LoggedLedger } from '../logged-ledger.ts'

/** The bounds of what is freed at once. */
const BYTES_A_STEP = 67_108_864
const EXTENTS_A_STEP = 64

export class Reclaiming {
  readonly #log: LoggedLedger
  /** The extents to free; null until the older checkpoints are removed. */
  #unused: readonly Extent[] | null = null
  #next = 0
  /** The number of extents that were freed. */
  freed = 0

  constructor(log: LoggedLedger) {
    this.#log = log
  }

  /** Passes on false when all is freed. */
  step(done: Done<boolean>): void {
    if (this.#unused === null) this.#removeOlder(done)
    else if (this.#next >= this.#unused.length) done(null, false)
    else this.#truncate(this.#take(this.#unused), done)
  }

  #removeOlder(done: Done<boolean>): void {
    this.#log.device.removeOlder((error, hasMore) => {
      if (error !== null || hasMore) done(error, hasMore)
      else answerNow(done, false, () => this.#find())
    })
  }

  #find(): boolean {
    const { device, ledger } = this.#log
    const isUnused = ({ number }: Extent): boolean => ledger.messages.useOf(number) === undefined
    this.#unused = device.extents().filter(isUnused)
    return this.#unused.length > 0
  }

  #truncate(numbers: readonly number[], done: Done<boolean>): void {
    this.#log.device.truncate(numbers, (error, freed) => {
      this.freed += freed
      done(error, error === null)
    })
  }

  #take(unused: readonly Extent[]): readonly number[] {
    const numbers: number[] = []
    let bytes = 0
    for (; this.#next < unused.length; this.#next++) {
      const extent = unused[this.#next]
      if (extent === undefined || numbers.length >= EXTENTS_A_STEP || bytes >= BYTES_A_STEP) break
      numbers.push(extent.number)
      bytes += extent.bytes
    }
    return numbers
  }
}
