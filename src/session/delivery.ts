// One message on its way to one session, from the moment it is queued until it is settled.

import type { CommitId } from '../store/journal.ts'
import type { Message } from '../message.ts'
import { NO_PROPERTIES, type QoS } from '../packet/packet.ts'
import type { QueueOwner } from '../store/change.ts'
import type { HandOuts, StoredDelivery } from '../store/store.ts'

/** The share group or named queue of a delivery: see `share-protocol.ts`. */
export interface DeliveryOrigin {
  readonly owner: QueueOwner
  /** Whether its deliveries are not sent again on the next connection. */
  readonly endsWithConnection?: true
  /** The delivery to this client was acknowledged or dropped. */
  settled(clientId: string, delivery: Delivery): void
  /** This client does not take the delivery. Returns whether it was taken back; otherwise it is settled. */
  refused(clientId: string, delivery: Delivery): boolean
  /** What the store knows of the past of a delivery that was read from there. `couldExpire`: by what its publisher or queue said. */
  remembers(delivery: Delivery, handOuts: HandOuts, couldExpire: boolean): void
  /** The client's session ends: the group takes back the deliveries that may go to others. */
  ending(exchanges: Returning): void
}

/** The exchanges of a client, as a share group uses them. */
export interface Returning {
  readonly clientId: string
  /** Removes the unsettled deliveries of this group at QoS 1, oldest first. QoS 2 stays [MQTT-4.8.2-4]. */
  giveBack(origin: DeliveryOrigin): readonly Delivery[]
}

export interface Delivery {
  readonly message: Message
  readonly qos: QoS
  readonly retain: boolean
  /** Subscription Identifiers, for clients of MQTT 5. */
  readonly identifiers: readonly number[]
  /** Null for a plain subscription. */
  readonly origin: DeliveryOrigin | null
  /** Its number in the store; 0 when its owner does not survive a crash. */
  stored: number
  /** A number reserved while it is queued in a share group, in case it is stored later; otherwise 0. */
  reserved: number
  /** The commit that must be done before it may be sent (see Journal); 0 for none. */
  commitId: CommitId
  /** The packet identifier; 0 until it is sent for the first time. */
  packetId: number
  /** Its place in the order of sending again, which follows PUBLISH and PUBREC [MQTT-4.6.0-1, MQTT-4.6.0-4]. */
  order: number
  /** Whether PUBREC arrived. Then only PUBREL may follow [MQTT-4.3.3-6]. */
  isReceived: boolean
  /** Whether it was sent on the present connection. */
  isOnWire: boolean
}

/** The heap bytes of a delivery, with its entry in a queue or window. */
export const DELIVERY_BYTES = 168

/** The stage of the exchange under a packet identifier, on this connection or an earlier one. `none`: the identifier is free. */
export type ExchangeStage = 'none' | 'at-least-once' | 'exactly-once-sent' | 'exactly-once-received'

export const NO_IDENTIFIERS: readonly number[] = []

export function newDelivery(
  message: Message,
  qos: QoS,
  retain: boolean,
  identifiers: readonly number[],
  origin: DeliveryOrigin | null,
  stored: number,
  commitId: CommitId,
): Delivery {
  return {
    message,
    qos,
    retain,
    identifiers: identifiers.length === 0 ? NO_IDENTIFIERS : identifiers,
    origin,
    stored,
    reserved: 0,
    commitId,
    packetId: 0,
    order: 0,
    isReceived: false,
    isOnWire: false,
  }
}

/** Replaces the message after PUBREC: only PUBREL is sent again, so the message is not needed. */
const UNREAD: Message = {
  topic: '',
  payload: Buffer.alloc(0),
  qos: 2,
  retain: false,
  properties: NO_PROPERTIES,
  publisher: null,
  expiresAt: Infinity,
  sequence: 0,
}

/** Makes a delivery from the store. It is committed already, so it waits for no commit. */
export function restoredDelivery(stored: StoredDelivery, origin: DeliveryOrigin | null): Delivery {
  const { message: kept, qos, retain, identifiers, handOuts } = stored
  // A dead letter does not expire any more.
  const isDead = kept !== null && handOuts !== null && handOuts.reason !== ''
  const message = isDead ? { ...kept, expiresAt: Infinity } : (kept ?? { ...UNREAD })
  const delivery = {
    ...newDelivery(message, qos, retain, identifiers, origin, stored.delivery, 0),
    packetId: stored.packetId,
    isReceived: kept === null,
  }
  if (handOuts !== null && kept !== null) {
    origin?.remembers(delivery, handOuts, kept.expiresAt < Infinity)
  }
  return delivery
}
