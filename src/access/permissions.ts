// The permissions of one client. They are checked for every packet, so they must answer at once.

export interface Permissions {
  mayPublish(topic: string, qos: number, retain: boolean): boolean
  /** `filter` is the topic filter without `$share/group/`; `shareName` is the group, or null for a plain subscription. */
  maySubscribe(filter: string, shareName: string | null): boolean
  /** Whether the client may end a subscription. If it is left out, it may end all of its own. */
  mayUnsubscribe?(filter: string, shareName: string | null): boolean
  /**
   * Whether a message of this topic may be sent to the client. It is checked at delivery, and again when the message leaves a
   * queue. If it is left out, the client may receive everything that its subscriptions match.
   */
  mayReceive?(topic: string): boolean
  /**
   * Whether the client may join a share group with this filter. A member takes messages away from the others. It is checked at
   * SUBSCRIBE, after `maySubscribe`. If it is left out, every client that may subscribe may join.
   */
  mayShare?(filter: string): boolean
}

/** The present rules of all clients, and the last answer about receiving, which is the same for all clients with the same rules. */
export interface RulesState {
  /** A number that changes with each change of the rules. */
  readonly version: number
  /** The last topic that a client was allowed to receive, and the number of its rules. */
  readonly allowedTopic: string | null
  readonly allowedSet: number
}

/**
 * Permissions by rules. They can decide whether a whole filter may be received; then its messages need no checks. They name the
 * deciding rule, for example `rules.acl:12`, only for the log; null if no rule matches.
 */
export interface RuledPermissions extends Permissions {
  readonly rules: RulesState
  /** The number of the rules of this client, equal for clients with the same rules. Never used again after a change. 0 before the first check. */
  readonly ruleSet: number
  mayReceive(topic: string): boolean
  /** `filter` is the topic filter without `$share/group/`. */
  mayReceiveAllOf(filter: string): boolean
  publishRule(topic: string, qos: number, retain: boolean): string | null
  subscribeRule(filter: string, shareName: string | null): string | null
  unsubscribeRule(filter: string, shareName: string | null): string | null
  receiveRule(topic: string): string | null
}

/** Is logged in place of a rule if no rule allows the action. */
export const NO_RULE = 'none allows it'

export function isRuled(permissions: Permissions): permissions is RuledPermissions {
  return 'mayReceiveAllOf' in permissions
}

/** All permissions, except publishing to reserved topics: see `isReserved`. */
export const UNRESTRICTED: Permissions = {
  mayPublish: () => true,
  maySubscribe: () => true,
}

/**
 * No permissions, for a client that is not connected and not known any more. Messages for its session are queued. They are sent only
 * after the client has authenticated again, and with the permissions of that moment.
 */
export const NOTHING: Permissions = {
  mayPublish: () => false,
  maySubscribe: () => false,
}

/**
 * No permissions, for a client whose user is gone. Nothing more is queued for its session; its subscriptions wait for the user.
 * Another client with its client id discards the session.
 */
export const GONE: Permissions = {
  mayPublish: () => false,
  maySubscribe: () => false,
  mayReceive: () => false,
}

/** Returns the answer of a permission check. Throws for anything but true and false: a promise would count as true otherwise. */
export function rightIn(answer: unknown): boolean {
  if (typeof answer === 'boolean') return answer
  if (answer instanceof Promise) answer.catch(() => {})
  throw new TypeError('a right is answered with true or false, at once')
}
