// A frame: the records of one commit, complete or not valid. One checksum covers the payload, the number of the commit and
// the number of the segment, so that an old frame in a reused file is never taken for a new one.
//
//   0  length of the payload, 4 bytes     8  number of the commit, 8 bytes     20  salt of the segment, 4 bytes
//   4  checksum, 4 bytes                 16  number of the segment, 4 bytes    24  payload
//
// The salt is a new random number for each segment, so that no client can publish bytes that look like a frame.
//
// Frames begin at multiples of 8. Behind the last one are 8 bytes: zeros, or a seal, which means that another segment
// follows. Without the seal a log whose newest file is missing would look like a shorter log.

import { crc32 } from 'node:zlib'

export const FRAME_HEADER_BYTES = 24
export const END_BYTES = 8
export const ALIGNMENT = 8
const LENGTH = 0
const CHECKSUM = 4
const COMMIT = 8
export const SEGMENT_IN_FRAME = 16

/** The length in a seal, which no frame has. A checksum of the mark follows it. */
const SEAL = 0xffff_ffff

/** The mark, which all frames of a segment contain. */
export interface FrameMark {
  readonly segment: number
  readonly salt: number
}

/** Returns the bytes of the mark in every frame, for a search. */
export function markBytes({ segment, salt }: FrameMark): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeUInt32BE(segment)
  bytes.writeUInt32BE(salt, 4)
  return bytes
}

/** Returns the size of a frame with this payload in its segment. */
export function frameBytes(payloadBytes: number): number {
  return Math.ceil((FRAME_HEADER_BYTES + payloadBytes) / ALIGNMENT) * ALIGNMENT
}

/** Writes the frame and the zeros behind it into `into`, which must have room for both. Returns the size without those zeros. */
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

/** Returns the commit of the frame at this place, or null when there is no complete and valid frame of this segment. */
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

/** Makes the seal, which is written behind the last frame of a segment when the next segment is on disk. */
export function sealOf(mark: FrameMark): Buffer {
  const bytes = Buffer.alloc(END_BYTES)
  bytes.writeUInt32BE(SEAL)
  bytes.writeUInt32BE(crc32(markBytes(mark)), 4)
  return bytes
}

/** Whether all bytes up to `end` are zeros. */
export function isZeros(bytes: Buffer, at: number, end: number): boolean {
  for (let index = at; index < end; index++) if (bytes[index] !== 0) return false
  return true
}

/** Computes the checksum, which begins with the length. */
function checksumOf(bytes: Buffer, at: number, length: number): number {
  const covered = bytes.subarray(at + COMMIT, at + FRAME_HEADER_BYTES + length)
  return crc32(covered, length)
}
