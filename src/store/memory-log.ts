// A log in memory, which exists as long as this object. Frames are freed in segments, as in the file log.

import type { Position } from './ledger/message-table.ts'
import type {
  Appended,
  CheckpointWriting,
  Done,
  Extent,
  LogDevice,
  OnFetched,
  OnFrame,
} from './log-device.ts'
import { answerNow } from './log-device.ts'

const SEGMENT_BYTES = 16_384
const FRAMES_A_SEGMENT = 1_024
const NO_BYTES = Buffer.alloc(0)

interface Segment {
  readonly bytes: Buffer
  /** The end of each frame in `bytes`. */
  readonly ends: number[]
  used: number
}

const NO_SEGMENT: Segment = { bytes: NO_BYTES, ends: [], used: 0 }

interface Checkpoint {
  readonly at: Position
  /** A start reads this segment and later ones. */
  readonly segment: number
  readonly parts: readonly Buffer[]
}

export class MemoryLog implements LogDevice {
  readonly extentOf: (position: Position) => number = segmentOf
  readonly extentBytes = SEGMENT_BYTES
  readonly durability = 'memory'
  bytesAppended = 0
  readonly #segments = new Map<number, Segment>()
  /** The segment that is written to now. */
  #newest = NO_SEGMENT
  #number = 0
  #checkpoint: Checkpoint = { at: 0, segment: 0, parts: [] }
  #last: Position = 0
  #isOpen = false

  open(onPart: (part: Buffer) => void, done: Done<Position>): void {
    answerNow(done, 0, () => {
      if (this.#isOpen) throw new Error('the memory store is open already')
      this.#isOpen = true
      for (const part of this.#checkpoint.parts) onPart(part)
      return this.#checkpoint.at
    })
  }

  read(from: Position, onFrame: OnFrame, done: Done<Position>): void {
    answerNow(done, 0, () => {
      for (const [number, segment] of this.#segments) {
        for (const index of segment.ends.keys()) {
          const position = positionOf(number, index)
          if (position > from) onFrame(payloadIn(segment, index), position)
        }
      }
      return this.#last
    })
  }

  append(payload: Buffer, expected: Position, done: Appended): void {
    if (expected !== this.#last) {
      const what = `the log ends at ${this.#last}, not at ${expected}: another writer owns it`
      done(new Error(what), 0, NO_BYTES)
      return
    }
    const segment = this.#segmentFor(payload.length)
    const start = segment.used
    this.#last = positionOf(this.#number, segment.ends.length)
    segment.bytes.set(payload, start)
    segment.used += payload.length
    segment.ends.push(segment.used)
    this.bytesAppended += payload.length
    done(null, this.#last, segment.bytes.subarray(start, segment.used))
  }

  fetch(positions: readonly Position[], onFetched: OnFetched, done: Done): void {
    answerNow(done, undefined, () => {
      for (const [index, position] of positions.entries()) {
        const segment = this.#segments.get(segmentOf(position))
        if (segment === undefined) throw this.damage(position, 'the frame is missing')
        onFetched(payloadIn(segment, position % FRAMES_A_SEGMENT), index)
      }
    })
  }

  extents(): readonly Extent[] {
    return [...this.#segments].map(([number, { used }]) => ({ number, bytes: used }))
  }

  endExtent(done: Done): void {
    this.#addSegment(SEGMENT_BYTES)
    done(null)
  }

  checkpoint(at: Position): CheckpointWriting {
    const segment = this.#number
    const parts: Buffer[] = []
    return {
      write: (part, done) => {
        parts.push(Buffer.from(part))
        done(null)
      },
      finish: done => {
        this.#checkpoint = { at, segment, parts }
        done(null)
      },
      abandon: () => {},
    }
  }

  removeOlder(done: Done<boolean>): void {
    done(null, false)
  }

  truncate(extents: readonly number[], done: Done<number>): void {
    const { segment } = this.#checkpoint
    const freed = extents.filter(extent => extent < segment && this.#segments.delete(extent))
    done(null, freed.length)
  }

  isHeld(): boolean {
    return false
  }

  freeBytes(): number {
    return Infinity
  }

  giveReserve(): boolean {
    return false
  }

  damage(position: Position, what: string): Error {
    return new Error(`the log in memory is damaged at ${position}: ${what}`)
  }

  close(done: Done): void {
    this.#isOpen = false
    done(null)
  }

  /** Returns the newest segment, or a new one if it has no room. */
  #segmentFor(length: number): Segment {
    const { bytes, used, ends } = this.#newest
    if (used + length <= bytes.length && ends.length < FRAMES_A_SEGMENT) return this.#newest
    return this.#addSegment(Math.max(SEGMENT_BYTES, length))
  }

  #addSegment(bytes: number): Segment {
    const segment = { bytes: Buffer.allocUnsafeSlow(bytes), ends: [], used: 0 }
    this.#number += 1
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
