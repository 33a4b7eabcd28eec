// Where a connection is on its way. Each state has what it needs, and nothing that belongs to another.

import type { ConnectPacket, ReadingTerms } from '../packet/packet.ts'
import type { ConnectedClient } from './connected-client.ts'
import type { Question } from './connection-context.ts'
import type { NegotiatedLimits } from './negotiated-limits.ts'

export type ConnectionState = AwaitingConnect | Authenticating | Connected | Closed

interface AwaitingConnect {
  readonly kind: 'awaiting-connect'
  readonly terms: ReadingTerms
  readonly question: null
  /** A probe opens the connection only to see whether it can be opened. */
  hasReceived: boolean
}

/** From CONNECT to CONNACK. */
export interface Authenticating {
  readonly kind: 'authenticating'
  readonly terms: ReadingTerms
  /** What the host must find out before the next packet is read; null while the client is to go on with AUTH. */
  question: Question | null
  /** In memory of its own. */
  readonly connect: ConnectPacket
  readonly negotiated: NegotiatedLimits
}

export interface Connected {
  readonly kind: 'connected'
  readonly terms: ReadingTerms
  /** As the client authenticates again, what the host must find out before the next packet is read. */
  question: Question | null
  readonly client: ConnectedClient
  /** Null where CONNECT named no authentication method: then there is no AUTH [MQTT-4.12.0-7]. */
  readonly reauthentication: Reauthentication | null
}

interface Reauthentication {
  /** Who the client said it was, without its will and properties. */
  readonly connect: ConnectPacket
  isUnderWay: boolean
}

/** Nothing is read any more. Once the outbox is empty the socket is closed. */
export interface Closed {
  readonly kind: 'closed'
  readonly terms: ReadingTerms
  readonly question: null
  /** Null when it closed before CONNECT. */
  readonly clientId: string | null
}

/** What CONNECT settled; null before it. */
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
