// The account of all memory that the broker keeps beyond a turn, by kind, with bounds for the whole process. Bounds of single
// clients and queues cannot bound the process. A message that several holders keep counts once.

import { bufferBytes, contentBytes, type Message, MESSAGE_BYTES } from '../message.ts'
import { loanOf } from '../packet/packet-memory.ts'
import { DELIVERY_BYTES } from './delivery.ts'

interface MemoryLimits {
  /** Bytes in Node's heap: texts, properties, small payloads, and the objects that hold them. */
  readonly keptHeapBytesMax: number
  /** Bytes outside of the heap: payloads, and incomplete packets. */
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
  | 'delayed'
  | 'conflated'
  | 'messageIds'
  | 'transactions'

type OtherKind = Exclude<MemoryKind, 'messages' | 'deliveries'>

/** Queued and retained messages and subscriptions may use this part. The rest is kept for new sessions and messages in flight. */
const PART_FOR_WHAT_STAYS = 7 / 8

export class MemoryAccount {
  /** How often something was refused or dropped for lack of memory. */
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
    delayed: 0,
    conflated: 0,
    messageIds: 0,
    transactions: 0,
  }
  // A separate counter, because each message of QoS 1 and 2 changes it.
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

  /** The heap bytes by kind. */
  get kinds(): Readonly<Record<MemoryKind, number>> {
    return {
      messages: this.#messageBytes,
      deliveries: this.#deliveries * DELIVERY_BYTES,
      ...this.#others,
    }
  }

  /** Whether there is room for queued messages, retained messages and subscriptions. */
  get hasRoom(): boolean {
    return this.heapBytes < this.#roomHeapMax && this.#bufferBytes < this.#roomBufferMax
  }

  /** Whether there is room for a session, an alias, or a message in flight. */
  get hasReserve(): boolean {
    const { keptHeapBytesMax, keptBufferBytesMax } = this.#limits
    return this.heapBytes < keptHeapBytesMax && this.#bufferBytes < keptBufferBytesMax
  }

  /** Whether there is room to keep the message. */
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

  /** Adds bytes outside of the heap; a negative number subtracts. */
  addBuffer(bytes: number): void {
    this.#bufferBytes += bytes
  }

  /** Counts one more holder of the message. */
  hold(message: Message): void {
    const counted: { held?: number } = message
    const held = counted.held ?? 0
    counted.held = held + 1
    if (held === 0) this.#count(message, 1)
  }

  /** Counts one holder less. */
  release(message: Message): void {
    const counted: { held?: number } = message
    const held = (counted.held ?? 0) - 1
    counted.held = held
    if (held === 0) this.#count(message, -1)
  }

  /** The same for a message that is queued for a client or in flight to it. */
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
    const loan = loanOf(message.payload)
    if (loan === null) return
    if (sign === 1) loan.hold()
    else loan.release()
  }
}
