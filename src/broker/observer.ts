// The events of the broker, for logs and for embedding programs. Each event is declared here and nowhere else.
// Observers must not change the broker.

import { type Message, shownMessage } from '../message.ts'
import type { ProtocolVersion, QoS } from '../packet/packet.ts'
import type { ReasonCode } from '../packet/reason.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { DropReason } from '../session/session-context.ts'
import type { GroupOwner } from '../store/change.ts'

export interface ClientFacts {
  /** Empty when CONNECT could not be read. */
  readonly clientId: string
  /** Null when CONNECT could not be read. */
  readonly version: ProtocolVersion | null
  readonly username: string | null
  readonly address: string
  readonly transport: string
}

/** The code that has thrown. `connection` is the broker itself; the others are code that an embedding program supplied. */
export type FaultPlace =
  'connection' | 'right' | 'authentication' | 'hook' | 'observer' | 'log' | 'stream' | 'web page'

/** Who ended a connection. `network`: the socket closed without DISCONNECT. `takeover`: another connection with its client id. */
export type EndedBy = 'client' | 'broker' | 'network' | 'takeover'

interface EventDeclaration<Args extends unknown[]> {
  /** Returns arguments that a program may keep and cannot change: lent bytes are copied. */
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

function ofClient<Rest extends unknown[]>([client, ...rest]: [ClientFacts, ...Rest]): [
  ClientFacts,
  ...Rest,
] {
  return [{ ...client }, ...rest]
}

/** The events that embedding programs may listen to with `broker.on(name, handler)`. */
const FOR_PROGRAMS = {
  connected: event<[client: ClientFacts, sessionPresent: boolean]>(ofClient),
  /** `sentence` is the reason, for the log. */
  disconnected:
    event<[client: ClientFacts, reason: ReasonCode, sentence: string, by: EndedBy]>(ofClient),
  /** CONNECT was refused, or the bytes were not MQTT. */
  refused: event<[client: ClientFacts, reason: ReasonCode, sentence: string]>(ofClient),
  subscribed: event<[clientId: string, subscription: Subscription]>(([clientId, subscription]) => [
    clientId,
    { ...subscription },
  ]),
  /**
   * A filter of SUBSCRIBE was refused. Only the first refusal of each packet, or of each part of a long packet, is reported.
   * `rule` says where the deciding rule is written; it is null where no rule decided.
   */
  subscribeRefused:
    event<
      [clientId: string, filter: string, reason: ReasonCode, sentence: string, rule: string | null]
    >(),
  /** A filter of UNSUBSCRIBE was refused, and its subscription stays. Only the first refusal of each packet, or part of one. */
  unsubscribeRefused:
    event<
      [clientId: string, filter: string, reason: ReasonCode, sentence: string, rule: string | null]
    >(),
  /** Users or rules have changed, and the subscription is not allowed any more: it was removed. */
  subscriptionRevoked: event<[clientId: string, filter: string, rule: string]>(),
  unsubscribed: event<[clientId: string, filter: string]>(),
  published: event<[message: Message, receivers: number]>(([message, receivers]) => [
    shownMessage(message),
    receivers,
  ]),
  /**
   * A PUBLISH was refused: too many levels, no right, or over a quota. `rule` as above; `traceparent` is the user property of that
   * name, if it is one of W3C Trace Context.
   */
  publishRefused:
    event<
      [
        clientId: string,
        topic: string,
        reason: ReasonCode,
        sentence: string,
        rule: string | null,
        traceparent: string | null,
      ]
    >(),
  dropped: event<[reason: DropReason, message: Message, clientId: string | null]>(
    ([reason, message, clientId]) => [reason, shownMessage(message), clientId],
  ),
}

const INTERNAL = {
  /** A PUBLISH waits until the queue of a subscriber has room. `rule` names the queue. */
  publishHeld: event<[clientId: string, topic: string, sentence: string, rule: string | null]>(),
  /** An exception was contained; it ended at most one connection. */
  failed: event<[place: FaultPlace, error: unknown, clientId: string | null]>(),
  /** Connections with one client id end each other too often. The arguments: the present one, the one that takes over, the number. */
  contested: event<[present: ClientFacts, newcomer: ClientFacts, takeovers: number]>(),
  /** Clients connect faster than they are answered: the first one waits. */
  connectsWait: event<[]>(),
  /** A client sends or gets more than this limit allows, and is read or sent to more slowly. */
  slowed: event<[clientId: string, limit: string]>(),
  /** A connection takes the session of another one over, which is still `present`. */
  tookOver: event<[present: ClientFacts, newcomer: ClientFacts]>(),
  /** CONNECT was accepted or refused, so many milliseconds after it was read. */
  connectAnswered: event<[milliseconds: number]>(),
  /** A message of QoS 1 or 2 was sent to a client, or sent again. */
  sent: event<[clientId: string, message: Message, duplicate: boolean]>(),
  /** A client has acknowledged a message in full. */
  acknowledged: event<[clientId: string, message: Message]>(),
  /** A member of a share group that an administrator has taken out has settled all that it had. */
  memberDrained: event<[group: GroupOwner, clientId: string]>(),
  /** A message of a named queue has become a dead letter: `expired`, `refused`, `deliveries` or `overflow`. */
  deadLetter: event<[queue: string, reason: string]>(),
  /** A PUBLISH was handed to the socket of a client, as hooks have left it. */
  delivered: event<[clientId: string, message: Message, qos: QoS, duplicate: boolean]>(),
  pinged: event<[clientId: string]>(),
  /** A connection has ended, whether its client was let in or not. */
  connectionEnded: event<[peer: object, reason: ReasonCode, sentence: string, by: EndedBy]>(),
  /** A SUBSCRIBE or UNSUBSCRIBE was answered, with a reason for each filter. */
  filtersAnswered:
    event<
      [
        type: 'suback' | 'unsuback',
        clientId: string,
        filters: readonly string[],
        reasons: readonly ReasonCode[],
      ]
    >(),
  /** A prepared transaction was aborted, because nobody decided it within so many seconds. */
  transactionUndecided: event<[clientId: string, id: string, seconds: number]>(),
  sessionCreated: event<[clientId: string]>(),
  /** A client has come back to its session. */
  sessionResumed: event<[clientId: string]>(),
  sessionEnded: event<[clientId: string]>(),
  sessionExpired: event<[clientId: string]>(),
  /** A will was published, to so many receivers. */
  willPublished: event<[clientId: string, topic: string, receivers: number]>(),
}

/** The events that a program may listen to, and the arguments of its handlers. */
export type BrokerEvents = {
  [Name in keyof typeof FOR_PROGRAMS]: ArgsOf<(typeof FOR_PROGRAMS)[Name]>
}

/** All events, and the arguments of each. */
export type Events = BrokerEvents & {
  [Name in keyof typeof INTERNAL]: ArgsOf<(typeof INTERNAL)[Name]>
}

/** An observer has a method for each event that it listens to. */
export type Observer = {
  [Name in keyof Events]?: ((...args: Events[Name]) => void) | undefined
}

export const PROGRAM_EVENTS: Declarations<BrokerEvents> = FOR_PROGRAMS

export const EVENT_NAMES: readonly (keyof Events)[] = Object.keys({
  ...FOR_PROGRAMS,
  ...INTERNAL,
}) as (keyof Events)[]
