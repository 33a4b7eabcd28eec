// Reads the log from a position to its end at a start, and detects damage. It changes no file.

import type { Disk } from '../disk.ts'
import type { OnFrame } from '../log-device.ts'
import { END_BYTES } from './frame.ts'
import type { OpenSegments } from './open-segments.ts'
import { type Cut, type LogPosition, positionOf, type SegmentEnd } from './position.ts'
import {
  firstCommit,
  guessedMark,
  isSealedAt,
  laterFrame,
  markIn,
  scanFrames,
  SEGMENT_HEADER_BYTES,
  segmentName,
} from './segment-file.ts'
import { StoreDamaged } from './store-damaged.ts'

export class LogReading {
  readonly #disk: Disk
  readonly #files: OpenSegments
  readonly #onFrame: OnFrame
  #end: LogPosition
  /** Where the torn end is, or null. */
  cut: Cut | null = null
  /** The end of the segment before the last one, or null. */
  before: SegmentEnd | null = null

  constructor(disk: Disk, files: OpenSegments, from: LogPosition, onFrame: OnFrame) {
    this.#disk = disk
    this.#files = files
    this.#end = from
    this.#onFrame = onFrame
  }

  /** Behind the last whole frame. */
  get end(): LogPosition {
    return this.#end
  }

  /** `numbers`: the existing segments, ascending. Throws StoreDamaged for any damage that is not a torn end. */
  read(numbers: readonly number[]): void {
    const from = this.#end
    const read = numbers.filter(number => number >= from.segment)
    if (read.length === 0) {
      throw new StoreDamaged(segmentName(from.segment), 0, 'the file is missing')
    }
    for (const [index, number] of read.entries()) {
      if (number !== from.segment + index) {
        throw new StoreDamaged(segmentName(from.segment + index), 0, 'the file is missing')
      }
      const isNewest = index === read.length - 1
      if (isNewest && index > 0 && !isBegun(this.#disk, number)) {
        this.cut ??= { file: segmentName(number), offset: 0 }
        return
      }
      // After a full disk had torn a frame, the log continued in the next file.
      if (this.cut !== null && !this.#goesOn(number)) this.#assertNothingFollows(number, this.cut)
      else this.#readSegment(number, index === 0 ? null : this.#end)
    }
  }

  #readSegment(number: number, before: SegmentEnd | null): void {
    this.before = before
    const { file, mark } = this.#files.get(number)
    const start = before === null ? this.#end.offset : SEGMENT_HEADER_BYTES
    if (start > file.size()) {
      throw new StoreDamaged(segmentName(number), file.size(), 'the file is shorter than it was')
    }
    let { commit: last } = this.#end
    const scan = scanFrames(file, mark, start, last, (payload, frame, commit) => {
      last = commit
      this.#onFrame(payload, positionOf(number, frame))
    })
    this.#end = { segment: number, offset: scan.end, commit: last }
    // A flipped bit in a length may look like the end of the frames.
    const later = laterFrame(file, mark, scan.end, last)
    if (later !== null) {
      const what = `no whole frame stands here, but one does at byte ${later}`
      throw new StoreDamaged(segmentName(number), scan.end, what)
    }
    const isWhole = scan.ending === 'clean' || isSealedAt({ file, mark }, scan.end)
    this.cut = isWhole ? null : { file: segmentName(number), offset: scan.end }
  }

  /** Whether the segment begins with the next commit. */
  #goesOn(number: number): boolean {
    const { file, mark } = this.#files.get(number)
    return firstCommit(file, mark) === this.#end.commit + 1
  }

  /** Checks that a later segment has no frames, because nothing is ever written behind a torn frame. */
  #assertNothingFollows(number: number, cut: Cut): void {
    const { file, mark } = this.#files.get(number)
    const later = laterFrame(file, mark, SEGMENT_HEADER_BYTES, this.#end.commit)
    if (later === null) return
    const what = `no whole frame stands here, but one does in ${segmentName(number)} at byte ${later}`
    throw new StoreDamaged(cut.file, cut.offset, what)
  }
}

/** Whether the newest file has its header. A crash may come after its name and before its header. */
export function isBegun(disk: Disk, number: number): boolean {
  const file = disk.open(segmentName(number))
  const hasHeader = markIn(file, number) !== null
  // The first file is not a reused one: without a header it is empty.
  const isUsed = number === 1 && file.size() > SEGMENT_HEADER_BYTES + END_BYTES
  const frame = hasHeader ? null : laterFrame(file, guessedMark(file, number), 0, 0)
  file.close()
  if (hasHeader || (frame === null && !isUsed)) return hasHeader
  throw new StoreDamaged(segmentName(number), 0, 'the header of the file is not right')
}
