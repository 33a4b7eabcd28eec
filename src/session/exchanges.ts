// QoS 1 and 2 messages that were sent to one client and are not settled: sent, sent again when the client comes back,
// received, settled. They outlive the connection.

import type { Owner } from '../store/change.ts'
import type { ClientRights } from './client-rights.ts'
import {
  type Delivery,
  type DeliveryOrigin,
  type ExchangeStage,
  type Returning,
} from './delivery.ts'
import { afterIdentifier, recordQueued, recordSent, recordSettled } from './delivery-journal.ts'
import type { Link } from './link.ts'
import { OutgoingWindow } from './outgoing-window.ts'
import { drop, type SessionContext } from './session-context.ts'

const NONE: readonly never[] = []

/** The session that they belong to. */
export interface ExchangeOwner {
  readonly clientId: string
  readonly isDurable: boolean
  readonly owner: Owner
  readonly rights: ClientRights
  /** Null while the client is away. */
  readonly link: Link | null
}

export class Exchanges implements Returning {
  /** How many the client may have at a time on the present connection. */
  windowMax = 0
  readonly #session: ExchangeOwner
  readonly #context: SessionContext
  /** Made with the first exchange: most clients only publish, or are only there. */
  #window: OutgoingWindow | null = null
  /** What was unsettled when the client came back and is not sent again yet. */
  #resends: readonly Delivery[] = NONE

  constructor(session: ExchangeOwner, context: SessionContext) {
    this.#session = session
    this.#context = context
  }

  get clientId(): string {
    return this.#session.clientId
  }

  get count(): number {
    return this.#window === null ? 0 : this.#window.size
  }

  get isResending(): boolean {
    return this.#resends.length > 0
  }

  /** One more may be sent, as far as the client's window goes. */
  get hasPlace(): boolean {
    const { windowMax } = this
    if (this.#window === null) return windowMax > 0
    return this.#window.hasRoom(windowMax, this.#context.limits.inFlightBytesMax)
  }

  /** One more may be sent now. */
  get mayBegin(): boolean {
    const { link } = this.#session
    return link !== null && link.hasRoom && this.hasPlace
  }

  /** Sends a new delivery, which waited nowhere. */
  beginNew(delivery: Delivery): void {
    if (!this.#opened().open(delivery)) {
      this.#context.dropped('no-packet-identifier', delivery.message, this.clientId)
      return
    }
    recordQueued(this.#context.journal, delivery, this.#session.owner)
    afterIdentifier(this.#context.journal, delivery)
    this.#send(delivery, false)
  }

  /** Sends for the first time a delivery that has waited, here or in a share group. */
  begin(delivery: Delivery): void {
    const owner = delivery.origin?.owner ?? this.#session.owner
    if (!this.#opened().open(delivery)) {
      delivery.origin?.settled(this.clientId)
      drop(this.#context, 'no-packet-identifier', delivery, owner)
      return
    }
    recordSent(this.#context.journal, delivery, owner, this.clientId)
    afterIdentifier(this.#context.journal, delivery)
    this.#send(delivery, false)
  }

  /** How far the exchange under this identifier has come. */
  stageOf(packetId: number): ExchangeStage {
    const delivery = this.#window?.get(packetId)
    if (delivery === undefined) return 'none'
    if (delivery.qos !== 2) return 'at-least-once'
    return delivery.isReceived ? 'exactly-once-received' : 'exactly-once-sent'
  }

  /** PUBREC: answers with PUBREL once that is stored [MQTT-4.3.3-4]. False for an unknown identifier. */
  receive(packetId: number): boolean {
    const delivery = this.#window?.get(packetId)
    if (delivery === undefined || delivery.qos !== 2) return false
    if (!delivery.isReceived) {
      this.#window?.received(delivery)
      if (delivery.stored !== 0) {
        const { clientId } = this
        this.#context.journal.record({ kind: 'received', delivery: delivery.stored, clientId })
        delivery.commitId = this.#context.journal.current
      }
    }
    this.#session.link?.pubrel(packetId, delivery.commitId)
    return true
  }

  /** False when no such packet identifier is in flight. */
  settle(packetId: number): boolean {
    const delivery = this.#window?.get(packetId)
    if (delivery === undefined) return false
    this.#settle(delivery)
    return true
  }

  /** The client is here: what was unsettled is to be sent again. */
  attached(windowMax: number): void {
    this.windowMax = windowMax
    if (this.#window !== null) this.#resends = this.#window.unsettled()
  }

  detached(): void {
    this.#resends = NONE
    this.#window?.disconnected()
  }

  /** Sends again what can be sent now, in order [MQTT-4.4.0-1]. */
  resend(): void {
    let next = 0
    while (next < this.#resends.length && this.mayBegin) {
      const delivery = this.#resends[next]
      next += 1
      if (delivery === undefined || this.#window?.get(delivery.packetId) !== delivery) continue
      // Expiry does not matter any more: its delivery was started [MQTT-3.3.2-5].
      this.#send(delivery, true)
    }
    if (next > 0) this.#resends = this.#resends.slice(next)
  }

  giveBack(group: DeliveryOrigin): readonly Delivery[] {
    const returned: Delivery[] = []
    for (const delivery of this.#window?.unsettled() ?? NONE) {
      if (delivery.origin !== group || delivery.qos !== 1 || delivery.isOnWire) continue
      this.#window?.settle(delivery)
      returned.push(delivery)
    }
    return returned
  }

  /** The session is over: each share group takes back what it may, the rest is dropped and counted. */
  end(): void {
    if (this.#window === null) return
    this.#window.disconnected()
    // Also a group that it has left since.
    for (const group of this.#window.groups()) group.ending(this)
    for (const delivery of this.#window.unsettled()) {
      // One change removes a stored session with its deliveries. What a group gave another session is the group's in the store.
      if (!this.#session.isDurable)
        recordSettled(this.#context.journal, delivery, placeOf(delivery, this.#session))
      delivery.origin?.settled(this.clientId)
      if (!delivery.isReceived)
        this.#context.dropped('session-ended', delivery.message, this.clientId)
    }
    this.#window.clear()
  }

  /** As the store kept it. */
  restore(delivery: Delivery): void {
    this.#opened().restore(delivery)
  }

  #opened(): OutgoingWindow {
    this.#window ??= new OutgoingWindow(this.#context.memory)
    return this.#window
  }

  #send(delivery: Delivery, duplicate: boolean): void {
    const { link, rights } = this.#session
    if (link === null) return
    this.#opened().sent(delivery)
    if (delivery.isReceived) link.pubrel(delivery.packetId, delivery.commitId)
    else if (duplicate && rights.withholds(delivery.message)) {
      this.#context.dropped('no-right-to-receive', delivery.message, this.clientId)
      // PUBREL ends an exchange that the client may have begun.
      if (delivery.qos === 2) this.receive(delivery.packetId)
      else this.#settle(delivery)
    } else if (link.publish(delivery, duplicate) === 'too-large') {
      this.#settle(delivery)
      this.#context.dropped('packet-too-large', delivery.message, this.clientId)
    }
  }

  /** Settled, one way or the other. */
  #settle(delivery: Delivery): void {
    this.#window?.settle(delivery)
    recordSettled(this.#context.journal, delivery, placeOf(delivery, this.#session))
    delivery.origin?.settled(this.clientId)
  }
}

/** Where the store has a delivery that was sent: it stays with a group whose member has no stored session. */
function placeOf({ origin }: Delivery, { isDurable, owner }: ExchangeOwner): Owner {
  return isDurable || origin === null ? owner : origin.owner
}
