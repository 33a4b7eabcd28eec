// The context that all connections of a broker share, and the port to the owner of a connection's socket.

import type { Credentials } from '../access/access.ts'
import type { ClientIdPattern } from '../access/client-id-pattern.ts'
import type { Refusal } from '../broker/not-admitted.ts'
import type { Broker } from '../broker/broker.ts'
import type { ConnectQueue } from './connect-queue.ts'
import type { ListenerTerms } from './negotiated-limits.ts'
import type { ChunkPool } from './outbox.ts'
import type { PublishEncoder } from './publish-encoder.ts'
import type { ReadingLimits } from './reading-limits.ts'
import type { StrangerBudget } from './stranger-budget.ts'
import type { UserRates } from './user-rates.ts'

export interface ConnectionContext {
  readonly broker: Broker
  readonly encoder: PublishEncoder
  readonly pool: ChunkPool
  readonly reading: ReadingLimits
  readonly strangers: StrangerBudget
  readonly connects: ConnectQueue
  /** What all clients of a user send, and are sent. */
  readonly userRates: { readonly incoming: UserRates; readonly outgoing: UserRates }
  /** Response Information for clients that ask [MQTT-3.1.2-28], or null. */
  readonly responseInformation: string | null
  /** Which client ids a user may have; null for any. */
  readonly clientIds: ClientIdPattern | null
  /** Returns an unused client id [MQTT-3.1.3-6]. */
  newClientId(): string
}

/** The peer, as the host knows it. */
export interface ConnectionPeer {
  readonly address: string
  readonly transport: string
  /** The name of the listener that accepted it. */
  readonly listener?: string
  readonly requiresUser?: boolean
  /** Left out: the listener asks for nothing special. */
  readonly terms?: ListenerTerms
  readonly certificate: Credentials['certificate']
  /** The pre-shared key that TLS has verified. Left out or null: none. */
  readonly psk?: { readonly identity: string } | null
}

/** What has happened to a connection before its first byte of MQTT. */
export interface Admittance {
  /** The milliseconds of the time for CONNECT that are over. */
  readonly spentMs: number
  /** Why its CONNECT is refused, whatever it says; null if it is not. */
  readonly refusal: Refusal | null
}

export const AT_ONCE: Admittance = { spentMs: 0, refusal: null }

/** The owner of the socket. It does what the connection cannot do itself, before the turn ends. */
export interface ConnectionHost {
  /** Calls `proceed` of the connection in the next turn. */
  requestProceed(): void
  /** The CONNECT that had to wait may be answered: its question is to be asked. */
  mayAsk(): void
  /** Is called when there are bytes to send, a question to answer, or a socket to close. It may be called often. */
  requestFlush(): void
  /** Whether the system takes bytes as fast as they are written. While it is false, `drained` will be called. */
  readonly isFlowing: boolean
  /** Whether the broker has stopped reading from this client. Then silence is not the client's fault. */
  readonly isPaused: boolean
  /** The bytes that wait for the socket outside of the outbox. */
  readonly pendingBytes: number
  /** Hands to the socket what may leave by now: before the end of the turn when the outbox has grown large within it. */
  write(): void
}

/** A question of the connection, which cannot wait for the answer itself. */
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
