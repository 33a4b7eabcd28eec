// QoS 1 and 2 messages sent to one client and not yet settled.

import { contentBytes, settleBytes } from '../message.ts'
import type { Delivery, DeliveryOrigin } from './delivery.ts'
import type { KeptBytes } from './kept-bytes.ts'
import { nextPacketId } from './packet-ids.ts'

/** So much may be on its way to each client however full memory is. */
const LITTLE_BYTES = 8_192

const NONE: readonly Delivery[] = []

export class OutgoingWindow {
  // In the order in which a resend must happen: PUBLISH as first sent, PUBREL as PUBREC came [MQTT-4.6.0-1, MQTT-4.6.0-4].
  // Made when it is first needed: most clients only publish, or are only there.
  #unsettled: Map<number, Delivery> | null = null
  readonly #kept: KeptBytes
  #lastPacketId = 0
  #onWire = 0
  #bytesOnWire = 0

  constructor(kept: KeptBytes) {
    this.#kept = kept
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
    return this.#onWire === 0 || (this.#bytesOnWire < bytesMax && this.#kept.hasReserve)
  }

  get(packetId: number): Delivery | undefined {
    return this.#unsettled?.get(packetId)
  }

  /** Gives the delivery a packet identifier nobody uses [MQTT-2.2.1-4]. False when there is none left. */
  open(delivery: Delivery): boolean {
    const unsettled = this.#opened()
    const packetId = nextPacketId(this.#lastPacketId, unsettled)
    if (packetId === 0) return false
    this.#lastPacketId = packetId
    delivery.packetId = packetId
    unsettled.set(packetId, delivery)
    this.#kept.holdDelivery(delivery.message)
    return true
  }

  /** A delivery that came back from the store with the identifier it was sent under. */
  restore(delivery: Delivery): void {
    this.#opened().set(delivery.packetId, delivery)
    this.#kept.holdDelivery(delivery.message)
    this.#lastPacketId = Math.max(this.#lastPacketId, delivery.packetId)
  }

  sent(delivery: Delivery): void {
    delivery.isOnWire = true
    this.#onWire += 1
    this.#bytesOnWire += contentBytes(delivery.message)
  }

  /** PUBREC came: its PUBREL follows those of earlier PUBRECs in a resend [MQTT-4.6.0-4]. */
  received(delivery: Delivery): void {
    delivery.isReceived = true
    const unsettled = this.#opened()
    unsettled.delete(delivery.packetId)
    unsettled.set(delivery.packetId, delivery)
  }

  settle(delivery: Delivery): void {
    if (this.#unsettled?.delete(delivery.packetId) === true) {
      this.#kept.releaseDelivery(delivery.message)
    }
    if (!delivery.isOnWire) return
    delivery.isOnWire = false
    this.#onWire -= 1
    this.#bytesOnWire -= contentBytes(delivery.message)
  }

  /** The connection is gone: nothing is on the wire any more. */
  disconnected(): void {
    for (const delivery of this.unsettled()) {
      delivery.isOnWire = false
      // Who knows for how long it stays now.
      settleBytes(delivery.message)
    }
    this.#onWire = 0
    this.#bytesOnWire = 0
  }

  /** All that is unsettled, in the order of a resend. */
  unsettled(): readonly Delivery[] {
    return this.#unsettled === null ? NONE : [...this.#unsettled.values()]
  }

  /** The share groups that some of it is lent by. */
  lenders(): ReadonlySet<DeliveryOrigin> {
    const lenders = new Set<DeliveryOrigin>()
    for (const { origin } of this.unsettled()) if (origin !== null) lenders.add(origin)
    return lenders
  }

  /** The session is over. */
  clear(): void {
    for (const { message } of this.unsettled()) this.#kept.releaseDelivery(message)
    this.#unsettled = null
  }

  #opened(): Map<number, Delivery> {
    this.#unsettled ??= new Map()
    return this.#unsettled
  }
}
