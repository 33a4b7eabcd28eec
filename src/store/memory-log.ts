// A log in memory: it is there for as long as this object is. Each frame is an extent.

import type { Position } from './ledger/message-table.ts'
import type { Done, Extent, Frame, LogDevice } from './log-device.ts'

export class MemoryLog implements LogDevice {
  readonly extentOf = (position: Position): number => position
  readonly durability = 'memory'
  readonly #frames = new Map<Position, Buffer>()
  #parts: readonly Buffer[] = []
  #checkpointAt: Position = 0
  #last: Position = 0
  #isOpen = false

  open(onPart: (part: Buffer) => void, done: Done<Position>): void {
    if (this.#isOpen) {
      done(new Error('the memory store is open already'), 0)
      return
    }
    this.#isOpen = true
    for (const part of this.#parts) onPart(part)
    done(null, this.#checkpointAt)
  }

  read(from: Position, onFrame: (frame: Frame) => void, done: Done<Position>): void {
    for (const [position, payload] of this.#frames) {
      if (position > from) onFrame({ position, payload })
    }
    done(null, this.#last)
  }

  append(payload: Buffer, expected: Position, done: Done<Position>): void {
    if (expected !== this.#last) {
      done(
        new Error(`the log ends at ${this.#last}, not at ${expected}: another writer owns it`),
        0,
      )
      return
    }
    this.#last += 1
    this.#frames.set(this.#last, payload)
    done(null, this.#last)
  }

  fetch(positions: ReadonlySet<Position>, done: Done<readonly Frame[]>): void {
    const frames: Frame[] = []
    for (const position of positions) {
      const payload = this.#frames.get(position)
      if (payload !== undefined) frames.push({ position, payload })
    }
    done(null, frames)
  }

  *extents(): Iterable<Extent> {
    for (const [number, { length }] of this.#frames) yield { number, bytes: length }
  }

  checkpoint(at: Position, parts: readonly Buffer[], done: Done): void {
    this.#parts = parts
    this.#checkpointAt = at
    done(null)
  }

  truncate(extents: readonly number[], done: Done): void {
    for (const extent of extents) this.#frames.delete(extent)
    done(null)
  }

  close(done: Done): void {
    this.#isOpen = false
    done(null)
  }
}
