// A message of a stream: one frame of the log, or a part of one that is larger than a message may be. The checksum covers the
// header and the payload, and the sequence in it is where the writer has put it.
//
//   0  kind, 1 byte      2  which part, 2 bytes     6  writer, 8 bytes        20  checksum, 4 bytes
//   1  format, 1 byte    4  parts, 2 bytes         14  sequence, 6 bytes      24  payload

import { randomBytes } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { NewerVersion } from '../newer-version.ts'

const MESSAGE_HEADER_BYTES = 24
export const FORMAT = 1
const KIND = 0
const FORMAT_AT = 1
const PART = 2
const PARTS = 4
const WRITER = 6
const WRITER_BYTES = 8
const SEQUENCE = 14
const SEQUENCE_BYTES = 6
const CHECKSUM = 20

export const FRAME = 1
/** The first message of each writer, behind which no earlier one can append. */
export const BARRIER = 2
/** Names the newest checkpoint, which is whole. */
export const CHECKPOINTED = 3
/** In the stream of checkpoints: the extents of the log. */
export const EXTENTS = 4
/** In the stream of checkpoints: a part of the state. */
export const IMAGE = 5

/** A new one for each opening of a log, so that a writer knows its own messages. */
export type WriterId = Buffer

export function newWriterId(): WriterId {
  return randomBytes(WRITER_BYTES)
}

export interface LogMessage {
  readonly kind: number
  readonly part: number
  readonly parts: number
  /** Where its writer has put it. */
  readonly sequence: number
  readonly payload: Buffer
}

/** Encodes a payload as messages with at most so many bytes, the first one at this sequence. */
export function messagesOf(
  kind: number,
  payload: Buffer,
  writer: WriterId,
  sequence: number,
  messageBytesMax: number,
): readonly Buffer[] {
  const partBytes = messageBytesMax - MESSAGE_HEADER_BYTES
  const parts = Math.max(1, Math.ceil(payload.length / partBytes))
  return Array.from({ length: parts }, (_, part) => {
    const content = payload.subarray(part * partBytes, (part + 1) * partBytes)
    const bytes = Buffer.allocUnsafeSlow(MESSAGE_HEADER_BYTES + content.length)
    bytes[KIND] = kind
    bytes[FORMAT_AT] = FORMAT
    bytes.writeUInt16BE(part, PART)
    bytes.writeUInt16BE(parts, PARTS)
    bytes.set(writer, WRITER)
    bytes.writeUIntBE(sequence + part, SEQUENCE, SEQUENCE_BYTES)
    bytes.set(content, MESSAGE_HEADER_BYTES)
    bytes.writeUInt32BE(checksumOf(bytes), CHECKSUM)
    return bytes
  })
}

/** Returns the message, or a sentence that says what is wrong with it. */
export function readLogMessage(bytes: Buffer): LogMessage | string {
  if (bytes.length < MESSAGE_HEADER_BYTES) return 'the message is too short to be one of this log'
  if ((bytes[FORMAT_AT] ?? 0) > FORMAT && bytes.readUInt32BE(CHECKSUM) === checksumOf(bytes)) {
    throw new NewerVersion(`a message has the format ${bytes[FORMAT_AT]}`)
  }
  if (bytes.readUInt32BE(CHECKSUM) !== checksumOf(bytes)) return 'the checksum is wrong'
  return {
    kind: bytes[KIND] ?? 0,
    part: bytes.readUInt16BE(PART),
    parts: bytes.readUInt16BE(PARTS),
    sequence: bytes.readUIntBE(SEQUENCE, SEQUENCE_BYTES),
    payload: bytes.subarray(MESSAGE_HEADER_BYTES),
  }
}

/** Puts the parts of frames together, which come in order. */
export class FrameParts {
  #first = 0
  #parts: Buffer[] = []

  /** Returns the first sequence and the payload of a frame when its last part comes, or null. */
  add(message: LogMessage): { first: number; payload: Buffer } | null {
    if (message.part === 0) {
      this.#first = message.sequence
      this.#parts = []
    }
    // Parts of a frame that was never finished count as nothing: its writer has told nobody of it.
    if (message.part !== this.#parts.length) return null
    this.#parts.push(message.payload)
    if (this.#parts.length < message.parts) return null
    const [only = Buffer.alloc(0)] = this.#parts
    const payload = this.#parts.length === 1 ? only : Buffer.concat(this.#parts)
    this.#parts = []
    return { first: this.#first, payload }
  }
}

function checksumOf(bytes: Buffer): number {
  return crc32(bytes.subarray(MESSAGE_HEADER_BYTES), crc32(bytes.subarray(0, CHECKSUM)))
}
