// A second reading of what a WebSocket client sends (RFC 6455, section 5), up to the first fault or the end of the conversation.

const CONTINUATION = 0
const TEXT = 1
const BINARY = 2
const CLOSE = 8
const PING = 9
const PONG = 10

/** The whole binary messages. */
export function messagesIn(bytes: Buffer): readonly Buffer[] {
  const messages: Buffer[] = []
  let parts: Buffer[] | null = null
  for (let at = 0; ;) {
    const frame = frameAt(bytes, at)
    if (frame === null) return messages
    at = frame.end
    const { opcode, isFinal, payload } = frame
    if (opcode === CLOSE || opcode === TEXT) return messages
    if (opcode === PING || opcode === PONG) continue
    if (opcode === BINARY ? parts !== null : parts === null) return messages
    parts ??= []
    parts.push(payload)
    if (!isFinal) continue
    messages.push(Buffer.concat(parts))
    parts = null
  }
}

interface Frame {
  readonly opcode: number
  readonly isFinal: boolean
  readonly payload: Buffer
  readonly end: number
}

/** Null for a part of a frame, or a wrong one. */
function frameAt(bytes: Buffer, start: number): Frame | null {
  if (start + 2 > bytes.length) return null
  const first = bytes[start] ?? 0
  const second = bytes[start + 1] ?? 0
  const opcode = first & 15
  const isFinal = first >= 0x80
  const isKnown = [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG].includes(opcode)
  // Reserved bits, and clients mask.
  if ((first & 0x70) !== 0 || !isKnown || second < 0x80) return null
  const size = sizeAt(bytes, start, second & 0x7f)
  if (size === null || (opcode >= CLOSE && (!isFinal || (second & 0x7f) > 125))) return null
  const mask = bytes.subarray(size.at, size.at + 4)
  const end = size.at + 4 + size.length
  if (end > bytes.length) return null
  const payload = Buffer.from(bytes.subarray(size.at + 4, end))
  for (let index = 0; index < payload.length; index++)
    payload[index] = (payload[index] ?? 0) ^ (mask[index % 4] ?? 0)
  return { opcode, isFinal, payload, end }
}

function sizeAt(
  bytes: Buffer,
  start: number,
  short: number,
): { length: number; at: number } | null {
  if (short < 126) return { length: short, at: start + 2 }
  const size = short === 126 ? 2 : 8
  if (start + 2 + size > bytes.length) return null
  const length =
    size === 2 ? bytes.readUInt16BE(start + 2) : Number(bytes.readBigUInt64BE(start + 2))
  return length > 2_097_152 ? null : { length, at: start + 2 + size }
}
