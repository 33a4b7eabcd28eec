// The segment files of the log. Frames are appended to the last one, and each is durable when `append` returns. A file
// without needed messages is reused under a new number, because overwriting bytes is faster than making a file longer.

import { randomBytes } from 'node:crypto'
import type { Disk, DiskFile } from '../disk.ts'
import type { Durability } from '../store.ts'
import type { Position } from '../ledger/message-table.ts'
import { END_BYTES, frameBytes, FRAME_HEADER_BYTES, sealOf, writeFrame } from './frame.ts'
import {
  firstCommit,
  FrameReader,
  guessedMark,
  isSealedAt,
  laterFrame,
  markIn,
  type OpenSegment,
  openSegment,
  scanFrames,
  SEGMENT_HEADER_BYTES,
  segmentHeader,
  segmentName,
  segmentNumber,
  writeAll,
} from './segment-file.ts'
import { frameOf, positionOf, segmentOf } from './position.ts'
import { DiskFull, isDiskFull, OutOfDescriptors, StoreDamaged } from './store-damaged.ts'

/** How many spare files are kept for reuse. Others are removed. */
const SPARES_MAX = 2
const SPARE = /^spare-\d+\.log$/
const OPEN_FILES_MAX = 16

interface Spare {
  readonly name: string
  readonly bytes: number
}

/** Where the relevant frames begin, and the last commit before them. */
export interface LogPosition {
  readonly segment: number
  readonly offset: number
  readonly commit: number
}

interface SegmentEnd {
  readonly segment: number
  readonly offset: number
}

export const LOG_BEGINNING: LogPosition = { segment: 1, offset: SEGMENT_HEADER_BYTES, commit: 0 }

/**
 * The end of the log that was cut at a start. After a crash it is an unacknowledged commit. If a file was shortened by something
 * else, acknowledged commits are missing.
 */
export interface Cut {
  readonly file: string
  readonly offset: number
}

interface SegmentsOptions {
  readonly durability: Durability
  readonly segmentBytes: number
  /** Returns a number of 32 bits for each new segment; by default an unpredictable one. */
  readonly salt?: () => number
}

type OnFrame = (payload: Buffer, position: Position) => void

// Wide on purpose: the files of one log, its end and its spares change together, and a crash may come between any two.
export class Segments {
  readonly #disk: Disk
  readonly #options: SegmentsOptions
  readonly #reader: FrameReader
  readonly #files = new Map<number, OpenSegment>()
  /** The ends of closed segments. */
  readonly #sizes = new Map<number, number>()
  #spares: Spare[] = []
  #last = 0
  #end = 0
  #commit = 0
  #frame = Buffer.allocUnsafe(65_536)
  /** Whether a failed write may have left a part of a frame at the end. */
  #isTorn = false
  /** The bytes of frames appended since the log was opened. */
  bytesAppended = 0

  constructor(disk: Disk, options: SegmentsOptions) {
    this.#disk = disk
    this.#options = options
    this.#reader = new FrameReader(segment => this.#open(segment))
  }

  /** The position of the next frame. */
  get position(): LogPosition {
    return { segment: this.#last, offset: this.#end, commit: this.#commit }
  }

  /** The numbers of the existing segments, ascending. */
  numbers(): number[] {
    const numbers = this.#disk.list().flatMap(name => segmentNumber(name) ?? [])
    return numbers.sort((one, other) => one - other)
  }

  /** Returns the size of a segment; of the newest only the used part. */
  sizeOf(number: number): number {
    if (number === this.#last) return this.#end
    const known = this.#sizes.get(number)
    if (known !== undefined) return known
    const { bytes } = this.#sized(segmentName(number))
    this.#sizes.set(number, bytes)
    return bytes
  }

  /** The bytes of spare files. */
  spareBytes(): number {
    return this.#spares.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** Begins an empty log. */
  begin(): void {
    this.#removeAfter(0)
    this.roll()
  }

  /**
   * Reads all commits since `from` and prepares to append. Cuts a torn end; throws StoreDamaged for any other
   * damage.
   */
  recover(from: LogPosition, onFrame: OnFrame): Cut | null {
    this.#spares = this.#disk.list().flatMap(name => (SPARE.test(name) ? this.#sized(name) : []))
    const numbers = this.numbers().filter(number => number >= from.segment)
    this.#commit = from.commit
    let cut: Cut | null = null
    let before: SegmentEnd | null = null
    for (const [index, number] of numbers.entries()) {
      if (number !== from.segment + index) {
        throw new StoreDamaged(segmentName(from.segment + index), 0, 'the file is missing')
      }
      const isNewest = index === numbers.length - 1
      if (isNewest && index > 0 && !this.isBegun(number)) {
        cut ??= { file: segmentName(number), offset: 0 }
        break
      }
      const start = index === 0 ? from.offset : SEGMENT_HEADER_BYTES
      // After a full disk had torn a frame, the log continued in the next file.
      if (cut !== null && !this.#goesOn(number)) {
        this.#assertNothingFollows(number, SEGMENT_HEADER_BYTES - 8, cut)
      } else {
        before = index === 0 ? null : { segment: this.#last, offset: this.#end }
        cut = this.#read(number, start, onFrame)
      }
    }
    if (numbers.length === 0) {
      throw new StoreDamaged(segmentName(from.segment), 0, 'the file is missing')
    }
    if (cut !== null && cut.offset > 0) this.#cut(cut)
    else if (this.#isSealed) this.#unseal()
    else if (before !== null) this.#seal(before)
    this.#removeAfter(this.#last)
    return cut
  }

  get #isSealed(): boolean {
    return isSealedAt(this.#open(this.#last), this.#end)
  }

  /** The newest segment ends with a seal: its successor was lost, or only its name was left. */
  #unseal(): void {
    const next = segmentName(this.#last + 1)
    if (!this.#disk.list().includes(next)) {
      const what = `the log goes on in ${next}, which is missing`
      throw new StoreDamaged(segmentName(this.#last), this.#end, what)
    }
    this.#isTorn = true
    this.#endHere()
  }

  /**
   * Writes the seal at the end of a segment, when its successor is on disk. The seal is on disk before anything in the successor
   * is acknowledged.
   */
  #seal({ segment, offset }: SegmentEnd): void {
    const opened = this.#open(segment)
    if (isSealedAt(opened, offset)) return
    try {
      writeAll(opened.file, sealOf(opened.mark), offset)
    } catch (error) {
      // It is tried again at the next start. Without the seal only the loss of a whole file would not be detected.
      if (!isDiskFull(error)) throw error
    }
    opened.file.sync()
  }

  /** Appends a frame with the payload and, unless the durability is `os`, waits until it is on disk. */
  append(payload: Uint8Array): Position {
    const needed = frameBytes(payload.length) + END_BYTES
    if (this.#end + needed > this.#options.segmentBytes && this.#end > SEGMENT_HEADER_BYTES) {
      this.roll()
    }
    if (this.#frame.length < needed) this.#frame = Buffer.allocUnsafe(needed * 2)
    const { file, mark } = this.#open(this.#last)
    const bytes = writeFrame(this.#frame, payload, this.#commit + 1, mark)
    this.#isTorn = true
    roomFor(() => writeAll(file, this.#frame.subarray(0, bytes + END_BYTES), this.#end))
    this.#isTorn = false
    if (this.#options.durability === 'fsync') file.sync()
    const frame = this.#end
    this.#end += bytes
    this.#commit += 1
    this.bytesAppended += bytes
    return positionOf(this.#last, frame)
  }

  /** The last appended payload, in this object's memory. It is valid until the next append. */
  lastPayload(bytes: number): Buffer {
    return this.#frame.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + bytes)
  }

  /** Returns the payload of a frame, valid until the next call. Throws StoreDamaged. */
  payload(position: Position): Buffer {
    const segment = segmentOf(position)
    return this.#reader.payload(
      segment,
      frameOf(position),
      segment === this.#last ? this.#end : Infinity,
    )
  }

  /** Frees segments that are not needed: they become spare files or are removed. */
  drop(numbers: readonly number[]): void {
    if (numbers.length === 0) return
    this.#reader.forget()
    for (const number of numbers) {
      const name = segmentName(number)
      const { bytes } = this.#sized(name)
      this.#close(number)
      this.#sizes.delete(number)
      if (this.#spares.length < SPARES_MAX) {
        const spare = { name: `spare-${number}.log`, bytes }
        this.#disk.rename(name, spare.name)
        this.#spares.push(spare)
      } else {
        this.#disk.remove(name)
      }
    }
    this.#disk.syncNames()
  }

  close(): void {
    this.#reader.forget()
    for (const number of [...this.#files.keys()]) this.#close(number)
  }

  /** Whether the newest file has its header. A crash may come after its name and before its header. */
  isBegun(number: number): boolean {
    const file = this.#disk.open(segmentName(number))
    const isBegun = markIn(file, number) !== null
    // The first file is not a reused one: without a header it is empty.
    const isUsed = number === 1 && file.size() > SEGMENT_HEADER_BYTES + END_BYTES
    const frame = isBegun ? null : laterFrame(file, guessedMark(file, number), 0, 0)
    file.close()
    if (isBegun || (frame === null && !isUsed)) return isBegun
    throw new StoreDamaged(segmentName(number), 0, 'the header of the file is not right')
  }

  #read(number: number, start: number, onFrame: OnFrame): Cut | null {
    const { file, mark } = this.#open(number)
    if (start > file.size()) {
      throw new StoreDamaged(segmentName(number), file.size(), 'the file is shorter than it was')
    }
    const scan = scanFrames(file, mark, start, this.#commit, (payload, frame, commit) => {
      this.#commit = commit
      onFrame(payload, positionOf(number, frame))
    })
    this.#last = number
    this.#end = scan.end
    // A flipped bit in a length may look like the end of the frames.
    const later = laterFrame(file, mark, scan.end, this.#commit)
    if (later !== null) {
      const what = `no whole frame stands here, but one does at byte ${later}`
      throw new StoreDamaged(segmentName(number), scan.end, what)
    }
    const isWhole = scan.ending === 'clean' || isSealedAt({ file, mark }, scan.end)
    return isWhole ? null : { file: segmentName(number), offset: scan.end }
  }

  /** Whether the segment begins with the next commit. */
  #goesOn(number: number): boolean {
    const { file, mark } = this.#open(number)
    return firstCommit(file, mark) === this.#commit + 1
  }

  /** Checks that no later segment has frames, because nothing is ever written behind a torn frame. */
  #assertNothingFollows(number: number, from: number, cut: Cut): void {
    const { file, mark } = this.#open(number)
    const later = laterFrame(file, mark, from, this.#commit)
    if (later === null) return
    const what = `no whole frame stands here, but one does in ${segmentName(number)} at byte ${later}`
    throw new StoreDamaged(cut.file, cut.offset, what)
  }

  #cut(cut: Cut): void {
    this.#end = cut.offset
    this.#isTorn = true
    this.#endHere()
  }

  /** Removes files that were begun and have no frames. */
  #removeAfter(last: number): void {
    const later = this.numbers().filter(number => number > last)
    for (const number of later) {
      this.#close(number)
      this.#disk.remove(segmentName(number))
    }
    if (later.length > 0) this.#disk.syncNames()
  }

  /** Removes spare files, because their space is needed. */
  dropSpares(): void {
    for (const { name } of this.#spares) this.#disk.remove(name)
    this.#spares = []
    this.#disk.syncNames()
  }

  #sized(name: string): Spare {
    return { name, bytes: this.#disk.sizeOf(name) }
  }

  /** Begins a new segment. Throws DiskFull. */
  roll(): void {
    const before = { segment: this.#last, offset: this.#end }
    if (this.#last > 0) this.#endHere()
    const number = this.#last + 1
    const mark = { segment: number, salt: this.#options.salt?.() ?? randomSalt() }
    const name = segmentName(number)
    const spare = this.#spares[0]
    const file = this.#opening(() => {
      if (spare === undefined) return this.#disk.create(name)
      // The file is opened first: if that fails, nothing has changed and it can be tried again.
      const opened = this.#disk.open(spare.name)
      this.#disk.rename(spare.name, name)
      this.#spares.shift()
      return opened
    })
    try {
      roomFor(() => writeAll(file, segmentHeader(mark), 0))
    } catch (error) {
      file.close()
      this.#disk.remove(name)
      throw error
    }
    file.sync()
    this.#disk.syncNames()
    this.#keep(number, { file, mark })
    if (this.#last > 0) this.#seal(before)
    this.#last = number
    this.#end = SEGMENT_HEADER_BYTES
  }

  /**
   * Ends the last segment behind its last complete frame, and syncs it: before frames are written to the next segment, this one must
   * not have a torn frame or, if commits are not synced, a missing one.
   */
  #endHere(): void {
    const { file } = this.#open(this.#last)
    if (this.#isTorn) endAt(file, this.#end)
    this.#isTorn = false
    file.sync()
  }

  /** Syncs all appended frames, also if commits are not synced. */
  sync(): void {
    this.#open(this.#last).file.sync()
  }

  #open(number: number): OpenSegment {
    const known = this.#files.get(number)
    if (known !== undefined) return known
    return this.#keep(
      number,
      this.#opening(() => openSegment(this.#disk, number)),
    )
  }

  /** Closes files that are only read if there is no descriptor for a file that must be opened. Throws DiskFull. */
  #opening<Result>(open: () => Result): Result {
    try {
      return roomFor(open)
    } catch (error) {
      if (!(error instanceof OutOfDescriptors)) throw error
      for (const number of [...this.#files.keys()]) if (number !== this.#last) this.#close(number)
      return roomFor(open)
    }
  }

  #keep(number: number, opened: OpenSegment): OpenSegment {
    for (const other of this.#files.keys()) {
      if (this.#files.size < OPEN_FILES_MAX) break
      if (other === this.#last) continue
      this.#close(other)
    }
    this.#files.set(number, opened)
    return opened
  }

  #close(number: number): void {
    this.#files.get(number)?.file.close()
    this.#files.delete(number)
  }
}

/** Removes everything behind the last frame, and writes the zeros that end a log. */
function endAt(file: DiskFile, end: number): void {
  file.truncate(end)
  try {
    writeAll(file, Buffer.alloc(END_BYTES), end)
  } catch (error) {
    // Without the zeros the next start reports that the log was cut here.
    if (!isDiskFull(error)) throw error
  }
}

function randomSalt(): number {
  return randomBytes(4).readUInt32BE()
}

/** Runs an action that may fail for lack of space. Such an error becomes DiskFull, so that it can be tried again. */
export function roomFor<Result>(act: () => Result): Result {
  try {
    return act()
  } catch (error) {
    throw isDiskFull(error) ? new DiskFull(error) : error
  }
}
