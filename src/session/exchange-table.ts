// Deliveries by packet identifier, in an array that the lower bits of the identifier index. A Map whose keys ever grow is
// built anew again and again: with it, a delivery at QoS 1 to many subscribers cost a third more.

import type { Delivery } from './delivery.ts'

const PACKET_ID_MAX = 65_535
const SLOTS_MIN = 8
/** One of more slots is given up once it is empty. A full window of the default size needs so many, and empties all the time. */
const EMPTY_SLOTS_MAX = 128

export class ExchangeTable {
  /** A power of two long. An identifier has one slot it may stand in. */
  #slots: (Delivery | undefined)[] = slots(SLOTS_MIN)
  #size = 0
  #lastPacketId = 0
  /** Counts what was opened or moved to the end: the order of a resend. */
  #lastOrder = 0

  get size(): number {
    return this.#size
  }

  /** The slots that it has: what tests count. */
  get capacity(): number {
    return this.#slots.length
  }

  get(packetId: number): Delivery | undefined {
    const delivery = this.#slots[packetId & (this.#slots.length - 1)]
    return delivery?.packetId === packetId ? delivery : undefined
  }

  /** Gives the delivery the next free packet identifier: they start at 1 and grow. False when all 65,535 are taken. */
  open(delivery: Delivery): boolean {
    if (this.#size === PACKET_ID_MAX) return false
    // Never more than half full, so a free slot is near; all identifiers together need one slot each.
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

  /** One that has its identifier already, which no other has. */
  restore(delivery: Delivery): void {
    while (this.#slots[delivery.packetId & (this.#slots.length - 1)] !== undefined) this.#grow()
    this.#lastPacketId = Math.max(this.#lastPacketId, delivery.packetId)
    this.#put(delivery)
  }

  moveToEnd(delivery: Delivery): void {
    this.#lastOrder += 1
    delivery.order = this.#lastOrder
  }

  /** False when it was not there. */
  delete(delivery: Delivery): boolean {
    const slot = delivery.packetId & (this.#slots.length - 1)
    if (this.#slots[slot] !== delivery) return false
    this.#slots[slot] = undefined
    this.#size -= 1
    if (this.#size === 0 && this.#slots.length > EMPTY_SLOTS_MAX) this.#slots = slots(SLOTS_MIN)
    return true
  }

  /** Oldest first. */
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

/** By a loop: `Array.from` took a quarter of a delivery to many subscribers. */
function slots(count: number): (Delivery | undefined)[] {
  const empty: (Delivery | undefined)[] = []
  for (let slot = 0; slot < count; slot++) empty.push(undefined)
  return empty
}
