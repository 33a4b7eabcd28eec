// The segment files of the log. Frames are appended to the last one, and each is durable when `append` returns. A file
// without needed messages is reused under a new number.

import { randomBytes } from 'node:crypto'
import type { Position } from '../ledger/message-table.ts'
import type { Disk, DiskFile } from '../disk.ts'
import { isDiskFull, roomFor } from '../disk-full.ts'
import type { OnFrame } from '../log-device.ts'
import type { Durability } from '../store.ts'
import { END_BYTES, frameBytes, FRAME_HEADER_BYTES, sealOf, writeFrame } from './frame.ts'
import { FrameReader } from './frame-reader.ts'
import { LogReading } from './log-reading.ts'
import { OpenSegments } from './open-segments.ts'
import {
  type Cut,
  frameOf,
  type LogPosition,
  positionOf,
  type SegmentEnd,
  segmentOf,
} from './position.ts'
import {
  bytesAt,
  isSealedAt,
  type OpenSegment,
  SEGMENT_HEADER_BYTES,
  segmentHeader,
  segmentName,
  segmentNumber,
  writeAll,
} from './segment-file.ts'
import { Spares } from './spares.ts'
import { StoreDamaged } from './store-damaged.ts'

/**
 * The file of the newest segment is longer than its frames by up to this part of a segment: otherwise each sync of a frame would
 * write the size of the file as well. The room ends with bytes that are not zeros, because nothing but zeros means that bytes were lost.
 */
const ROOM_PART = 64
const ROOM_END = Buffer.from('the room')

export interface SegmentsOptions {
  readonly durability: Durability
  /** A segment of this size is closed. */
  readonly segmentBytes: number
  /** Returns a number of 32 bits for each new segment; by default an unpredictable one. */
  readonly salt?: () => number
}

// Wide on purpose: the files of one log and its end change together, and a crash may come between any two.
export class Segments {
  readonly #disk: Disk
  readonly #options: SegmentsOptions
  readonly #reader: FrameReader
  readonly #files: OpenSegments
  /** The ends of closed segments. */
  readonly #sizes = new Map<number, number>()
  readonly spares: Spares
  #end = 0
  /** The size of the newest file, as far as it is known. */
  #size = 0
  /** Whether the newest file was made longer than its frames. */
  #hasRoom = false
  #commit = 0
  #frame = Buffer.allocUnsafe(65_536)
  /** Whether a failed write may have left a part of a frame at the end. */
  #isTorn = false
  /** The bytes of frames appended since the log was opened. */
  bytesAppended = 0

  constructor(disk: Disk, options: SegmentsOptions) {
    this.#disk = disk
    this.#options = options
    this.#files = new OpenSegments(disk)
    this.spares = new Spares(disk)
    this.#reader = new FrameReader(segment => this.#files.get(segment))
  }

  /** The position of the next frame. */
  get position(): LogPosition {
    return { segment: this.#files.newest, offset: this.#end, commit: this.#commit }
  }

  /** The numbers of the existing segments, ascending. */
  numbers(): number[] {
    const numbers = this.#disk.list().flatMap(name => segmentNumber(name) ?? [])
    return numbers.sort((one, other) => one - other)
  }

  /** Returns the size of a segment; of the newest only the used part. */
  sizeOf(number: number): number {
    if (number === this.#files.newest) return this.#end
    const known = this.#sizes.get(number)
    if (known !== undefined) return known
    const bytes = this.#disk.sizeOf(segmentName(number))
    this.#sizes.set(number, bytes)
    return bytes
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
    this.spares.find()
    const reading = new LogReading(this.#disk, this.#files, from, onFrame)
    reading.read(this.numbers())
    const { cut, before, end } = reading
    this.#files.newest = end.segment
    this.#end = end.offset
    this.#size = this.#newest().file.size()
    this.#hasRoom = endsWithRoom(this.#newest().file, this.#size)
    this.#commit = end.commit
    if (cut !== null && cut.offset > 0) this.#cut()
    else if (isSealedAt(this.#newest(), this.#end)) this.#unseal()
    else if (before !== null) this.#seal(before)
    this.#removeAfter(end.segment)
    return cut
  }

  /** Appends a frame with the payload and, unless the durability is `os`, waits until it is on disk. */
  append(payload: Uint8Array): Position {
    const needed = frameBytes(payload.length) + END_BYTES
    if (this.#end + needed > this.#options.segmentBytes && this.#end > SEGMENT_HEADER_BYTES) {
      this.roll()
    }
    if (this.#frame.length < needed) this.#frame = Buffer.allocUnsafe(needed * 2)
    const { file, mark } = this.#newest()
    const bytes = writeFrame(this.#frame, payload, this.#commit + 1, mark)
    this.#isTorn = true
    if (this.#end + needed > this.#size) this.#makeRoom(file, this.#end + needed)
    roomFor(() => writeAll(file, this.#frame.subarray(0, bytes + END_BYTES), this.#end))
    this.#isTorn = false
    if (this.#options.durability === 'fsync') file.sync()
    const frame = this.#end
    this.#end += bytes
    this.#commit += 1
    this.bytesAppended += bytes
    return positionOf(this.#files.newest, frame)
  }

  /** The last appended payload, in this object's memory. It is valid until the next append. */
  lastPayload(bytes: number): Buffer {
    return this.#frame.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + bytes)
  }

  /** Returns the payload of a frame. The memory is not reused. Throws StoreDamaged. */
  payload(position: Position): Buffer {
    const segment = segmentOf(position)
    const end = segment === this.#files.newest ? this.#end : Infinity
    return this.#reader.payload(segment, frameOf(position), end)
  }

  /** Frees segments that are not needed: they become spare files or are removed. */
  drop(numbers: readonly number[]): void {
    if (numbers.length === 0) return
    this.#reader.forget()
    for (const number of numbers) {
      this.#files.close(number)
      this.#sizes.delete(number)
      this.spares.add(segmentName(number), number)
    }
    this.#disk.syncNames()
  }

  close(): void {
    this.#removeRoom()
    this.#reader.forget()
    this.#files.closeAll()
  }

  /** Begins a new segment. Throws DiskFull. */
  roll(): void {
    const { newest } = this.#files
    const before = { segment: newest, offset: this.#end }
    if (newest > 0) this.#endHere()
    const number = newest + 1
    const mark = { segment: number, salt: this.#options.salt?.() ?? randomSalt() }
    const name = segmentName(number)
    const file = this.#files.opening(() => this.spares.take(name) ?? this.#disk.create(name))
    try {
      roomFor(() => writeAll(file, segmentHeader(mark), 0))
    } catch (error) {
      file.close()
      this.#disk.remove(name)
      throw error
    }
    file.sync()
    this.#disk.syncNames()
    this.#files.add(number, { file, mark })
    if (newest > 0) this.#seal(before)
    this.#files.newest = number
    this.#end = SEGMENT_HEADER_BYTES
    this.#size = file.size()
  }

  /** Syncs all appended frames, also if commits are not synced. */
  sync(): void {
    this.#newest().file.sync()
  }

  #newest(): OpenSegment {
    return this.#files.get(this.#files.newest)
  }

  /** The newest segment ends with a seal: its successor was lost, or only its name was left. */
  #unseal(): void {
    const { newest } = this.#files
    const next = segmentName(newest + 1)
    if (!this.#disk.list().includes(next)) {
      const what = `the log goes on in ${next}, which is missing`
      throw new StoreDamaged(segmentName(newest), this.#end, what)
    }
    this.#cut()
  }

  /**
   * Writes the seal at the end of a segment, when its successor is on disk. The seal is on disk before anything in the successor
   * is acknowledged.
   */
  #seal({ segment, offset }: SegmentEnd): void {
    const opened = this.#files.get(segment)
    if (isSealedAt(opened, offset)) return
    try {
      writeAll(opened.file, sealOf(opened.mark), offset)
    } catch (error) {
      // It is tried again at the next start. Without the seal only the loss of a whole file would not be detected.
      if (!isDiskFull(error)) throw error
    }
    opened.file.sync()
  }

  #cut(): void {
    this.#isTorn = true
    this.#endHere()
  }

  /** Makes the file longer, so that the next frames need not. */
  #makeRoom(file: DiskFile, endOfFrame: number): void {
    this.#size = endOfFrame
    const { durability, segmentBytes } = this.#options
    const end = Math.min(segmentBytes, endOfFrame + Math.floor(segmentBytes / ROOM_PART))
    if (durability !== 'fsync' || end < endOfFrame + ROOM_END.length) return
    try {
      writeAll(file, ROOM_END, end - ROOM_END.length)
      this.#size = end
      this.#hasRoom = true
    } catch (error) {
      // The frame may have room without it.
      if (!isDiskFull(error)) throw error
    }
  }

  #removeRoom(): void {
    if (this.#hasRoom) this.#newest().file.truncate(this.#end + END_BYTES)
  }

  /** Removes files that were begun and have no frames. */
  #removeAfter(last: number): void {
    const later = this.numbers().filter(number => number > last)
    for (const number of later) {
      this.#files.close(number)
      this.#disk.remove(segmentName(number))
    }
    if (later.length > 0) this.#disk.syncNames()
  }

  /**
   * Ends the last segment behind its last complete frame, and syncs it: before frames are written to the next segment, this one must
   * not have a torn frame or, if commits are not synced, a missing one.
   */
  #endHere(): void {
    const { file } = this.#newest()
    if (this.#isTorn) endAt(file, this.#end)
    else this.#removeRoom()
    this.#isTorn = false
    this.#hasRoom = false
    this.#size = file.size()
    file.sync()
  }
}

function endsWithRoom(file: DiskFile, size: number): boolean {
  return bytesAt(file, size - ROOM_END.length, ROOM_END.length).equals(ROOM_END)
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
