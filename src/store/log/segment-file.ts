// One file of the log: a header with its number, then frames.

import { crc32 } from 'node:zlib'
import type { Disk, DiskFile } from '../disk.ts'
import {
  ALIGNMENT,
  commitOf,
  END_BYTES,
  frameBytes,
  FRAME_HEADER_BYTES,
  type FrameMark,
  isZeros,
  lengthAt,
  markBytes,
  sealOf,
  SEGMENT_IN_FRAME,
} from './frame.ts'
import { StoreDamaged } from './store-damaged.ts'

export const SEGMENT_HEADER_BYTES = 32
const MAGIC = 'PONDLOG1'
/** Offsets in the header, behind the number of the segment. */
const SALT = 16
const HEADER_CHECKSUM = 20
export const WINDOW_BYTES = 1_048_576
const NAME = /^segment-(\d{8,})\.log$/

export function segmentName(number: number): string {
  return `segment-${String(number).padStart(8, '0')}.log`
}

/** Returns the number of a segment from the name of its file, or null. */
export function segmentNumber(name: string): number | null {
  const digits = NAME.exec(name)?.[1]
  return digits === undefined ? null : Number(digits)
}

/** Makes the header and the zeros that mark the end of the frames. */
export function segmentHeader({ segment, salt }: FrameMark): Buffer {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES + END_BYTES)
  header.write(MAGIC, 'latin1')
  header.writeUInt32BE(segment, MAGIC.length)
  header.writeUInt32BE(salt, SALT)
  header.writeUInt32BE(crc32(header.subarray(0, HEADER_CHECKSUM)), HEADER_CHECKSUM)
  return header
}

/** Returns the mark of this segment's frames, or null when its header is incomplete. */
export function markIn(file: DiskFile, number: number): FrameMark | null {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES)
  // A header that was torn before its zeros looks complete in a file that contained zeros.
  if (file.read(header, 0) < SEGMENT_HEADER_BYTES) return null
  const mark = { segment: number, salt: header.readUInt32BE(SALT) }
  const isRight = header.equals(segmentHeader(mark).subarray(0, SEGMENT_HEADER_BYTES))
  return isRight ? mark : null
}

/** Returns the mark of the first frame, for a segment whose header is not readable. */
export function guessedMark(file: DiskFile, number: number): FrameMark {
  const head = Buffer.alloc(FRAME_HEADER_BYTES)
  file.read(head, SEGMENT_HEADER_BYTES)
  return { segment: number, salt: head.readUInt32BE(SEGMENT_IN_FRAME + 4) }
}

/** Writes all bytes, in as many calls as necessary. */
export function writeAll(file: DiskFile, bytes: Uint8Array, at: number): void {
  let written = 0
  while (written < bytes.length) {
    const count = file.write(bytes.subarray(written), at + written)
    if (count === 0) throw new Error('the disk takes no bytes and does not say why')
    written += count
  }
}

/** A window of a file in memory, which moves while the file is read. */
class Window {
  bytes: Buffer = Buffer.alloc(0)
  /** The offset of `bytes` in the file. */
  start = 0
  readonly #file: DiskFile

  constructor(file: DiskFile) {
    this.#file = file
  }

  /** Loads up to `length` bytes from `at` on. Returns the index of `at` in `bytes`. */
  show(at: number, length: number): number {
    const place = at - this.start
    if (place >= 0 && place + length <= this.bytes.length) return place
    const rest = Math.max(0, this.#file.size() - at)
    const wanted = Buffer.allocUnsafe(Math.min(rest, Math.max(length, WINDOW_BYTES)))
    const size = this.#file.read(wanted, at)
    this.bytes = wanted.subarray(0, size)
    this.start = at
    return 0
  }
}

/**
 * How the frames of a file end: regularly with zeros; `early` if the file has no room for the zeros; `empty` if more zeros follow
 * than were written; or with other bytes.
 */
type Ending = 'clean' | 'early' | 'empty' | 'torn'

interface Scan {
  /** The offset of the next frame. */
  readonly end: number
  readonly ending: Ending
}

/** Reads frames from `from` on, while they are complete and their commits follow `lastCommit`. */
export function scanFrames(
  file: DiskFile,
  mark: FrameMark,
  from: number,
  lastCommit: number,
  onFrame: (payload: Buffer, frame: number, commit: number) => void,
): Scan {
  const window = new Window(file)
  const size = file.size()
  let at = from
  let last = lastCommit
  for (;;) {
    let place = window.show(at, FRAME_HEADER_BYTES)
    const endOfEnd = Math.min(place + END_BYTES, window.bytes.length)
    if (isZeros(window.bytes, place, endOfEnd)) return endingAt(window, at, size)
    if (place + FRAME_HEADER_BYTES > window.bytes.length) return { end: at, ending: 'torn' }
    const length = lengthAt(window.bytes, place)
    if (length > size - at) return { end: at, ending: 'torn' }
    place = window.show(at, FRAME_HEADER_BYTES + length)
    const commit = commitOf(window.bytes, place, window.bytes.length, mark)
    if (commit !== last + 1) return { end: at, ending: 'torn' }
    const start = place + FRAME_HEADER_BYTES
    onFrame(window.bytes.subarray(start, start + length), at, commit)
    last = commit
    at += frameBytes(length)
  }
}

/** Interprets zeros at the end of the frames. */
function endingAt(window: Window, end: number, size: number): Scan {
  if (end + END_BYTES > size) return { end, ending: 'early' }
  if (end + END_BYTES === size) return { end, ending: 'clean' }
  // Bytes behind the end are left over from an earlier use of the file. If they are all zeros, bytes of the file were
  // lost.
  return { end, ending: isZerosFrom(window, end, size) ? 'empty' : 'clean' }
}

function isZerosFrom(window: Window, from: number, size: number): boolean {
  for (let at = from; at < size; at = window.start + window.bytes.length) {
    const place = window.show(at, 1)
    if (!isZeros(window.bytes, place, window.bytes.length)) return false
    if (window.bytes.length === 0) return true
  }
  return true
}

/** Whether the frames of the segment end at `end` with the seal, which means that another segment follows. */
export function isSealedAt({ file, mark }: OpenSegment, end: number): boolean {
  return bytesAt(file, end, END_BYTES).equals(sealOf(mark))
}

/** Returns the first commit of a segment, or null if it has no complete frame. */
export function firstCommit(file: DiskFile, mark: FrameMark): number | null {
  const head = Buffer.alloc(FRAME_HEADER_BYTES)
  if (file.read(head, SEGMENT_HEADER_BYTES) < FRAME_HEADER_BYTES) return null
  const length = FRAME_HEADER_BYTES + lengthAt(head, 0)
  if (length > file.size() - SEGMENT_HEADER_BYTES) return null
  const bytes = bytesAt(file, SEGMENT_HEADER_BYTES, length)
  return commitOf(bytes, 0, bytes.length, mark)
}

/** Returns the offset of a complete frame of a later commit behind `from`, or null. Such a frame proves damage before it. */
export function laterFrame(
  file: DiskFile,
  mark: FrameMark,
  from: number,
  lastCommit: number,
): number | null {
  const window = new Window(file)
  const size = file.size()
  const pattern = markBytes(mark)
  let at = from
  while (at + FRAME_HEADER_BYTES < size) {
    const place = window.show(at, FRAME_HEADER_BYTES)
    // Every frame contains the mark of its segment, so a fast search for the mark skips other bytes.
    const found = window.bytes.indexOf(pattern, place + SEGMENT_IN_FRAME)
    const next = found < 0 ? window.bytes.length - FRAME_HEADER_BYTES : found - SEGMENT_IN_FRAME
    at = Math.max(at, window.start + next)
    if (found >= 0 && at % ALIGNMENT === 0 && isLater(window, at, size, mark, lastCommit)) {
      return at
    }
    at += found < 0 ? ALIGNMENT : 1
  }
  return null
}

function isLater(
  window: Window,
  at: number,
  size: number,
  mark: FrameMark,
  lastCommit: number,
): boolean {
  const head = window.show(at, FRAME_HEADER_BYTES)
  if (head + FRAME_HEADER_BYTES > window.bytes.length) return false
  const length = lengthAt(window.bytes, head)
  if (length === 0 || at + length > size) return false
  const place = window.show(at, FRAME_HEADER_BYTES + length)
  const commit = commitOf(window.bytes, place, window.bytes.length, mark)
  return commit !== null && commit > lastCommit
}

export function bytesAt(file: DiskFile, at: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafeSlow(length)
  return bytes.subarray(0, file.read(bytes, at))
}

export interface OpenSegment {
  readonly file: DiskFile
  readonly mark: FrameMark
}

/** Opens a segment. Throws StoreDamaged if it is missing or has a wrong header. */
export function openSegment(disk: Disk, number: number): OpenSegment {
  const name = segmentName(number)
  if (!disk.list().includes(name)) throw new StoreDamaged(name, 0, 'the file is missing')
  const file = disk.open(name)
  const mark = markIn(file, number)
  if (mark !== null) return { file, mark }
  file.close()
  throw new StoreDamaged(name, 0, 'the header of the file is not right')
}
