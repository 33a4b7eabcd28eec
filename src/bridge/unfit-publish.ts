// A PUBLISH that is too large to be read. What it must be answered by is read, and the rest is thrown away as it comes.

import { bodyStart } from '../packet/fixed-header.ts'
import type { QoS } from '../packet/packet.ts'
import { PACKET_TOO_LARGE, type ReasonCode } from '../packet/reason.ts'

const PUBLISH = 3
/** A fixed header, a topic with its length, and a packet identifier. */
const HEAD_BYTES_MAX = 5 + 2 + 65_535 + 2

/** What is known of a message that this broker cannot take. */
export interface UnfitPublish {
  readonly type: 'unfit'
  readonly qos: QoS
  /** 0 for QoS 0. */
  readonly packetId: number
  readonly reason: ReasonCode
}

/** Returns null if the packet at `start` is no PUBLISH, or has no packet identifier where it must. */
export function unfitAt(
  bytes: Buffer,
  start: number,
  end: number,
  reason: ReasonCode,
): UnfitPublish | null {
  const first = bytes[start] ?? 0
  const qos = (first >> 1) & 3
  if (first >> 4 !== PUBLISH || qos > 2) return null
  const body = bodyStart(bytes, start)
  if (body + 2 > end) return null
  const topicEnd = body + 2 + bytes.readUInt16BE(body)
  if (topicEnd + (qos === 0 ? 0 : 2) > end) return null
  const packetId = qos === 0 ? 0 : bytes.readUInt16BE(topicEnd)
  if (qos > 0 && packetId === 0) return null
  return { type: 'unfit', qos: qos as QoS, packetId, reason }
}

/** A PUBLISH that is larger than may be read. */
export class SkippedPublish {
  readonly #headBytesMax: number
  #head: Buffer = Buffer.alloc(0)
  #left: number

  /** What came behind it with its beginning. */
  readonly rest: Buffer

  /** Returns null if it is another packet. `bytes` begin with its fixed header. */
  static of(bytes: Buffer): SkippedPublish | null {
    return (bytes[0] ?? 0) >> 4 === PUBLISH ? new SkippedPublish(bytes) : null
  }

  private constructor(bytes: Buffer) {
    const size = sizeOf(bytes)
    this.#headBytesMax = Math.min(size, HEAD_BYTES_MAX)
    this.#left = size
    this.rest = this.skip(bytes)
  }

  /** Whether all of it has come. */
  get isOver(): boolean {
    return this.#left === 0
  }

  /** Null if it is a broken one. It may be read when all has come. */
  get unfit(): UnfitPublish | null {
    return unfitAt(this.#head, 0, this.#head.length, PACKET_TOO_LARGE)
  }

  /** Takes what belongs to it, and returns what is behind it. */
  skip(chunk: Buffer): Buffer {
    const taken = Math.min(this.#left, chunk.length)
    const wanted = Math.min(taken, this.#headBytesMax - this.#head.length)
    if (wanted > 0) this.#head = Buffer.concat([this.#head, chunk.subarray(0, wanted)])
    this.#left -= taken
    return chunk.subarray(taken)
  }
}

function sizeOf(bytes: Buffer): number {
  const body = bodyStart(bytes, 0)
  let length = 0
  for (let at = body - 1; at > 0; at--) length = length * 128 + ((bytes[at] ?? 0) & 0x7f)
  return body + length
}
