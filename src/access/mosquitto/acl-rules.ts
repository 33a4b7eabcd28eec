// Evaluates the lines of an ACL file for one client, in mosquitto's order: denied by its own lines, allowed by them,
// denied by patterns, allowed by patterns, and otherwise denied.

import { isWithin } from '../addresses.ts'
import {
  becomesHidden,
  hasWildcardSign,
  isOneLevel,
  namesIn,
  PERCENT_SIGNS,
  withNames,
} from '../rules/inserted-names.ts'
import {
  type ClientRules,
  EVERY_FILTER,
  EVERY_KIND,
  kindsUpTo,
  type RuleBook,
  type RuleSubject,
  type SubscribeRule,
  type SubscribeRules,
  type TopicRule,
} from '../rules/rule.ts'
import type { AclFile, AclLine, SubscribeLine, TopicLine } from './acl-file.ts'

export class AclRules implements RuleBook {
  readonly #patterns: readonly TopicLine[]
  /** The lines by user. */
  readonly #topics: ReadonlyMap<string | null, readonly TopicLine[]>
  readonly #subscribes: ReadonlyMap<string | null, readonly SubscribeLine[]>

  constructor({ lines }: AclFile) {
    const topicLines = lines.filter(each => each.kind !== 'subscribe')
    this.#patterns = topicLines.filter(({ kind }) => kind === 'pattern')
    this.#topics = byUser(topicLines.filter(({ kind }) => kind === 'topic'))
    this.#subscribes = byUser(lines.filter(each => each.kind === 'subscribe'))
  }

  rulesFor(subject: RuleSubject): ClientRules {
    const { username } = subject
    const holds = (each: AclLine): boolean => holdsFor(each, subject)
    const topics = (this.#topics.get(username) ?? []).filter(holds)
    const patterns = this.#patterns.filter(holds).flatMap(each => substituted(each, subject))
    const ordered = [...deniesFirst(topics), ...deniesFirst(patterns)]
    return {
      send: { rules: ordered.flatMap(each => ruleOf(each, 'write')), otherwise: false },
      receive: { rules: ordered.flatMap(each => ruleOf(each, 'read')), otherwise: false },
      subscribe: subscribeRules((this.#subscribes.get(username) ?? []).filter(holds)),
      unsubscribe: EVERY_FILTER,
    }
  }
}

function byUser<Each extends AclLine>(lines: readonly Each[]): ReadonlyMap<string | null, Each[]> {
  const sorted = new Map<string | null, Each[]>()
  for (const line of lines) {
    const own = sorted.get(line.section.username)
    if (own === undefined) sorted.set(line.section.username, [line])
    else own.push(line)
  }
  return sorted
}

/** The order of lines in a file does not matter. Lines that deny come before lines that allow. */
function deniesFirst(lines: readonly TopicLine[]): readonly TopicLine[] {
  return [
    ...lines.filter(({ access }) => access === 'deny'),
    ...lines.filter(({ access }) => access !== 'deny'),
  ]
}

function ruleOf(line: TopicLine, action: 'read' | 'write'): readonly TopicRule[] {
  const { access, filter, qosMax, mayRetain, place } = line
  const rule = { allows: access !== 'deny', filter, isLiteral: false, kinds: EVERY_KIND, place }
  if (access === 'deny' || action === 'read') {
    return access === 'write' ? [] : [rule]
  }
  return access === 'read' ? [] : [{ ...rule, kinds: kindsUpTo(qosMax, mayRetain) }]
}

/** mosquitto allows every SUBSCRIBE. Our `subscribe` lines refuse filters that they deny and, if any line allows, all other filters. */
function subscribeRules(lines: readonly SubscribeLine[]): SubscribeRules {
  const rules = lines.map(({ allows, filter, place }): SubscribeRule => {
    return { allows, filter, speaksOf: allows ? 'overlapping' : 'within', place }
  })
  return {
    rules: [...rules.filter(({ allows }) => !allows), ...rules.filter(({ allows }) => allows)],
    otherwise: !rules.some(({ allows }) => allows),
    sharedAsWhole: false,
  }
}

function holdsFor({ section }: AclLine, { clientId, address }: RuleSubject): boolean {
  if (section.clientId !== null && section.clientId !== clientId) return false
  return section.subnets === null || isWithin(section.subnets, address)
}

/**
 * Returns the pattern with the client's names inserted, or nothing if the pattern does not apply to this client. Clients choose their
 * names: a client with + or # in a name gets no pattern that allows, as in mosquitto, and neither does a name that is not exactly one
 * level. Patterns that deny stay, because a client may have rights from elsewhere; one with + or # inserted would match no topic.
 */
function substituted(pattern: TopicLine, subject: RuleSubject): readonly TopicLine[] {
  const { username, clientId } = subject
  const { filter, access } = pattern
  const names = namesIn(filter, PERCENT_SIGNS, subject)
  if (names.some(name => name === null || hasWildcardSign(name))) return []
  if (access !== 'deny') {
    if (hasWildcardSign(clientId) || (username !== null && hasWildcardSign(username))) return []
    if (!names.every(isOneLevel)) return []
  }
  const whole = withNames(filter, names, PERCENT_SIGNS)
  if (becomesHidden(filter, whole, PERCENT_SIGNS)) return []
  return [{ ...pattern, filter: whole }]
}
