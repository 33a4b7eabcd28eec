// What a database of mosquitto holds, whichever its format.

import type { Properties, QoS } from '../packet/packet.ts'

/** A message, which retained topics and queues refer to by its number. */
export interface BaseMessage {
  readonly topic: string
  readonly payload: Buffer
  readonly qos: QoS
  readonly retain: boolean
  readonly properties: Properties
  /** In milliseconds; Infinity for never. */
  readonly expiresAt: number
  /** The client id of the publisher; null for the broker itself. */
  readonly publisher: string | null
}

/** How far the exchange of a message with a client is. The numbers are those of mosquitto. */
export const STATES = {
  waitForPuback: 3,
  waitForPubrec: 5,
  resendPubrel: 6,
  waitForPubcomp: 9,
  queued: 11,
} as const

/** A message on its way to a client, or at QoS 2 from it. */
export interface ClientMessage {
  readonly messageId: bigint
  readonly packetId: number
  readonly qos: QoS
  readonly state: number
  readonly retain: boolean
  readonly isIncoming: boolean
  readonly identifiers: readonly number[]
}

interface DatabaseSubscription {
  readonly filter: string
  readonly qos: QoS
  readonly noLocal: boolean
  readonly retainAsPublished: boolean
  readonly retainHandling: 0 | 1 | 2
  /** 0 for none. */
  readonly identifier: number
}

export interface DatabaseClient {
  readonly clientId: string
  /** Null where there is none, or where the file is known to be wrong about it. */
  readonly username: string | null
  /** `NEVER` for a session without an end. */
  readonly expirySeconds: number
  /** In milliseconds; null for a client that was connected, or whose session never expires. */
  readonly expiresAt: number | null
  readonly subscriptions: Map<string, DatabaseSubscription>
  readonly messages: ClientMessage[]
}

export const NEVER = 0xffff_ffff

export interface Database {
  readonly messages: ReadonlyMap<bigint, BaseMessage>
  /** The numbers of the retained messages. */
  readonly retained: readonly bigint[]
  readonly clients: ReadonlyMap<string, DatabaseClient>
  /** A sentence about what such a file never holds. */
  readonly lacks: string
  /** Sentences about what could not be read, although mosquitto reads such a file. */
  readonly doubts: readonly string[]
}

/** The file is no database of mosquitto, or is damaged. */
export class DatabaseError extends Error {}
