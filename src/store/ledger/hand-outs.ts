// How often deliveries of named queues were handed out, and why some are dead letters. Only those have an entry that were handed
// out or moved.

import type { Owner } from '../owner.ts'
import { HAND_OUTS_MAX, type HandOuts } from '../store.ts'
import type { ImagedEntry } from './imaged-map.ts'
import { ImagedMap } from './imaged-map.ts'

type HandOutsEntry = HandOuts & ImagedEntry

export class HandOutTable {
  readonly #all = new ImagedMap<number, HandOutsEntry>()

  get size(): number {
    return this.#all.size
  }

  of(delivery: number): HandOuts | null {
    const entry = this.#all.get(delivery)
    if (entry === undefined) return null
    const { count, reason, queue } = entry
    return { count, reason, queue }
  }

  /** The delivery is sent to a consumer. That of a dead letter is not counted any more. */
  counts(delivery: number, owner: Owner): void {
    if (owner.kind !== 'queue') return
    const { count, reason, queue } = this.#all.get(delivery) ?? NONE
    if (reason === '' && count < HAND_OUTS_MAX)
      this.set(delivery, { count: count + 1, reason, queue })
  }

  set(delivery: number, { count, reason, queue }: HandOuts): void {
    this.#all.set(delivery, { count, reason, queue, image: 0 })
  }

  delete(delivery: number): void {
    if (this.#all.size > 0) this.#all.delete(delivery)
  }

  beginImage(): void {
    this.#all.beginImage()
  }

  imageEntries(): Iterable<readonly [number, HandOuts]> {
    return this.#all.imageEntries()
  }

  endImage(): void {
    this.#all.endImage()
  }
}

const NONE: HandOuts = { count: 0, reason: '', queue: '' }
