// The messages of QoS 1 and 2 that were sent to one client and are not settled.

import { contentBytes, compactBytes } from '../message.ts'
import type { Delivery, DeliveryOrigin } from './delivery.ts'
import { ExchangeTable } from './exchange-table.ts'
import type { MemoryAccount } from './memory-account.ts'

/** This many bytes may be in flight to each client even when memory is full. */
const LITTLE_BYTES = 8_192

const NONE: readonly Delivery[] = []

export class OutgoingWindow {
  /** Made when it is first needed, because most clients only publish or are idle. */
  #unsettled: ExchangeTable | null = null
  readonly #memory: MemoryAccount
  #onWire = 0
  #bytesOnWire = 0

  constructor(memory: MemoryAccount) {
    this.#memory = memory
  }

  get size(): number {
    return this.#unsettled?.size ?? 0
  }

  /** The number that were sent on the present connection and are not settled. The client's Receive Maximum bounds it. */
  get onWire(): number {
    return this.#onWire
  }

  /** Whether another message may be sent. If none is in flight, one may always be sent. */
  hasRoom(messagesMax: number, bytesMax: number): boolean {
    if (this.#onWire >= messagesMax) return false
    if (this.#bytesOnWire < LITTLE_BYTES && this.#bytesOnWire < bytesMax) return true
    return this.#onWire === 0 || (this.#bytesOnWire < bytesMax && this.#memory.hasReserve)
  }

  get(packetId: number): Delivery | undefined {
    return this.#unsettled?.get(packetId)
  }

  /** Gives the delivery an unused packet identifier [MQTT-2.2.1-4]. Returns false when there is none. */
  open(delivery: Delivery): boolean {
    this.#unsettled ??= new ExchangeTable()
    if (!this.#unsettled.open(delivery)) return false
    this.#memory.holdDelivery(delivery.message)
    return true
  }

  /** Restores a delivery from the store with the packet identifier that it was sent with. */
  restore(delivery: Delivery): void {
    this.#unsettled ??= new ExchangeTable()
    this.#unsettled.restore(delivery)
    this.#memory.holdDelivery(delivery.message)
  }

  sent(delivery: Delivery): void {
    delivery.isOnWire = true
    this.#onWire += 1
    this.#bytesOnWire += contentBytes(delivery.message)
  }

  /** PUBREC arrived. When PUBREL packets are sent again they have the order of the PUBREC packets [MQTT-4.6.0-4]. */
  received(delivery: Delivery): void {
    delivery.isReceived = true
    this.#unsettled?.moveToEnd(delivery)
  }

  settle(delivery: Delivery): void {
    if (this.#unsettled?.delete(delivery) === true) this.#memory.releaseDelivery(delivery.message)
    if (!delivery.isOnWire) return
    delivery.isOnWire = false
    this.#onWire -= 1
    this.#bytesOnWire -= contentBytes(delivery.message)
  }

  /** Another delivery has the packet identifier from now on, and its place in the window. */
  replace(delivery: Delivery, standIn: Delivery): void {
    if (this.#unsettled?.replace(delivery, standIn) !== true) return
    this.#memory.holdDelivery(standIn.message)
    this.#memory.releaseDelivery(delivery.message)
    delivery.isOnWire = false
  }

  /** The connection has ended: nothing is in flight on it any more. */
  disconnected(): void {
    for (const delivery of this.unsettled()) {
      delivery.isOnWire = false
      // The message may be kept for long now.
      compactBytes(delivery.message)
      if (delivery.origin?.endsWithConnection === true) this.settle(delivery)
    }
    this.#onWire = 0
    this.#bytesOnWire = 0
  }

  /** All unsettled deliveries in the order of sending again: PUBLISH in their first order, PUBREL in the order of PUBREC [MQTT-4.6.0-1]. */
  unsettled(): readonly Delivery[] {
    return this.#unsettled?.inOrder() ?? NONE
  }

  /** The share groups of its deliveries. */
  groups(): ReadonlySet<DeliveryOrigin> {
    const groups = new Set<DeliveryOrigin>()
    for (const { origin } of this.unsettled()) if (origin !== null) groups.add(origin)
    return groups
  }

  /** Ends with the session. */
  clear(): void {
    for (const { message } of this.unsettled()) this.#memory.releaseDelivery(message)
    this.#unsettled = null
  }
}
