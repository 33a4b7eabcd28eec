// Every durable fact, as one closed union. A store persists facts; it answers no questions about topics.

import type { Message } from '../message.ts'
import type { QoS, Will } from '../packet/packet.ts'
import type { Subscription } from '../routing/subscription.ts'

/** Who owes a delivery: one client's session, or a share group that has not chosen a member yet. */
export type Owner = SessionOwner | GroupOwner

export interface SessionOwner {
  readonly kind: 'session'
  readonly clientId: string
}

export interface GroupOwner {
  readonly kind: 'group'
  readonly shareName: string
  readonly topicFilter: string
}

export type Change =
  /** A session that outlives its connection exists from here on, with nothing in it. */
  | {
      readonly kind: 'session-opened'
      readonly clientId: string
      readonly expiryIntervalSeconds: number
    }
  /** The client came back, perhaps with another expiry. */
  | {
      readonly kind: 'session-resumed'
      readonly clientId: string
      readonly expiryIntervalSeconds: number
    }
  /** The client is away; the session ends at `expiresAt` milliseconds (Infinity: never). */
  | { readonly kind: 'session-left'; readonly clientId: string; readonly expiresAt: number }
  /** The session and all that it owed are gone. */
  | { readonly kind: 'session-ended'; readonly clientId: string }
  | {
      readonly kind: 'will-set'
      readonly clientId: string
      readonly will: Will
    }
  | { readonly kind: 'will-cleared'; readonly clientId: string }
  /** The connection is gone: the will is due at this time, in milliseconds. */
  | { readonly kind: 'will-delayed'; readonly clientId: string; readonly at: number }
  | {
      readonly kind: 'subscribed'
      readonly clientId: string
      readonly subscription: Subscription
    }
  | { readonly kind: 'unsubscribed'; readonly clientId: string; readonly filter: string }
  /**
   * The retained messages that the subscription asked for, those with sequences up to `sequenceMax`, are not all sent
   * yet: they are owed until `replayed`, and no longer than there is the subscription.
   */
  | {
      readonly kind: 'replay-begun'
      readonly clientId: string
      readonly filter: string
      readonly sequenceMax: number
    }
  | { readonly kind: 'replayed'; readonly clientId: string; readonly filter: string }
  /** Stored once, before the facts of the same turn that refer to it by its sequence. */
  | { readonly kind: 'message-stored'; readonly message: Message }
  | {
      readonly kind: 'queued'
      readonly delivery: number
      readonly owner: Owner
      readonly sequence: number
      readonly qos: QoS
      readonly retain: boolean
      readonly identifiers: readonly number[]
      /** Sent at once to the session that owes it, under this identifier; 0: it waits. */
      readonly packetId: number
    }
  /**
   * Sent under this packet identifier, which a resend must bear as well [MQTT-4.4.0-1]. `owner` is where it waited;
   * from here on it lies with the client's session. One without a stored session leaves it with the owner.
   */
  | {
      readonly kind: 'sent'
      readonly delivery: number
      readonly owner: Owner
      readonly clientId: string
      readonly packetId: number
      /** What a share group owes takes these from the subscription of the member that it was sent to. */
      readonly qos: QoS
      readonly retain: boolean
      /** The same. What a session owes keeps those that it was owed with. */
      readonly identifiers: readonly number[]
    }
  /** A member of a share group left before it settled the delivery: the group owes it again, as before it was sent. */
  | {
      readonly kind: 'returned'
      readonly delivery: number
      readonly clientId: string
      readonly owner: GroupOwner
    }
  /** PUBREC came: from here on only PUBREL may be sent. */
  | { readonly kind: 'received'; readonly delivery: number; readonly clientId: string }
  /** `owner` is where the delivery lies at that moment. */
  | { readonly kind: 'settled'; readonly delivery: number; readonly owner: Owner }
  /** QoS 2 from a client: the packet identifier is in use until PUBREL. */
  | { readonly kind: 'incoming-opened'; readonly clientId: string; readonly packetId: number }
  | { readonly kind: 'incoming-released'; readonly clientId: string; readonly packetId: number }
  /** The group has no member any more: all that waits there is gone. */
  | { readonly kind: 'group-ended'; readonly owner: GroupOwner }
  | { readonly kind: 'retained-set'; readonly topic: string; readonly sequence: number }
  | { readonly kind: 'retained-cleared'; readonly topic: string }
