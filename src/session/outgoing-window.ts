// QoS 1 and 2 messages sent to one client and not yet settled.

import { contentBytes, compactBytes } from '../message.ts'
import type { Delivery, DeliveryOrigin } from './delivery.ts'
import { ExchangeTable } from './exchange-table.ts'
import type { MemoryAccount } from './memory-account.ts'

/** So much may be on its way to each client however full memory is. */
const LITTLE_BYTES = 8_192

const NONE: readonly Delivery[] = []

export class OutgoingWindow {
  /** Made when it is first needed: most clients only publish, or are only there. */
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

  /** Sent on the present connection and not settled: what the client's Receive Maximum counts. */
  get onWire(): number {
    return this.#onWire
  }

  /** Another message may be sent. One always may, when there is no other. */
  hasRoom(messagesMax: number, bytesMax: number): boolean {
    if (this.#onWire >= messagesMax) return false
    if (this.#bytesOnWire < LITTLE_BYTES && this.#bytesOnWire < bytesMax) return true
    return this.#onWire === 0 || (this.#bytesOnWire < bytesMax && this.#memory.hasReserve)
  }

  get(packetId: number): Delivery | undefined {
    return this.#unsettled?.get(packetId)
  }

  /** Gives the delivery a packet identifier nobody uses [MQTT-2.2.1-4]. False when there is none left. */
  open(delivery: Delivery): boolean {
    this.#unsettled ??= new ExchangeTable()
    if (!this.#unsettled.open(delivery)) return false
    this.#memory.holdDelivery(delivery.message)
    return true
  }

  /** A delivery that came back from the store with the identifier it was sent under. */
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

  /** PUBREC came: its PUBREL follows those of earlier PUBRECs in a resend [MQTT-4.6.0-4]. */
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

  /** The connection is gone: nothing is on the wire any more. */
  disconnected(): void {
    for (const delivery of this.unsettled()) {
      delivery.isOnWire = false
      // It may stay for long now.
      compactBytes(delivery.message)
    }
    this.#onWire = 0
    this.#bytesOnWire = 0
  }

  /** All that is unsettled, in the order of a resend: PUBLISH as first sent, PUBREL as PUBREC came [MQTT-4.6.0-1]. */
  unsettled(): readonly Delivery[] {
    return this.#unsettled?.inOrder() ?? NONE
  }

  /** The share groups that some of it came through. */
  groups(): ReadonlySet<DeliveryOrigin> {
    const groups = new Set<DeliveryOrigin>()
    for (const { origin } of this.unsettled()) if (origin !== null) groups.add(origin)
    return groups
  }

  /** The session is over. */
  clear(): void {
    for (const { message } of this.unsettled()) this.#memory.releaseDelivery(message)
    this.#unsettled = null
  }
}
