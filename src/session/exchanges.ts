// The exchanges of QoS 1 and 2 with one client: messages that were sent and are not settled. They outlive the connection, and
// are continued when the client reconnects.

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
import { drop, lossBy, type SessionContext } from './session-context.ts'

const NONE: readonly never[] = []

/** The part of the session that exchanges use. */
export interface ExchangeOwner {
  readonly clientId: string
  readonly isDurable: boolean
  readonly owner: Owner
  readonly rights: ClientRights
  /** Null while the client is not connected. */
  readonly link: Link | null
}

// Wide on purpose: one method for each thing that a client, its session or a queue may do to an exchange.
export class Exchanges implements Returning {
  /** How many exchanges may be open at once on the present connection. */
  windowMax = 0
  readonly #session: ExchangeOwner
  readonly #context: SessionContext
  /** Made with the first exchange, because most clients only publish or are idle. */
  #window: OutgoingWindow | null = null
  /** Deliveries that were unsettled when the client reconnected, and are not sent again yet. */
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

  /** The most bytes in flight. */
  get bytesMax(): number {
    return this.#context.limits.inFlightBytesMax
  }

  /** Whether the client's window has room for one more. */
  get hasPlace(): boolean {
    const { windowMax } = this
    if (this.#window === null) return windowMax > 0
    return this.#window.hasRoom(windowMax, this.#context.limits.inFlightBytesMax)
  }

  /** Whether one more may be sent now. */
  get mayBegin(): boolean {
    const { link } = this.#session
    return link !== null && link.hasRoom && this.hasPlace
  }

  /** Sends a new delivery that was not queued. */
  beginNew(delivery: Delivery): void {
    if (!this.#opened().open(delivery)) {
      this.#context.dropped('no-packet-identifier', delivery.message, this.clientId)
      return
    }
    // To ask for the owner makes it.
    if (delivery.stored !== 0) {
      recordQueued(this.#context.journal, delivery, this.#session.owner)
      afterIdentifier(this.#context.journal, delivery)
    }
    this.#send(delivery, false)
  }

  /** Sends a delivery from the queue of the session or of a share group for the first time. */
  begin(delivery: Delivery): void {
    const owner = delivery.origin?.owner ?? this.#session.owner
    if (!this.#opened().open(delivery)) {
      if (delivery.origin?.refused(this.clientId, delivery) === true) return
      delivery.origin?.settled(this.clientId, delivery)
      drop(this.#context, 'no-packet-identifier', delivery, owner)
      return
    }
    recordSent(this.#context.journal, delivery, owner, this.clientId)
    afterIdentifier(this.#context.journal, delivery)
    this.#send(delivery, false)
  }

  /** Returns the stage of the exchange under this identifier. */
  stageOf(packetId: number): ExchangeStage {
    const delivery = this.#window?.get(packetId)
    if (delivery === undefined) return 'none'
    if (delivery.qos !== 2) return 'at-least-once'
    return delivery.isReceived ? 'exactly-once-received' : 'exactly-once-sent'
  }

  /** PUBREC arrived: answers with PUBREL after the commit [MQTT-4.3.3-4]. Returns false for an unknown identifier. */
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

  /** Settles a delivery. Returns false when the packet identifier is not in flight. */
  settle(packetId: number): boolean {
    const delivery = this.#window?.get(packetId)
    if (delivery === undefined) return false
    this.#context.observer.acknowledged?.(this.clientId, delivery.message)
    this.#settle(delivery)
    return true
  }

  /** The client refuses a delivery of QoS 1: PUBACK with an error. A named queue takes it back; otherwise it is settled [MQTT-4.4.0-2]. */
  refuse(packetId: number): boolean {
    const delivery = this.#window?.get(packetId)
    if (delivery === undefined) return false
    if (!this.#isTakenBack(delivery)) return this.settle(packetId)
    return true
  }

  /** The queue of the delivery gives it to somebody else. Its packet identifier stays in use until the client answers: by the stand-in. */
  replace(delivery: Delivery, standIn: Delivery): void {
    this.#window?.replace(delivery, standIn)
  }

  /** The client has connected: unsettled deliveries are to be sent again. */
  attached(windowMax: number): void {
    this.windowMax = windowMax
    if (this.#window !== null) this.#resends = this.#window.unsettled()
  }

  detached(): void {
    this.#resends = NONE
    this.#window?.disconnected()
  }

  /** Sends as many unsettled deliveries again as possible now, in order [MQTT-4.4.0-1]. */
  resend(): void {
    let next = 0
    while (next < this.#resends.length && this.mayBegin) {
      const delivery = this.#resends[next]
      next += 1
      if (delivery === undefined || this.#window?.get(delivery.packetId) !== delivery) continue
      // Its delivery has begun, so the message does not expire any more [MQTT-3.3.2-5].
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

  inFlightOf(origin: DeliveryOrigin): readonly Delivery[] {
    return (this.#window?.unsettled() ?? NONE).filter(delivery => delivery.origin === origin)
  }

  /** Ends with the session: share groups take back the deliveries that may go to others; the rest is dropped and counted. */
  end(): void {
    if (this.#window === null) return
    this.#window.disconnected()
    // This includes groups that it has left.
    for (const group of this.#window.groups()) group.ending(this)
    for (const delivery of this.#window.unsettled()) {
      // In the store one change removes a durable session with its deliveries. Deliveries to a session that is not durable are the group's there.
      if (!this.#session.isDurable)
        recordSettled(this.#context.journal, delivery, placeOf(delivery, this.#session))
      delivery.origin?.settled(this.clientId, delivery)
      if (!delivery.isReceived)
        this.#context.dropped('session-ended', delivery.message, this.clientId)
    }
    this.#window.clear()
  }

  /** Restores a delivery from the store. */
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
      this.#withdraw(delivery, duplicate)
    } else {
      const outcome = link.publish(delivery, duplicate)
      if (outcome === 'sent') {
        this.#context.observer.sent?.(this.clientId, delivery.message, duplicate)
        return
      }
      if (outcome === 'too-large' && this.#isTakenBack(delivery)) return
      this.#withdraw(delivery, duplicate && outcome !== 'too-large')
      this.#context.dropped(lossBy(outcome), delivery.message, this.clientId)
    }
  }

  /** The delivery is not sent. If the client may have begun its exchange, PUBREL ends it. */
  #withdraw(delivery: Delivery, mayHaveBegun: boolean): void {
    if (mayHaveBegun && delivery.qos === 2) this.receive(delivery.packetId)
    else this.#settle(delivery)
  }

  #isTakenBack(delivery: Delivery): boolean {
    const { origin } = delivery
    if (origin === null || !origin.refused(this.clientId, delivery)) return false
    this.#window?.settle(delivery)
    return true
  }

  /** Handles a settled delivery, whether acknowledged or dropped. */
  #settle(delivery: Delivery): void {
    this.#window?.settle(delivery)
    if (delivery.stored !== 0)
      recordSettled(this.#context.journal, delivery, placeOf(delivery, this.#session))
    delivery.origin?.settled(this.clientId, delivery)
  }
}

/** Returns the owner that the store has a sent delivery under: the group, if its member has no stored session. */
function placeOf({ origin }: Delivery, { isDurable, owner }: ExchangeOwner): Owner {
  return isDurable || origin === null ? owner : origin.owner
}
