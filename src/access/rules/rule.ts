// Rules about clients, as lists in which the first matching rule decides. mosquitto's ACL files, and the roles with priorities of
// its dynamic security, can both be sorted into such lists.

/** The client that is checked. `username` is null for a client without a user name. */
export interface RuleSubject {
  readonly username: string | null
  readonly clientId: string
  readonly address: string
}

/** A rule about single topics: for messages to the broker, or from it. */
export interface TopicRule {
  readonly allows: boolean
  readonly filter: string
  /** Whether the filter is a literal topic, without wildcards. */
  readonly isLiteral: boolean
  /** The kinds of message that it applies to, as bits: see `kindOf`. */
  readonly kinds: number
  /** Its place, for example `rules.acl:12`. */
  readonly place: string
}

/** A rule about topic filters, checked at SUBSCRIBE and UNSUBSCRIBE. */
export interface SubscribeRule {
  readonly allows: boolean
  readonly filter: string
  /**
   * Whether it applies to equal filters, to filters wholly within its own, to filters with a common topic, or to every filter with
   * a wildcard. `withinOrHidden` is `within`, and wildcards at its beginning stand for `$` as well.
   */
  readonly speaksOf: 'same' | 'within' | 'withinOrHidden' | 'overlapping' | 'wildcards'
  readonly place: string
}

export interface TopicRules {
  readonly rules: readonly TopicRule[]
  /** The verdict if no rule matches. */
  readonly otherwise: boolean
}

export interface SubscribeRules {
  readonly rules: readonly SubscribeRule[]
  readonly otherwise: boolean
  /**
   * Whether the filter of a shared subscription is `$share/group/filter` for these rules. What they deny about `filter` is denied to
   * share groups as well.
   */
  readonly sharedAsWhole: boolean
}

/** All rules that apply to one client. */
export interface ClientRules {
  readonly send: TopicRules
  readonly receive: TopicRules
  readonly subscribe: SubscribeRules
  readonly unsubscribe: SubscribeRules
}

export interface RuleBook {
  rulesFor(subject: RuleSubject): ClientRules
}

const NO_TOPIC: TopicRules = { rules: [], otherwise: false }
const NO_FILTER: SubscribeRules = { rules: [], otherwise: false, sharedAsWhole: false }
export const EVERY_FILTER: SubscribeRules = { rules: [], otherwise: true, sharedAsWhole: false }

/** A client that may do nothing, except end its subscriptions. */
export const NOTHING_ALLOWED: ClientRules = {
  send: NO_TOPIC,
  receive: NO_TOPIC,
  subscribe: NO_FILTER,
  unsubscribe: EVERY_FILTER,
}

export const EVERY_KIND = 0b111_111
const RETAINED_KINDS = 0b111_000

/** Returns the bit of a message with this QoS and retain flag. */
export function kindOf(qos: number, retain: boolean): number {
  return 1 << (retain ? qos + 3 : qos)
}

/** Returns the kinds up to this QoS, with and without the retain flag. */
export function kindsUpTo(qosMax: number, mayRetain: boolean): number {
  const upTo = (1 << (qosMax + 1)) - 1
  const kinds = upTo | (upTo << 3)
  return mayRetain ? kinds : kinds & ~RETAINED_KINDS
}
