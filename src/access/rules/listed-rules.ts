// Rules that come with a client, for example in a token or in the answer of a hook: one list, in which the first matching rule decides.

import { becomesHidden, isOneLevel, type NameSigns, namesIn, withNames } from './inserted-names.ts'
import {
  type ClientRules,
  EVERY_FILTER,
  EVERY_KIND,
  NOTHING_ALLOWED,
  type RuleBook,
  type RuleSubject,
  type SubscribeRule,
  type TopicRule,
} from './rule.ts'

/** `receive` is asked about each delivery, `subscribe` about the filter of a SUBSCRIBE. */
type ListedAction = 'send' | 'receive' | 'subscribe'

export interface ListedRule {
  readonly allows: boolean
  readonly actions: readonly ListedAction[]
  /** A well-formed topic filter. It may contain signs for the names of the client. */
  readonly filter: string
  /** The filter matches only the same topic, or the same filter of a SUBSCRIBE. */
  readonly isLiteral: boolean
  /** The kinds of message that it applies to: `EVERY_KIND`, or `kindsUpTo(qosMax, mayRetain)`. Only for `send`. */
  readonly kinds: number
  /** Is named in the log if the rule decides, for example `token of alice, acl 3`. */
  readonly place: string
}

/** The rules of one client. `new RulePermissions(currentRules, subject, new ListedRules(…))` decides by them. */
export class ListedRules implements RuleBook {
  readonly #rules: readonly ListedRule[]
  readonly #otherwise: boolean
  readonly #signs: NameSigns

  /** `otherwise` is the verdict where no rule matches. */
  constructor(rules: readonly ListedRule[], otherwise: boolean, signs: NameSigns) {
    this.#rules = rules
    this.#otherwise = otherwise
    this.#signs = signs
  }

  /** A rule that denies and cannot be applied to the names of the client denies everything. */
  rulesFor(subject: RuleSubject): ClientRules {
    const named: ListedRule[] = []
    for (const rule of this.#rules) {
      const filter = filterFor(rule.filter, this.#signs, subject)
      if (filter !== null) named.push({ ...rule, filter })
      else if (!rule.allows) return NOTHING_ALLOWED
    }
    const of = (action: ListedAction) => named.filter(({ actions }) => actions.includes(action))
    const otherwise = this.#otherwise
    return {
      send: { rules: of('send'), otherwise },
      receive: { rules: of('receive').map(everyKind), otherwise },
      subscribe: { rules: of('subscribe').map(subscribeRule), otherwise, sharedAsWhole: false },
      unsubscribe: EVERY_FILTER,
    }
  }
}

/** Null if a name is not exactly one level. */
function filterFor(filter: string, signs: NameSigns, subject: RuleSubject): string | null {
  const names = namesIn(filter, signs, subject)
  if (!names.every(isOneLevel)) return null
  const whole = withNames(filter, names, signs)
  return becomesHidden(filter, whole, signs) ? null : whole
}

function everyKind({ allows, filter, isLiteral, place }: ListedRule): TopicRule {
  return { allows, filter, isLiteral, kinds: EVERY_KIND, place }
}

function subscribeRule({ allows, filter, isLiteral, place }: ListedRule): SubscribeRule {
  return { allows, filter, speaksOf: isLiteral ? 'same' : 'within', place }
}
