// Deliveries by packet identifier, in an array that is indexed by the lower bits of the identifier. A Map with growing keys is
// rebuilt repeatedly: with a Map, a delivery at QoS 1 to many subscribers cost a third more.

import type { Delivery } from './delivery.ts'

const PACKET_ID_MAX = 65_535
const SLOTS_MIN = 8
/** A larger array is freed when it is empty. A window of the default size needs this many slots, and is often empty. */
const EMPTY_SLOTS_MAX = 128

export class ExchangeTable {
  /** The length is a power of two. Each identifier has exactly one possible slot. */
  #slots: (Delivery | undefined)[] = slots(SLOTS_MIN)
  #size = 0
  #lastPacketId = 0
  /** Counts deliveries that were added or moved to the end: the order in which they are sent again. */
  #lastOrder = 0

  get size(): number {
    return this.#size
  }

  /** The number of slots. Tests count it. */
  get capacity(): number {
    return this.#slots.length
  }

  get(packetId: number): Delivery | undefined {
    const delivery = this.#slots[packetId & (this.#slots.length - 1)]
    return delivery?.packetId === packetId ? delivery : undefined
  }

  /** Gives the delivery the next free packet identifier, counting up from 1. Returns false when all 65,535 are in use. */
  open(delivery: Delivery): boolean {
    if (this.#size === PACKET_ID_MAX) return false
    // The array is at most half full, so a free slot is near. The largest array has a slot for every identifier.
    if (this.#size * 2 >= this.#slots.length && this.#slots.length <= PACKET_ID_MAX) this.#grow()
    const mask = this.#slots.length - 1
    let packetId = this.#lastPacketId
    do packetId = (packetId % PACKET_ID_MAX) + 1
    while (this.#slots[packetId & mask] !== undefined)
    this.#lastPacketId = packetId
    delivery.packetId = packetId
    this.#put(delivery)
    return true
  }

  /** Adds a delivery that already has an identifier, which must be free. */
  restore(delivery: Delivery): void {
    while (this.#slots[delivery.packetId & (this.#slots.length - 1)] !== undefined) this.#grow()
    this.#lastPacketId = Math.max(this.#lastPacketId, delivery.packetId)
    this.#put(delivery)
  }

  moveToEnd(delivery: Delivery): void {
    this.#lastOrder += 1
    delivery.order = this.#lastOrder
  }

  /** Removes a delivery. Returns false when it was not there. */
  delete(delivery: Delivery): boolean {
    const slot = delivery.packetId & (this.#slots.length - 1)
    if (this.#slots[slot] !== delivery) return false
    this.#slots[slot] = undefined
    this.#size -= 1
    if (this.#size === 0 && this.#slots.length > EMPTY_SLOTS_MAX) this.#slots = slots(SLOTS_MIN)
    return true
  }

  /** Puts a delivery with the same identifier in the place of one. Returns false when that was not there. */
  replace(delivery: Delivery, standIn: Delivery): boolean {
    const slot = delivery.packetId & (this.#slots.length - 1)
    if (this.#slots[slot] !== delivery) return false
    this.#slots[slot] = standIn
    return true
  }

  /** The deliveries, oldest first. */
  inOrder(): readonly Delivery[] {
    return this.#all().toSorted((one, other) => one.order - other.order)
  }

  #all(): Delivery[] {
    const all: Delivery[] = []
    for (const delivery of this.#slots) if (delivery !== undefined) all.push(delivery)
    return all
  }

  #put(delivery: Delivery): void {
    this.#slots[delivery.packetId & (this.#slots.length - 1)] = delivery
    this.#size += 1
    this.moveToEnd(delivery)
  }

  #grow(): void {
    const all = this.#all()
    this.#slots = slots(this.#slots.length * 2)
    for (const delivery of all) this.#slots[delivery.packetId & (this.#slots.length - 1)] = delivery
  }
}

/** Uses a loop, because `Array.from` took a quarter of the time of a delivery to many subscribers. */
function slots(count: number): (Delivery | undefined)[] {
  const empty: (Delivery | undefined)[] = []
  for (let slot = 0; slot < count; slot++) empty.push(undefined)
  return empty
}
