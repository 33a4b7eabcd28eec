// What a client may do, as lists in which the first rule that speaks decides. mosquitto's ACL files and the prioritised
// roles of its dynamic security are both lists of this kind, once they are put into order.

/** Who asks. `username` is null for a client without a user name. */
export interface RuleSubject {
  readonly username: string | null
  readonly clientId: string
  readonly address: string
}

/** A rule about single topics: for messages to the broker, or from it. */
export interface TopicRule {
  readonly allows: boolean
  readonly filter: string
  /** The filter is a topic, whatever characters it has. */
  readonly isLiteral: boolean
  /** The kinds of message it speaks of, as bits: see `kindOf`. It says nothing of others. */
  readonly kinds: number
  /** Where it is written, as `rules.acl:12`. */
  readonly place: string
}

/** A rule about topic filters, asked at SUBSCRIBE. */
export interface SubscribeRule {
  readonly allows: boolean
  readonly filter: string
  /** It speaks of filters that are the same, that lie wholly within its own, or that have a topic in common with it. */
  readonly speaksOf: 'same' | 'within' | 'overlapping'
  readonly place: string
}

export interface TopicRules {
  readonly rules: readonly TopicRule[]
  /** What holds where no rule speaks. */
  readonly otherwise: boolean
}

export interface SubscribeRules {
  readonly rules: readonly SubscribeRule[]
  readonly otherwise: boolean
}

/** All that decides about one client. */
export interface ClientRules {
  readonly send: TopicRules
  readonly receive: TopicRules
  readonly subscribe: SubscribeRules
}

export interface RuleBook {
  rulesFor(subject: RuleSubject): ClientRules
}

export const EVERY_KIND = 0b111_111
const RETAINED_KINDS = 0b111_000

/** The bit of a message with this QoS and retain flag. */
export function kindOf(qos: number, retain: boolean): number {
  return 1 << (retain ? qos + 3 : qos)
}

/** The kinds up to this QoS, with the retain flag or without. */
export function kindsUpTo(qosMax: number, mayRetain: boolean): number {
  const upTo = (1 << (qosMax + 1)) - 1
  const kinds = upTo | (upTo << 3)
  return mayRetain ? kinds : kinds & ~RETAINED_KINDS
}
