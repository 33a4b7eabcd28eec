// What hooks are called with, and what they may answer. Each hook is declared here and nowhere else.

import type { Credentials } from '../access/access.ts'
import type { CodeAnswer } from '../access/code-authenticator.ts'
import type { EndedBy } from '../broker/observer.ts'
import type { Message } from '../message.ts'
import type { Properties, ProtocolVersion, QoS, Will } from '../packet/packet.ts'
import type { ReasonCode } from '../packet/reason.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { DropReason } from '../session/session-context.ts'
import type { Client } from './client.ts'

/** Nothing or `true`: it goes on. `false`: refused with 0x87. */
export type Decision = void | boolean | HookRefusal

export interface HookRefusal {
  /** A reason code from 0x80 on. */
  readonly reason: number
  /** For the log, and as Reason String for a client of MQTT 5. */
  readonly sentence?: string
  /** Ends the connection as well. */
  readonly disconnect?: boolean
}

export interface ConnectContext extends Omit<Credentials, 'password'> {
  readonly client: Client
  readonly version: ProtocolVersion
  readonly cleanStart: boolean
  readonly keepAliveSeconds: number
  readonly will: Will | null
  /** The properties of CONNECT. */
  readonly properties: Properties
}

export interface AuthenticateContext extends Credentials {
  readonly client: Client
}

/** A message that is to be published. What may be changed is not readonly; give `payload` a new Buffer, do not write into it. */
export interface PublishContext {
  topic: string
  payload: Buffer
  qos: QoS
  retain: boolean
  properties: Properties
  /** Null when the publisher is not connected: a delayed will, or a user of the REST API. */
  readonly client: Client | null
  readonly clientId: string
  readonly username: string | null
  readonly isWill: boolean
}

/** A filter of SUBSCRIBE. */
export interface SubscribeContext extends Omit<Subscription, 'filter' | 'qos'> {
  /** With `$share/name/`. If it is changed, the client must unsubscribe from the new one. */
  filter: string
  qos: QoS
  readonly client: Client | null
  readonly clientId: string
  readonly username: string | null
}

/** A message on its way to one client. It is the same object for each of them until a hook has changed it. */
export interface DeliverContext {
  topic: string
  payload: Buffer
  properties: Properties
  readonly qos: QoS
  readonly publisher: string | null
  /** Whether it was sent to this client before. */
  readonly duplicate: boolean
  readonly client: Client | null
  readonly clientId: string
}

type Later<Answer> = Answer | Promise<Answer>

/** The hooks that decide. They may answer later, except `onDeliver`. */
interface DecidingHooks {
  /** CONNECT has arrived, and nobody is authenticated yet. */
  onConnect: (context: ConnectContext) => Later<Decision>
  /** Null or nothing: the next hook is asked, and after the last one the `access` of the broker. */
  onAuthenticate: (context: AuthenticateContext) => Later<CodeAnswer | void>
  /** A PUBLISH of a client, its will that is due, or a user of the REST API. Rights are checked on what it leaves. */
  onPublish: (context: PublishContext) => Later<Decision>
  /** Each filter of SUBSCRIBE. */
  onSubscribe: (context: SubscribeContext) => Later<Decision>
  /** Must answer at once. `false`: this client does not get the message. */
  onDeliver: (context: DeliverContext) => void | boolean
}

/** What the hooks that only observe are called with. */
export interface Observed {
  onConnected: { readonly client: Client; readonly sessionPresent: boolean }
  onDisconnect: {
    readonly client: Client
    readonly reason: ReasonCode
    readonly sentence: string
    readonly by: EndedBy
  }
  onSubscribed: { readonly clientId: string; readonly subscription: Subscription }
  onUnsubscribed: { readonly clientId: string; readonly filter: string }
  /** A PUBLISH was handed to the socket of a client. */
  onDelivered: {
    readonly clientId: string
    readonly message: Message
    readonly qos: QoS
    readonly duplicate: boolean
  }
  /** A client has acknowledged a message of QoS 1 or 2 in full. */
  onAcknowledged: { readonly clientId: string; readonly message: Message }
  /** A message did not reach a subscriber; null for a share group. */
  onDrop: {
    readonly clientId: string | null
    readonly message: Message
    readonly reason: DropReason
  }
  onSessionCreated: { readonly clientId: string }
  onSessionResumed: { readonly clientId: string }
  onSessionEnded: { readonly clientId: string }
}

type ObservingHooks = { [Name in keyof Observed]: (context: Observed[Name]) => unknown }

/** The hooks by name. */
export type Hooks = DecidingHooks & ObservingHooks

export type HookName = keyof Hooks
