// A log in memory, which exists as long as this object. Frames are freed in segments, as in the file log.

import type { Position } from './ledger/message-table.ts'
import type { Done, Extent, Frame, LogDevice } from './log-device.ts'

const SEGMENT_BYTES = 16_384
const FRAMES_A_SEGMENT = 1_024

interface Segment {
  readonly bytes: Buffer
  /** The end of each frame in `bytes`. */
  readonly ends: number[]
  used: number
}

const NO_SEGMENT: Segment = { bytes: Buffer.alloc(0), ends: [], used: 0 }

export class MemoryLog implements LogDevice {
  readonly extentOf = segmentOf
  readonly durability = 'memory'
  readonly #segments = new Map<number, Segment>()
  /** The segment that is written to now. */
  #newest = NO_SEGMENT
  #number = 0
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
    for (const [number, segment] of this.#segments) {
      for (const index of segment.ends.keys()) {
        const position = positionOf(number, index)
        if (position > from) onFrame({ position, payload: payloadIn(segment, index) })
      }
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
    const segment = this.#segmentFor(payload.length)
    this.#last = positionOf(this.#number, segment.ends.length)
    segment.bytes.set(payload, segment.used)
    segment.used += payload.length
    segment.ends.push(segment.used)
    done(null, this.#last)
  }

  fetch(positions: ReadonlySet<Position>, done: Done<readonly Frame[]>): void {
    const frames: Frame[] = []
    for (const position of positions) {
      const segment = this.#segments.get(segmentOf(position))
      if (segment === undefined) continue
      frames.push({ position, payload: payloadIn(segment, position % FRAMES_A_SEGMENT) })
    }
    done(null, frames)
  }

  *extents(): Iterable<Extent> {
    for (const [number, { used }] of this.#segments) yield { number, bytes: used }
  }

  checkpoint(at: Position, parts: readonly Buffer[], done: Done): void {
    this.#parts = parts
    this.#checkpointAt = at
    done(null)
  }

  truncate(extents: readonly number[], done: Done): void {
    for (const extent of extents) {
      this.#segments.delete(extent)
      // Later frames are appended to another segment.
      if (extent === this.#number) this.#newest = NO_SEGMENT
    }
    done(null)
  }

  close(done: Done): void {
    this.#isOpen = false
    done(null)
  }

  /** Returns the newest segment, or a new one if it has no room. */
  #segmentFor(length: number): Segment {
    const { bytes, used, ends } = this.#newest
    if (used + length <= bytes.length && ends.length < FRAMES_A_SEGMENT) return this.#newest
    this.#number += 1
    const segment = {
      bytes: Buffer.allocUnsafeSlow(Math.max(SEGMENT_BYTES, length)),
      ends: [],
      used: 0,
    }
    this.#newest = segment
    this.#segments.set(this.#number, segment)
    return segment
  }
}

function payloadIn({ bytes, ends }: Segment, index: number): Buffer {
  return bytes.subarray(ends[index - 1] ?? 0, ends[index])
}

function positionOf(segment: number, index: number): Position {
  return segment * FRAMES_A_SEGMENT + index
}

function segmentOf(position: Position): number {
  return Math.floor(position / FRAMES_A_SEGMENT)
}
