// One account of what a broker keeps beyond a turn, by kind, against the memory that there is. Bounds of single clients
// and queues do not add up to a bound of the process: this one does. A message that many keep counts once.

import { bufferBytes, contentBytes, type Message, MESSAGE_BYTES } from '../message.ts'

export interface KeptLimits {
  /** Of the heap of Node: texts, properties, small payloads, and the objects that hold them. */
  readonly keptHeapBytesMax: number
  /** Outside of the heap: payloads, and what has arrived of packets. */
  readonly keptBufferBytesMax: number
}

export type KeptKind =
  'messages' | 'deliveries' | 'retained' | 'subscriptions' | 'sessions' | 'wills' | 'aliases'

/** What may wait or stay takes no more than this part: the rest is left to those who come, and to what is on its way. */
const PART_FOR_WHAT_STAYS = 7 / 8

export class KeptBytes {
  /** Bytes of the heap by kind; kept as they are by whoever shows them. */
  readonly kinds: Record<KeptKind, number> = {
    messages: 0,
    deliveries: 0,
    retained: 0,
    subscriptions: 0,
    sessions: 0,
    wills: 0,
    aliases: 0,
  }
  /** How often something was refused or dropped because there was no room. */
  refusals = 0
  readonly #limits: KeptLimits
  #heapBytes = 0
  #bufferBytes = 0

  constructor(limits: KeptLimits) {
    this.#limits = limits
  }

  get heapBytes(): number {
    return this.#heapBytes
  }

  get bufferBytes(): number {
    return this.#bufferBytes
  }

  /** For messages that wait, retained ones and subscriptions. */
  get hasRoom(): boolean {
    return this.#isBelow(PART_FOR_WHAT_STAYS)
  }

  /** For a session, an alias, or a message on its way. */
  get hasReserve(): boolean {
    return this.#isBelow(1)
  }

  /** Whether the message may stay: it is kept already, or there is room for it. */
  hasRoomFor(message: Message): boolean {
    const content = contentBytes(message)
    const outside = bufferBytes(message)
    const { keptHeapBytesMax, keptBufferBytesMax } = this.#limits
    return (
      this.#heapBytes + content - outside <= keptHeapBytesMax * PART_FOR_WHAT_STAYS &&
      this.#bufferBytes + outside <= keptBufferBytesMax * PART_FOR_WHAT_STAYS
    )
  }

  add(kind: KeptKind, bytes: number): void {
    this.kinds[kind] += bytes
    this.#heapBytes += bytes
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

  #count(message: Message, sign: 1 | -1): void {
    const outside = bufferBytes(message)
    this.add('messages', sign * (MESSAGE_BYTES + contentBytes(message) - outside))
    this.#bufferBytes += sign * outside
  }

  #isBelow(part: number): boolean {
    const { keptHeapBytesMax, keptBufferBytesMax } = this.#limits
    return (
      this.#heapBytes < keptHeapBytesMax * part && this.#bufferBytes < keptBufferBytesMax * part
    )
  }
}
