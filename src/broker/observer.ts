// What happens in the broker, for logs and for programs that embed it: each event is declared here, and nowhere else.
// Observers change nothing.

import { type Message, withOwnBytes } from '../message.ts'
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

/** What has thrown. `connection` is the broker itself; the others are code that an embedding program supplied. */
export type FaultPlace =
  'connection' | 'right' | 'authentication' | 'observer' | 'log' | 'stream' | 'web page'

interface EventDeclaration<Args extends unknown[]> {
  /** The arguments as a program may keep them: bytes that are only lent are copied. */
  readonly owned: (args: Args) => Args
}

type Declarations<All extends { [Name in keyof All]: unknown[] }> = {
  readonly [Name in keyof All]: EventDeclaration<All[Name]>
}

type ArgsOf<Declaration> = Declaration extends EventDeclaration<infer Args> ? Args : never

function event<Args extends unknown[]>(
  owned: (args: Args) => Args = args => args,
): EventDeclaration<Args> {
  return { owned }
}

/** Events that embedding programs may listen to as well: `broker.on(name, handler)`. */
const FOR_PROGRAMS = {
  connected: event<[client: ClientFacts, sessionPresent: boolean]>(),
  /** `sentence` says why, in words for the log. */
  disconnected: event<[client: ClientFacts, reason: ReasonCode, sentence: string]>(),
  /** CONNECT was refused, or what came was no MQTT. */
  refused: event<[client: ClientFacts, reason: ReasonCode, sentence: string]>(),
  subscribed: event<[clientId: string, subscription: Subscription]>(),
  /** A filter of SUBSCRIBE was refused; of each packet, or part of a long one, the first. */
  subscribeRefused:
    event<[clientId: string, filter: string, reason: ReasonCode, sentence: string]>(),
  unsubscribed: event<[clientId: string, filter: string]>(),
  published: event<[message: Message, receivers: number]>(([message, receivers]) => [
    withOwnBytes(message),
    receivers,
  ]),
  /** A PUBLISH that was refused: too many levels, no right, over a quota. */
  publishRefused: event<[clientId: string, topic: string, reason: ReasonCode, sentence: string]>(),
  dropped: event<[reason: DropReason, message: Message, clientId: string | null]>(
    ([reason, message, clientId]) => [reason, withOwnBytes(message), clientId],
  ),
}

const INTERNAL = {
  /** Something has thrown, and no more than one connection ended of it. */
  failed: event<[place: FaultPlace, error: unknown, clientId: string | null]>(),
}

/** The events that a program may listen to, and the arguments of its handlers. */
export type BrokerEvents = {
  [Name in keyof typeof FOR_PROGRAMS]: ArgsOf<(typeof FOR_PROGRAMS)[Name]>
}

/** All events, and the arguments of each. */
export type Events = BrokerEvents & {
  [Name in keyof typeof INTERNAL]: ArgsOf<(typeof INTERNAL)[Name]>
}

/** Has a method for each event that it listens to. */
export type Observer = {
  [Name in keyof Events]?: ((...args: Events[Name]) => void) | undefined
}

export const PROGRAM_EVENTS: Declarations<BrokerEvents> = FOR_PROGRAMS

export const EVENT_NAMES: readonly (keyof Events)[] = Object.keys({
  ...FOR_PROGRAMS,
  ...INTERNAL,
}) as (keyof Events)[]
