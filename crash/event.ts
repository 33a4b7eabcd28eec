// What the ledger holds: facts that clients know for themselves, in the order in which they came to know them.
// Nothing here is taken from the broker's word or from its files.

import type { QoS } from '../src/packet/packet.ts'

export interface WillFacts {
  /** Who speaks in the will's payload, and the number of this will. */
  readonly publisher: string
  readonly sequence: number
  readonly delaySeconds: number
}

export interface ConnectingEvent {
  readonly kind: 'connecting'
  readonly client: string
  readonly cleanStart: boolean
  /** The session is to outlive the connection. */
  readonly isDurable: boolean
  readonly will: WillFacts | null
}

export interface PublishingEvent {
  readonly kind: 'publishing'
  readonly publisher: string
  readonly sequence: number
  readonly topic: string
  readonly qos: QoS
  readonly retain: boolean
  /** With `retain`: the topic's retained message is cleared. */
  readonly isEmpty: boolean
}

export interface DeliveredEvent {
  readonly kind: 'delivered'
  readonly client: string
  readonly publisher: string
  readonly sequence: number
  readonly topic: string
  readonly qos: QoS
  readonly duplicate: boolean
  readonly isIntact: boolean
}

export type LedgerEvent =
  /** The broker takes connections. */
  | { readonly kind: 'started' }
  | { readonly kind: 'killed' }
  | ConnectingEvent
  | { readonly kind: 'connected'; readonly client: string; readonly sessionPresent: boolean }
  /** DISCONNECT is on its way; with `endsSession` it asks for the end of the session as well. */
  | { readonly kind: 'goodbye'; readonly client: string; readonly endsSession: boolean }
  /** The connection is over, whoever ended it. */
  | { readonly kind: 'closed'; readonly client: string }
  | {
      readonly kind: 'subscribing'
      readonly client: string
      readonly filter: string
      readonly qos: QoS
    }
  | { readonly kind: 'subscribed'; readonly client: string; readonly filter: string }
  | { readonly kind: 'unsubscribing'; readonly client: string; readonly filter: string }
  | { readonly kind: 'unsubscribed'; readonly client: string; readonly filter: string }
  | PublishingEvent
  /** Again, with DUP, after the connection was lost. */
  | { readonly kind: 'resent'; readonly publisher: string; readonly sequence: number }
  /** PUBACK or PUBREC: from here on the message is the broker's to keep. */
  | { readonly kind: 'accepted'; readonly publisher: string; readonly sequence: number }
  /** PUBACK or PUBCOMP: the packet identifier is free again. */
  | { readonly kind: 'settled'; readonly publisher: string; readonly sequence: number }
  | { readonly kind: 'refused'; readonly publisher: string; readonly sequence: number }
  /** The broker has forgotten the publisher's session, and with it what was in flight. */
  | { readonly kind: 'abandoned'; readonly publisher: string; readonly sequence: number }
  | DeliveredEvent
  /** PUBREL came for a message of QoS 2. */
  | { readonly kind: 'released'; readonly client: string }
  /** A new subscriber asks for all that is retained. */
  | { readonly kind: 'retained-asked'; readonly client: string }
  | {
      readonly kind: 'retained-heard'
      readonly client: string
      readonly topic: string
      readonly publisher: string
      readonly sequence: number
    }
  /** It has waited long enough: what did not come is not retained. */
  | { readonly kind: 'retained-told'; readonly client: string }
  /** Everybody is connected, nothing was published for a while and nothing came: accounts can be closed. */
  | { readonly kind: 'quiet' }
