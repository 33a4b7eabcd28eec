// The states of a connection. Each state has only its own data.

import type { ConnectPacket, ReadingTerms } from '../packet/packet.ts'
import type { ConnectedClient } from './connected-client.ts'
import type { Question } from './connection-context.ts'
import type { NegotiatedLimits } from './negotiated-limits.ts'

export type ConnectionState = AwaitingConnect | Authenticating | Connected | Closed

interface AwaitingConnect {
  readonly kind: 'awaiting-connect'
  readonly terms: ReadingTerms
  readonly question: null
  /** A probe opens the connection only to check that it can be opened. */
  hasReceived: boolean
}

/** From CONNECT to CONNACK. */
export interface Authenticating {
  readonly kind: 'authenticating'
  readonly terms: ReadingTerms
  /** The question that the host must answer before the next packet is read; null while the client must send AUTH. */
  question: Question | null
  /** The CONNECT packet, copied into memory of its own. */
  readonly connect: ConnectPacket
  readonly negotiated: NegotiatedLimits
}

export interface Connected {
  readonly kind: 'connected'
  readonly terms: ReadingTerms
  /** During re-authentication, the question that the host must answer before the next packet is read. */
  question: Question | null
  readonly client: ConnectedClient
  /** Null if CONNECT had no authentication method: then AUTH is not allowed [MQTT-4.12.0-7]. */
  readonly reauthentication: Reauthentication | null
}

interface Reauthentication {
  /** The identity from CONNECT, without will and properties. */
  readonly connect: ConnectPacket
  isUnderWay: boolean
}

/** Nothing is read any more. The socket is closed when the outbox is empty. */
export interface Closed {
  readonly kind: 'closed'
  readonly terms: ReadingTerms
  readonly question: null
  /** Null if the connection closed before CONNECT. */
  readonly clientId: string | null
}

/** Returns the result of CONNECT; null before it. */
export function negotiatedIn(state: Exclude<ConnectionState, Closed>): NegotiatedLimits | null {
  switch (state.kind) {
    case 'awaiting-connect':
      return null
    case 'authenticating':
      return state.negotiated
    case 'connected':
      return state.client.negotiated
  }
}
