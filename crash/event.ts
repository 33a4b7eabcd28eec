// The events of the event log: what clients sent and received, in their order.
// No event is read from the broker's own output or files.

import type { QoS } from '../src/packet/packet.ts'
import type { MessageId } from './payload.ts'

export interface WillSettings {
  /** The publisher and the sequence in the will's payload. */
  readonly publisher: string
  readonly sequence: number
  readonly delaySeconds: number
}

export interface ConnectingEvent {
  readonly kind: 'connecting'
  readonly client: string
  readonly cleanStart: boolean
  /** Whether the session outlives the connection. */
  readonly isDurable: boolean
  readonly will: WillSettings | null
}

export interface PublishingEvent {
  readonly kind: 'publishing'
  readonly publisher: string
  readonly sequence: number
  readonly topic: string
  readonly qos: QoS
  readonly retain: boolean
  /** With `retain`: whether it clears the topic's retained message. */
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

/** A consumer of a named queue received a message. */
export interface HandedEvent {
  readonly kind: 'handed'
  readonly client: string
  readonly queue: string
  readonly publisher: string
  readonly sequence: number
  readonly topic: string
  readonly qos: QoS
  readonly duplicate: boolean
  readonly isIntact: boolean
  /** How often it was handed out, as the broker says; null for clients of MQTT 3, who are not told. */
  readonly count: number | null
  /** Of a dead letter: the queue that it was in, and why it is dead. */
  readonly dead: { readonly queue: string; readonly reason: string } | null
}

/** The consumer acknowledged it, or refused it. */
export interface AnsweredEvent {
  readonly kind: 'answered'
  readonly client: string
  readonly publisher: string
  readonly sequence: number
  readonly isAccepted: boolean
}

export type TransactionVerb = 'commit' | 'abort' | 'prepare'

/** What of a transaction was staged on the connection before it was asked for; `unsure`: what was in flight was sent again. */
export type Staged = 'all' | 'part' | 'nothing' | 'unsure'

/** A client makes a transaction of these messages. */
export interface TransactionMadeEvent {
  readonly kind: 'transaction-made'
  /** NAME.N: NAME is the client id, and the sequences of the messages are 10 N + 1 and so on. */
  readonly transaction: string
  readonly messages: readonly TransactionMessage[]
}

export interface TransactionMessage extends MessageId {
  readonly topic: string
  readonly qos: 1 | 2
  /** The message of a queue that is settled with it; null for none. */
  readonly input: MessageId | null
}

export interface TransactionAnsweredEvent {
  readonly kind: 'transaction-answered'
  readonly transaction: string
  readonly verb: TransactionVerb
  readonly staged: Staged
  readonly isRefused: boolean
  readonly sentence: string
}

export type LoggedEvent =
  /** The broker accepts connections. */
  | { readonly kind: 'started' }
  | { readonly kind: 'killed' }
  | ConnectingEvent
  | { readonly kind: 'connected'; readonly client: string; readonly sessionPresent: boolean }
  /** DISCONNECT was sent. With `endsSession` it asks for the end of the session as well. */
  | { readonly kind: 'disconnecting'; readonly client: string; readonly endsSession: boolean }
  /** The connection has ended, from either side. */
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
  /** The message was sent again with DUP after the connection was lost. */
  | { readonly kind: 'resent'; readonly publisher: string; readonly sequence: number }
  /** PUBACK or PUBREC arrived: from now on the broker must not lose the message. */
  | { readonly kind: 'accepted'; readonly publisher: string; readonly sequence: number }
  /** PUBACK or PUBCOMP arrived: the packet identifier is free again. */
  | { readonly kind: 'settled'; readonly publisher: string; readonly sequence: number }
  | { readonly kind: 'refused'; readonly publisher: string; readonly sequence: number }
  /** The broker has no session of the publisher any more, so its messages in flight are abandoned. */
  | { readonly kind: 'abandoned'; readonly publisher: string; readonly sequence: number }
  | DeliveredEvent
  | HandedEvent
  | AnsweredEvent
  | TransactionMadeEvent
  | {
      readonly kind: 'transaction-asked'
      readonly transaction: string
      readonly verb: TransactionVerb
    }
  | TransactionAnsweredEvent
  /** The broker says that the transaction is prepared and waits for its decision. */
  | { readonly kind: 'transaction-undecided'; readonly transaction: string }
  /** PUBREL arrived for a message of QoS 2. */
  | { readonly kind: 'released'; readonly client: string }
  /** A new subscriber subscribes to all retained messages. */
  | { readonly kind: 'retained-asked'; readonly client: string }
  | {
      readonly kind: 'retained-received'
      readonly client: string
      readonly topic: string
      readonly publisher: string
      readonly sequence: number
    }
  /** The subscriber has waited long enough: a message that did not come is not retained. */
  | { readonly kind: 'retained-answered'; readonly client: string }
  /** All clients are connected, and for a while nothing was published and nothing came: the log can be checked. */
  | { readonly kind: 'quiet' }
