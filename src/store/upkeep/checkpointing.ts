// A checkpoint that is being made: the image of the ledger goes to the device slice by slice, and commits are applied between.

import { LedgerImage } from '../ledger/image.ts'
import type { CheckpointWriting, Done } from '../log-device.ts'
import type { LoggedLedger } from '../logged-ledger.ts'

export class Checkpointing {
  readonly #image: LedgerImage
  readonly #slices: Iterator<Buffer>
  readonly #writing: CheckpointWriting
  /** The bytes that were written. */
  bytes = 0

  constructor(log: LoggedLedger) {
    this.#image = new LedgerImage(log.ledger)
    this.#slices = this.#image.slices()
    this.#writing = log.device.checkpoint(log.last)
  }

  /** Makes the next slice and writes it. Passes on false when all of it is there and durable. */
  step(done: Done<boolean>): void {
    const slice = this.#slices.next()
    if (slice.done === true) {
      this.#writing.finish(error => done(error, false))
      return
    }
    this.bytes += slice.value.length
    // Nothing was found in this slice.
    if (slice.value.length === 0) done(null, true)
    else this.#writing.write(slice.value, error => done(error, error === null))
  }

  abandon(): void {
    this.#image.end()
    this.#writing.abandon()
  }
}
