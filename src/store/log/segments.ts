// The log as its segment files: frames go to the end of the last one, and each is durable when `append` returns.
// A file whose messages are all settled serves again under a new number: to write over old bytes costs less than
// to make a file longer.

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

/** Files that wait to serve again; more are removed. */
const SPARES_MAX = 2
const SPARE = /^spare-\d+\.log$/
const OPEN_FILES_MAX = 16

interface Spare {
  readonly name: string
  readonly bytes: number
}

/** Where the frames that count begin, and the last commit before them. */
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
 * The end of the log was not as it is left, and was cut: a commit that nobody was told of, after a crash. Where
 * somebody has made a file shorter, what is missing was there.
 */
export interface Cut {
  readonly file: string
  readonly offset: number
}

interface SegmentsOptions {
  readonly durability: Durability
  readonly segmentBytes: number
  /** A number of 32 bits for each new segment; by default one that nobody can guess. */
  readonly salt?: () => number
}

type OnFrame = (payload: Buffer, position: Position) => void

export class Segments {
  readonly #disk: Disk
  readonly #options: SegmentsOptions
  readonly #reader: FrameReader
  readonly #files = new Map<number, OpenSegment>()
  /** Of files that are written to no more. */
  readonly #sizes = new Map<number, number>()
  #spares: Spare[] = []
  #last = 0
  #end = 0
  #commit = 0
  #frame = Buffer.allocUnsafe(65_536)
  /** A write at the end may have left a part of a frame there. */
  #isTorn = false
  /** Bytes of frames appended since the log was opened. */
  bytesAppended = 0

  constructor(disk: Disk, options: SegmentsOptions) {
    this.#disk = disk
    this.#options = options
    this.#reader = new FrameReader(segment => this.#open(segment))
  }

  /** Where the next frame will begin. */
  get position(): LogPosition {
    return { segment: this.#last, offset: this.#end, commit: this.#commit }
  }

  /** Numbers of the segments that there are, ascending. */
  numbers(): number[] {
    const numbers = this.#disk.list().flatMap(name => segmentNumber(name) ?? [])
    return numbers.sort((one, other) => one - other)
  }

  /** What the segment takes: the newest only as far as it is used. */
  sizeOf(number: number): number {
    if (number === this.#last) return this.#end
    const known = this.#sizes.get(number)
    if (known !== undefined) return known
    const { bytes } = this.#sized(segmentName(number))
    this.#sizes.set(number, bytes)
    return bytes
  }

  /** Bytes in files that wait to serve again. */
  spareBytes(): number {
    return this.#spares.reduce((sum, { bytes }) => sum + bytes, 0)
  }

  /** Begins an empty log. */
  begin(): void {
    this.#removeAfter(0)
    this.roll()
  }

  /**
   * Reads what was committed since `from` and makes ready to append. Cuts a torn tail; throws StoreDamaged for
   * anything that is not right before it.
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
      // Where a full disk had torn a frame, the log went on in the next file.
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

  /** The newest segment says that another follows: one of which nothing but the name was left, or one that is gone. */
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
   * Says at the end of a segment that another follows, which is on disk. On disk itself before anything in that one
   * is acknowledged.
   */
  #seal({ segment, offset }: SegmentEnd): void {
    const opened = this.#open(segment)
    if (isSealedAt(opened, offset)) return
    try {
      writeAll(opened.file, sealOf(opened.mark), offset)
    } catch (error) {
      // Tried again at the next start: without it only the loss of a whole file is not told.
      if (!isDiskFull(error)) throw error
    }
    opened.file.sync()
  }

  /** Makes a frame of the payload and, unless the durability is `os`, waits until it is on disk. */
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

  /** The payload that was appended last, in memory of our own; good until the next. */
  lastPayload(bytes: number): Buffer {
    return this.#frame.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + bytes)
  }

  /** The payload of a frame, good until the next call. Throws StoreDamaged. */
  payload(position: Position): Buffer {
    const segment = segmentOf(position)
    return this.#reader.payload(
      segment,
      frameOf(position),
      segment === this.#last ? this.#end : Infinity,
    )
  }

  /** Nothing refers to these segments any more: they serve again, or are removed. */
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

  /** Whether the newest file has got its header: a crash may come between its name and that. */
  isBegun(number: number): boolean {
    const file = this.#disk.open(segmentName(number))
    const isBegun = markIn(file, number) !== null
    // The first was no other file before: there is nothing in it until its header is there.
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
    // A flipped bit in a length may look like the end.
    const later = laterFrame(file, mark, scan.end, this.#commit)
    if (later !== null) {
      const what = `no whole frame stands here, but one does at byte ${later}`
      throw new StoreDamaged(segmentName(number), scan.end, what)
    }
    const isWhole = scan.ending === 'clean' || isSealedAt({ file, mark }, scan.end)
    return isWhole ? null : { file: segmentName(number), offset: scan.end }
  }

  /** The segment begins with the commit that is the next. */
  #goesOn(number: number): boolean {
    const { file, mark } = this.#open(number)
    return firstCommit(file, mark) === this.#commit + 1
  }

  /** Behind a torn frame nothing was ever written: no frame may stand in a later segment. */
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

  /** Files that were begun and never written to. */
  #removeAfter(last: number): void {
    const later = this.numbers().filter(number => number > last)
    for (const number of later) {
      this.#close(number)
      this.#disk.remove(segmentName(number))
    }
    if (later.length > 0) this.#disk.syncNames()
  }

  /** Files that wait to serve again are removed: something else needs the room. */
  dropSpares(): void {
    for (const { name } of this.#spares) this.#disk.remove(name)
    this.#spares = []
    this.#disk.syncNames()
  }

  #sized(name: string): Spare {
    return { name, bytes: this.#disk.sizeOf(name) }
  }

  /** Goes on in a new segment. Throws DiskFull. */
  roll(): void {
    const before = { segment: this.#last, offset: this.#end }
    if (this.#last > 0) this.#endHere()
    const number = this.#last + 1
    const mark = { segment: number, salt: this.#options.salt?.() ?? randomSalt() }
    const name = segmentName(number)
    const spare = this.#spares[0]
    const file = this.#opening(() => {
      if (spare === undefined) return this.#disk.create(name)
      // Opened first: where that fails it is tried again, and nothing has changed.
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
   * The last segment ends with the last whole frame, for good and on disk: what follows elsewhere must not find a
   * frame torn here, nor, where commits are not synced, one missing.
   */
  #endHere(): void {
    const { file } = this.#open(this.#last)
    if (this.#isTorn) endAt(file, this.#end)
    this.#isTorn = false
    file.sync()
  }

  /** All that was appended is on disk, also where commits do not wait for that. */
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

  /** Files that are only read give way to one that must be opened. Throws DiskFull. */
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

/** Takes away what stands behind the last frame, and puts the zeros there that end a log. */
function endAt(file: DiskFile, end: number): void {
  file.truncate(end)
  try {
    writeAll(file, Buffer.alloc(END_BYTES), end)
  } catch (error) {
    // Without them the next start says that the log was cut here.
    if (!isDiskFull(error)) throw error
  }
}

function randomSalt(): number {
  return randomBytes(4).readUInt32BE()
}

/** Does what may find no room, and says so in a way that it may be tried again. */
export function roomFor<Result>(act: () => Result): Result {
  try {
    return act()
  } catch (error) {
    throw isDiskFull(error) ? new DiskFull(error) : error
  }
}
