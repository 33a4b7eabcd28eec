// One message on its way to one session, from the moment it is queued until it is settled.

import type { CommitId } from '../store/journal.ts'
import type { Message } from '../message.ts'
import { NO_PROPERTIES, type QoS } from '../packet/packet.ts'
import type { GroupOwner } from '../store/change.ts'
import type { StoredDelivery } from '../store/store.ts'

/** The share group that a delivery came through. `share-protocol.ts` says who speaks when. */
export interface DeliveryOrigin {
  readonly owner: GroupOwner
  /** One delivery is over for this client: acknowledged, or dropped. */
  settled(clientId: string): void
  /** The client's session ends: the group takes back what it may. */
  ending(exchanges: Returning): void
}

/** What a client has in flight, as a share group asks for it. */
export interface Returning {
  readonly clientId: string
  /** Takes out what was sent of this group at QoS 1 and is not settled, oldest first; QoS 2 stays [MQTT-4.8.2-4]. */
  giveBack(origin: DeliveryOrigin): readonly Delivery[]
}

export interface Delivery {
  readonly message: Message
  readonly qos: QoS
  readonly retain: boolean
  /** Subscription Identifiers, for clients of MQTT 5. */
  readonly identifiers: readonly number[]
  /** Null for a subscription that is not shared. */
  readonly origin: DeliveryOrigin | null
  /** Its number in the store; 0 when its owner does not outlive a crash. */
  stored: number
  /** A number kept for it while it waits in a share group, should the store take it later; else 0. */
  reserved: number
  /** What must be committed before it may leave (see Journal); 0 for nothing. */
  commitId: CommitId
  /** 0 until it is sent for the first time. */
  packetId: number
  /** Its place among those that are sent again: grows with each PUBLISH and each PUBREC [MQTT-4.6.0-1, MQTT-4.6.0-4]. */
  order: number
  /** PUBREC came: only PUBREL may follow [MQTT-4.3.3-6]. */
  isReceived: boolean
  /** Sent on the present connection. */
  isOnWire: boolean
}

/** The object of a delivery, and its place in a queue or a window. */
export const DELIVERY_BYTES = 168

/** Of a message that was sent to the client, on this connection or an earlier one; `none` is a free identifier. */
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

/** Stands for a message whose PUBREC came: only PUBREL is sent again, so nobody reads it. */
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

/** As the store kept it: it is committed, so nothing waits for it. */
export function restoredDelivery(stored: StoredDelivery, origin: DeliveryOrigin | null): Delivery {
  const { message, qos, retain, identifiers } = stored
  return {
    ...newDelivery(message ?? { ...UNREAD }, qos, retain, identifiers, origin, stored.delivery, 0),
    packetId: stored.packetId,
    isReceived: message === null,
  }
}
