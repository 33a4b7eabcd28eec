// What all connections of a broker share, and what a connection asks of the owner of its socket.

import type { Credentials } from '../access/access.ts'
import type { Broker } from '../broker/broker.ts'
import type { ChunkPool } from './outbox.ts'
import type { PublishEncoder } from './publish-encoder.ts'
import type { ReadingLimits } from './reading-limits.ts'

export interface ConnectionContext {
  readonly broker: Broker
  readonly encoder: PublishEncoder
  readonly pool: ChunkPool
  readonly reading: ReadingLimits
  /** Response Information for clients that ask [MQTT-3.1.2-28], or null. */
  readonly responseInformation: string | null
  /** A client id nobody has [MQTT-3.1.3-6]. */
  newClientId(): string
}

/** Who is at the other end, as the host knows it. */
export interface ConnectionPeer {
  readonly address: string
  readonly transport: string
  readonly certificate: Credentials['certificate']
}

/** Whoever owns the socket: does what the connection cannot do itself, before the turn ends. */
export interface ConnectionHost {
  /** There are bytes to send, a question to ask or an end to make. May be called often. */
  requestFlush(): void
  /** The system keeps up with the bytes that it is given. While this is false, `drained` is sure to come. */
  readonly isFlowing: boolean
  /** We have stopped reading from this client, so its silence is ours. */
  readonly isPaused: boolean
  /** Bytes that wait for the socket outside of the outbox. */
  readonly pendingBytes: number
  /** Hands to the socket what may leave by now: before the end of the turn when the outbox has grown large within it. */
  write(): void
}

/** What the connection wants to know of the world outside, and cannot wait for. */
export type Question =
  | { readonly kind: 'authenticate'; readonly credentials: Credentials }
  | {
      readonly kind: 'exchange'
      readonly method: string
      readonly data: Buffer | null
      readonly credentials: Credentials
      /** The first step of a new exchange: CONNECT, or a re-authentication. */
      readonly isFirst: boolean
    }
