// One account of what a broker keeps beyond a turn, by kind, against the memory that there is. Bounds of single clients
// and queues do not add up to a bound of the process: this one does. A message that many keep counts once.

import { bufferBytes, contentBytes, type Message, MESSAGE_BYTES } from '../message.ts'
import { DELIVERY_BYTES } from './delivery.ts'

interface MemoryLimits {
  /** Of the heap of Node: texts, properties, small payloads, and the objects that hold them. */
  readonly keptHeapBytesMax: number
  /** Outside of the heap: payloads, and what has arrived of packets. */
  readonly keptBufferBytesMax: number
}

type MemoryKind =
  | 'messages'
  | 'deliveries'
  | 'retained'
  | 'subscriptions'
  | 'keys'
  | 'sessions'
  | 'wills'
  | 'aliases'

type OtherKind = Exclude<MemoryKind, 'messages' | 'deliveries'>

/** What may wait or stay takes no more than this part: the rest is left to those who come, and to what is on its way. */
const PART_FOR_WHAT_STAYS = 7 / 8

export class MemoryAccount {
  /** How often something was refused or dropped because there was no room. */
  refusals = 0
  readonly #limits: MemoryLimits
  readonly #roomHeapMax: number
  readonly #roomBufferMax: number
  readonly #others: Record<OtherKind, number> = {
    retained: 0,
    subscriptions: 0,
    keys: 0,
    sessions: 0,
    wills: 0,
    aliases: 0,
  }
  // Apart from the others, because each message of QoS 1 and 2 passes here.
  #messageBytes = 0
  #deliveries = 0
  #otherBytes = 0
  #bufferBytes = 0

  constructor(limits: MemoryLimits) {
    this.#limits = limits
    this.#roomHeapMax = limits.keptHeapBytesMax * PART_FOR_WHAT_STAYS
    this.#roomBufferMax = limits.keptBufferBytesMax * PART_FOR_WHAT_STAYS
  }

  get heapBytes(): number {
    return this.#messageBytes + this.#deliveries * DELIVERY_BYTES + this.#otherBytes
  }

  get bufferBytes(): number {
    return this.#bufferBytes
  }

  /** Bytes of the heap by kind. */
  get kinds(): Readonly<Record<MemoryKind, number>> {
    return {
      messages: this.#messageBytes,
      deliveries: this.#deliveries * DELIVERY_BYTES,
      ...this.#others,
    }
  }

  /** For messages that wait, retained ones and subscriptions. */
  get hasRoom(): boolean {
    return this.heapBytes < this.#roomHeapMax && this.#bufferBytes < this.#roomBufferMax
  }

  /** For a session, an alias, or a message on its way. */
  get hasReserve(): boolean {
    const { keptHeapBytesMax, keptBufferBytesMax } = this.#limits
    return this.heapBytes < keptHeapBytesMax && this.#bufferBytes < keptBufferBytesMax
  }

  /** Whether the message may stay. */
  hasRoomFor(message: Message): boolean {
    const outside = bufferBytes(message)
    const inside = contentBytes(message) - outside
    return (
      this.heapBytes + inside <= this.#roomHeapMax &&
      this.#bufferBytes + outside <= this.#roomBufferMax
    )
  }

  add(kind: OtherKind, bytes: number): void {
    this.#others[kind] += bytes
    this.#otherBytes += bytes
  }

  /** Bytes outside of the heap that come or, below 0, go. */
  addBuffer(bytes: number): void {
    this.#bufferBytes += bytes
  }

  /** One more keeps the message. */
  hold(message: Message): void {
    const counted: { held?: number } = message
    const held = counted.held ?? 0
    counted.held = held + 1
    if (held === 0) this.#count(message, 1)
  }

  /** One less does. */
  release(message: Message): void {
    const counted: { held?: number } = message
    const held = (counted.held ?? 0) - 1
    counted.held = held
    if (held === 0) this.#count(message, -1)
  }

  /** The same of one that waits for a client, or is on its way to it. */
  holdDelivery(message: Message): void {
    this.#deliveries += 1
    this.hold(message)
  }

  releaseDelivery(message: Message): void {
    this.#deliveries -= 1
    this.release(message)
  }

  #count(message: Message, sign: 1 | -1): void {
    const content = MESSAGE_BYTES + contentBytes(message)
    const outside = bufferBytes(message)
    if (outside !== 0) this.#bufferBytes += sign * outside
    this.#messageBytes += sign * (content - outside)
  }
}
