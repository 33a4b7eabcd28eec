// One message on its way to one session, from the moment it is owed until it is settled.

import type { Message } from '../message.ts'
import type { QoS } from '../packet/packet.ts'

/** What a share group hears of deliveries that came through it. */
export interface DeliveryOrigin {
  /** Settled, dropped or given back: the member has room again. */
  released(clientId: string): void
  /** The member left: the deliveries, oldest first, are the group's again. */
  returned(clientId: string, deliveries: readonly Delivery[]): void
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
  readonly stored: number
  /** What must be committed before it may leave (see Journal); 0 for nothing. */
  promise: number
  /** 0 until it is sent for the first time. */
  packetId: number
  /** PUBREC came: only PUBREL may follow [MQTT-4.3.3-6]. */
  isReceived: boolean
  /** Sent on the present connection. */
  isOnWire: boolean
}
