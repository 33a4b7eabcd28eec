// What happens in the broker, for logs and for programs that embed it. Observers read; they never steer.

import type { Message } from '../message.ts'
import type { ProtocolVersion } from '../packet/packet.ts'
import type { ReasonCode } from '../packet/reason.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { DropReason } from '../session/session-context.ts'

export interface ClientFacts {
  /** Empty when CONNECT could not be read. */
  readonly clientId: string
  /** Null when CONNECT could not be read. */
  readonly version: ProtocolVersion | null
  readonly username: string | null
  readonly address: string
  readonly transport: string
}

/** What has thrown. `connection` is ours; the others are what an embedding program or an author of rules has given us. */
export type FaultPlace =
  'connection' | 'right' | 'authentication' | 'observer' | 'log' | 'stream' | 'web page'

export interface Observer {
  connected?(client: ClientFacts, sessionPresent: boolean): void
  /** `sentence` says why, in words for the log. */
  disconnected?(client: ClientFacts, reason: ReasonCode, sentence: string): void
  /** CONNECT was refused, or what came was no MQTT. */
  refused?(client: ClientFacts, reason: ReasonCode, sentence: string): void
  subscribed?(clientId: string, subscription: Subscription): void
  /** A filter of SUBSCRIBE was refused; of each packet, or part of a long one, the first. */
  subscribeRefused?(clientId: string, filter: string, reason: ReasonCode, sentence: string): void
  unsubscribed?(clientId: string, filter: string): void
  published?(message: Message, receivers: number): void
  /** A PUBLISH that was refused: too many levels, no right, over a quota. */
  publishRefused?(clientId: string, topic: string, reason: ReasonCode, sentence: string): void
  dropped?(reason: DropReason, message: Message, clientId: string | null): void
  /** Something has thrown, and no more than one connection ended of it. */
  failed?(place: FaultPlace, error: unknown, clientId: string | null): void
}

/** All of them: the compiler asks for one that is missing. */
const NAMES: Readonly<Record<keyof Observer, true>> = {
  connected: true,
  disconnected: true,
  refused: true,
  subscribed: true,
  subscribeRefused: true,
  unsubscribed: true,
  published: true,
  publishRefused: true,
  dropped: true,
  failed: true,
}

/** The names of all that an observer may hear. */
export const OBSERVED: readonly (keyof Observer)[] = Object.keys(NAMES) as (keyof Observer)[]
