// A frame: the records of one commit, whole or not at all. One checksum covers it, and with it the number of its
// commit and of its segment, so that an old frame in memory that serves again is never taken for a new one.
//
//   0  length of the payload, 4 bytes     8  number of the commit, 8 bytes     20  salt of the segment, 4 bytes
//   4  checksum, 4 bytes                 16  number of the segment, 4 bytes    24  payload
//
// The salt is thrown anew for each segment, so that no client can publish what would pass for a frame.
//
// Frames begin at multiples of 8. Behind the last one stand 8 bytes: zeros, or a seal, which says that another segment
// follows. Without it a log whose newest file is missing would look like a shorter one.

import { crc32 } from 'node:zlib'

export const FRAME_HEADER_BYTES = 24
export const END_BYTES = 8
export const ALIGNMENT = 8
const LENGTH = 0
const CHECKSUM = 4
const COMMIT = 8
export const SEGMENT_IN_FRAME = 16

/** No frame has this length. A checksum of the mark follows. */
const SEAL = 0xffff_ffff

/** What all frames of a segment bear. */
export interface FrameMark {
  readonly segment: number
  readonly salt: number
}

/** The mark as it stands in every frame, for a search. */
export function markBytes({ segment, salt }: FrameMark): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32BE(segment)
  bytes.writeUInt32BE(salt, 4)
  return bytes
}

/** Bytes that a frame with this payload takes in its segment. */
export function frameBytes(payloadBytes: number): number {
  return Math.ceil((FRAME_HEADER_BYTES + payloadBytes) / ALIGNMENT) * ALIGNMENT
}

/** Writes the frame and the zeros behind it into `into`, which has room for both. Returns the bytes without those zeros. */
export function writeFrame(
  into: Buffer,
  payload: Uint8Array,
  commit: number,
  { segment, salt }: FrameMark,
): number {
  const { length } = payload
  const total = frameBytes(length)
  into.writeUInt32BE(length, LENGTH)
  into.writeUInt32BE(Math.floor(commit / 0x1_0000_0000), COMMIT)
  into.writeUInt32BE(commit >>> 0, COMMIT + 4)
  into.writeUInt32BE(segment, SEGMENT_IN_FRAME)
  into.writeUInt32BE(salt, SEGMENT_IN_FRAME + 4)
  into.set(payload, FRAME_HEADER_BYTES)
  into.fill(0, FRAME_HEADER_BYTES + length, total + END_BYTES)
  into.writeUInt32BE(checksumOf(into, 0, length), CHECKSUM)
  return total
}

/** What stands at this place: the number of a frame's commit, or null when there is no whole, right frame of this segment. */
export function commitOf(bytes: Buffer, at: number, end: number, mark: FrameMark): number | null {
  if (at + FRAME_HEADER_BYTES > end) return null
  if (bytes.readUInt32BE(at + SEGMENT_IN_FRAME) !== mark.segment) return null
  if (bytes.readUInt32BE(at + SEGMENT_IN_FRAME + 4) !== mark.salt) return null
  const length = lengthAt(bytes, at)
  if (length === 0 || at + FRAME_HEADER_BYTES + length > end) return null
  if (bytes.readUInt32BE(at + CHECKSUM) !== checksumOf(bytes, at, length)) return null
  return bytes.readUInt32BE(at + COMMIT) * 0x1_0000_0000 + bytes.readUInt32BE(at + COMMIT + 4)
}

export function lengthAt(bytes: Buffer, at: number): number {
  return bytes.readUInt32BE(at + LENGTH)
}

/** What stands behind the last frame of a segment once the next one is on disk. */
export function sealOf(mark: FrameMark): Buffer {
  const bytes = Buffer.alloc(END_BYTES)
  bytes.writeUInt32BE(SEAL)
  bytes.writeUInt32BE(crc32(markBytes(mark)), 4)
  return bytes
}

/** There is nothing but zeros up to `end`. */
export function isZeros(bytes: Buffer, at: number, end: number): boolean {
  for (let index = at; index < end; index++) if (bytes[index] !== 0) return false
  return true
}

/** Covers the length too: it is what the checksum begins with. */
function checksumOf(bytes: Buffer, at: number, length: number): number {
  const covered = bytes.subarray(at + COMMIT, at + FRAME_HEADER_BYTES + length)
  return crc32(covered, length)
}
