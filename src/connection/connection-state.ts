// The states of a connection. Each state has only its own data.

import type { ConnectPacket, ReadingTerms } from '../packet/packet.ts'
import type { ReasonCode } from '../packet/reason.ts'
import type { ConnectedClient } from './connected-client.ts'
import type { Question } from './connection-context.ts'
import type { NegotiatedLimits } from './negotiated-limits.ts'

export type ConnectionState = ReadingState | Authenticating | Reauthenticating | Closed

/** The states in which packets are read: no question is open. */
export type ReadingState = AwaitingConnect | AwaitingAuth | Connected

interface AwaitingConnect {
  readonly kind: 'awaiting-connect'
  readonly terms: ReadingTerms
  readonly question: null
  /** A probe opens the connection only to check that it can be opened. */
  hasReceived: boolean
}

/** From CONNECT to CONNACK. */
interface BetweenConnectAndConnack {
  readonly kind: 'authenticating'
  readonly terms: ReadingTerms
  /** The CONNECT packet, copied into memory of its own. */
  readonly connect: ConnectPacket
  readonly negotiated: NegotiatedLimits
  /** How many questions the authentication has had: CONNECT, and each AUTH. */
  readonly steps: number
  /** The time of the turn in which CONNECT was read. */
  readonly since: number
}

/** The host must answer the question before the next packet is read. */
export interface Authenticating extends BetweenConnectAndConnack {
  readonly question: Question
}

/** The client must send AUTH. */
export interface AwaitingAuth extends BetweenConnectAndConnack {
  readonly question: null
}

interface WithSession {
  readonly kind: 'connected'
  readonly terms: ReadingTerms
  readonly client: ConnectedClient
}

export interface Connected extends WithSession {
  readonly question: null
  /** Null if CONNECT had no authentication method: then AUTH is not allowed [MQTT-4.12.0-7]. */
  readonly reauthentication: Reauthentication | null
}

/** The client has sent AUTH. The host must answer the question before the next packet is read. */
export interface Reauthenticating extends WithSession {
  readonly question: Question
  readonly reauthentication: Reauthentication
}

interface Reauthentication {
  /** The identity from CONNECT, without will and properties. */
  readonly connect: ConnectPacket
  /** The reason code that the client's next AUTH must have. */
  readonly expected: ReasonCode
  /** How many AUTH packets of the client the present re-authentication has had. */
  readonly steps: number
}

/** Nothing is read any more. The socket is closed when the outbox is empty. */
interface Closed {
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

/** Returns the bytes of CONNECT that are kept until its client is let in. */
export function openingBytes(state: ConnectionState): number {
  if (state.kind !== 'authenticating') return 0
  const { will, password } = state.connect
  return (will?.payload.length ?? 0) + (password?.length ?? 0)
}
