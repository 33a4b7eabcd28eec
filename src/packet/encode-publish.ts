// PUBLISH → bytes that many receivers share. Only the packet identifier differs between receivers.

import { NO_PROPERTIES, type Properties, type ProtocolVersion, type QoS } from './packet.ts'
import { writeProperties } from './properties.ts'
import type { SharedTail } from './shared-tail.ts'
import { LARGE_BYTES_MIN, LOOP_BYTES_MAX, VIEW_LOOP_BYTES_MAX } from './sizes.ts'
import { varintBytes, Writer } from './writer.ts'

const MEMORY_BYTES_MIN = 512
/** A larger buffer is not kept for the next message. */
const MEMORY_BYTES_MAX = 65_536
const EMPTY = Buffer.alloc(0)
const NO_VIEW = new DataView(EMPTY.buffer)
const PUBLISH = 0x30

const properties5 = new Writer()

/** An encoded PUBLISH. It is valid until the next one is encoded into the same memory. */
export class EncodedPublish {
  /** The first `headBytes` hold the packet up to the payload; a small payload is included. */
  memory: Buffer = EMPTY
  headBytes = 0
  /**
   * A large payload, or long user properties with their payload, which is sent after the head without a copy; null when the head
   * includes all.
   */
  payload: Buffer | null = null
  /** The offset of the packet identifier in the head; -1 at QoS 0. */
  packetIdOffset = -1
  /** The size of the whole packet. */
  size = 0
  /** Whether it has a second receiver: then `head` is worth making. */
  isShared = false
  #head: Buffer | null = null
  #view: DataView = NO_VIEW
  readonly #shared: SharedTail | null

  /** Without `shared` user properties of any length are in the head. */
  constructor(shared: SharedTail | null = null) {
    this.#shared = shared
  }

  /** The head as a buffer of its exact length, made at the first use. */
  get head(): Buffer {
    this.#head ??= this.memory.subarray(0, this.headBytes)
    return this.#head
  }

  /** Writes a short head for one receiver, word by word. */
  writeHead(to: DataView, start: number): void {
    const { headBytes } = this
    const from = this.#view
    let at = 0
    for (; at + 4 <= headBytes; at += 4) to.setInt32(start + at, from.getInt32(at, true), true)
    for (; at < headBytes; at++) to.setUint8(start + at, from.getUint8(at))
  }

  encode(
    topic: string,
    payload: Buffer,
    qos: QoS,
    retain: boolean,
    duplicate: boolean,
    properties: Properties,
    version: ProtocolVersion,
  ): void {
    // One byte, a length of 0, for no properties.
    let propertyBytes = version === 5 ? 1 : 0
    let tail = payload.length >= LARGE_BYTES_MIN ? payload : null
    const hasProperties = version === 5 && properties !== NO_PROPERTIES
    if (hasProperties) {
      properties5.reset()
      const shared = this.#shared === null ? null : this.#shared.of(properties, payload)
      writeProperties(properties5, properties, shared === null ? 0 : shared.length - payload.length)
      tail = shared ?? tail
      propertyBytes = properties5.length
    }
    const isShort = topic.length <= LOOP_BYTES_MAX && isAscii(topic)
    const topicBytes = isShort ? topic.length : Buffer.byteLength(topic)
    const idBytes = qos === 0 ? 0 : 2
    const tailBytes = tail === null ? payload.length : tail.length
    const remaining = 2 + topicBytes + idBytes + propertyBytes + tailBytes
    const lengthBytes = remaining < 0x80 ? 1 : varintBytes(remaining)
    this.size = 1 + lengthBytes + remaining
    const headBytes = tail === null ? this.size : this.size - tailBytes
    const memory = this.#begin(headBytes)
    memory[0] = PUBLISH | (duplicate ? 0x08 : 0) | (qos << 1) | (retain ? 0x01 : 0)
    if (lengthBytes === 1) memory[1] = remaining
    else writeVarint(memory, 1, remaining)
    let at = 1 + lengthBytes
    memory[at] = topicBytes >> 8
    memory[at + 1] = topicBytes & 0xff
    at += 2
    if (isShort) {
      for (let index = 0; index < topicBytes; index++) memory[at + index] = topic.charCodeAt(index)
      // A name with as many bytes as characters is ASCII.
    } else if (topicBytes === topic.length) memory.latin1Write(topic, at, topicBytes)
    else memory.utf8Write(topic, at, topicBytes)
    at += topicBytes
    this.packetIdOffset = qos === 0 ? -1 : at
    at += idBytes
    if (hasProperties) memory.set(properties5.bytes.subarray(0, propertyBytes), at)
    else if (version === 5) memory[at] = 0
    at += propertyBytes
    this.payload = tail
    if (tail !== null) return
    if (payload.length <= VIEW_LOOP_BYTES_MAX) {
      for (let index = 0; index < payload.length; index++) memory[at + index] = payload[index] ?? 0
    } else memory.set(payload, at)
  }

  #begin(headBytes: number): Buffer {
    if (this.memory.length < headBytes || this.memory.length > MEMORY_BYTES_MAX) {
      this.memory = Buffer.allocUnsafeSlow(Math.max(MEMORY_BYTES_MIN, headBytes))
      this.#view = new DataView(this.memory.buffer)
    }
    this.headBytes = headBytes
    this.#head = null
    this.isShared = false
    return this.memory
  }
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7f) return false
  return true
}

function writeVarint(bytes: Buffer, start: number, value: number): void {
  let at = start
  let rest = value
  while (rest > 0x7f) {
    bytes[at++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  bytes[at] = rest
}
