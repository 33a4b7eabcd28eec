// Rules that come with an authentication: in a claim of a token, or in the answer of an HTTP service. They have the shapes of
// EMQX: a list of rules, of which the first that matches decides, or lists of filters by action.

import { isTopicFilter, levelCount } from '../routing/topic.ts'
import { NAMES_IN_BRACES } from './rules/inserted-names.ts'
import { type ListedRule, ListedRules } from './rules/listed-rules.ts'
import type { CurrentRules } from './rules/rule-permissions.ts'
import {
  type ClientRules,
  EVERY_FILTER,
  EVERY_KIND,
  kindOf,
  type RuleBook,
  type RuleSubject,
} from './rules/rule.ts'

const GIVEN_RULES_MAX = 1_000
const LEVELS_MAX = 201
const FILTER_BYTES_MAX = 4_096

/** The rules of one client. */
export class GivenRules {
  readonly book: RuleBook
  /** The rules as they were given. */
  readonly source: unknown

  constructor(book: RuleBook, source: unknown) {
    this.book = book
    this.source = source
  }
}

/** Its message says what is wrong with rules that were given. */
export class WrongRules extends Error {}

/** Reads rules. `place` is the name of their source in the log. Throws WrongRules: rules that are wrong in part give no right. */
export function readGivenRules(value: unknown, place: string): GivenRules {
  const rules = Array.isArray(value)
    ? value.flatMap((entry, index) => rulesIn(entry, `${place} ${index + 1}`))
    : listsIn(value, place)
  if (rules.length > GIVEN_RULES_MAX) {
    throw new WrongRules(`${rules.length} rules, and ${GIVEN_RULES_MAX} are the most`)
  }
  return new GivenRules(new ListedRules(rules, false, NAMES_IN_BRACES), value)
}

type Actions = ListedRule['actions']

const ACTIONS = new Map<unknown, Actions>([
  ['publish', ['send']],
  ['subscribe', ['receive', 'subscribe']],
  ['all', ['send', 'receive', 'subscribe']],
])
const KEYS = ['permission', 'action', 'topic', 'qos', 'retain']

/** An unknown key is wrong: it might narrow the rule. */
function rulesIn(value: unknown, place: string): readonly ListedRule[] {
  if (!isRecord(value))
    throw new WrongRules('a rule is an object with permission, action and topic')
  const unknown = Object.keys(value).find(key => !KEYS.includes(key))
  if (unknown !== undefined) throw new WrongRules(`${quoted(unknown)} is no key of a rule`)
  const { permission, action, topic, qos, retain } = value
  const actions = ACTIONS.get(action)
  if (permission !== 'allow' && permission !== 'deny') {
    throw new WrongRules('permission is neither allow nor deny')
  }
  if (actions === undefined) throw new WrongRules('action is none of publish, subscribe and all')
  if (typeof topic !== 'string') throw new WrongRules('topic is no text')
  const allows = permission === 'allow'
  const kinds = kindsIn(qos, retain)
  if (allows && kinds !== EVERY_KIND && actions.includes('subscribe')) {
    throw new WrongRules('qos and retain limit only what may be published')
  }
  return rulesAbout(topic, { allows, actions, kinds, place })
}

const LITERAL = 'eq '

/** With `eq ` before the topic, wildcards in it stand for themselves. */
function rulesAbout(
  topic: string,
  rule: Omit<ListedRule, 'filter' | 'isLiteral'>,
): readonly ListedRule[] {
  const isLiteral = topic.startsWith(LITERAL)
  const filter = checkedFilter(isLiteral ? topic.slice(LITERAL.length) : topic)
  const whole = { ...rule, filter, isLiteral }
  if (!isLiteral || !rule.allows || !rule.actions.includes('receive')) return [whole]
  // Whoever may subscribe to exactly this filter receives what matches it.
  const others = rule.actions.filter(action => action !== 'receive')
  return [
    { ...whole, actions: others },
    { ...whole, actions: ['receive'], isLiteral: false },
  ]
}

/** EMQX has two signs for each name. */
function checkedFilter(topic: string): string {
  const filter = topic.replaceAll('%c', '${clientid}').replaceAll('%u', '${username}')
  const isFilter = Buffer.byteLength(filter) <= FILTER_BYTES_MAX && isTopicFilter(filter)
  if (isFilter && levelCount(filter) <= LEVELS_MAX) return filter
  throw new WrongRules(`${quoted(topic)} is no topic filter`)
}

function kindsIn(qos: unknown, retain: unknown): number {
  if (retain !== undefined && typeof retain !== 'boolean') {
    throw new WrongRules('retain is neither true nor false')
  }
  const levels: readonly unknown[] =
    qos === undefined ? [0, 1, 2] : Array.isArray(qos) ? qos : [qos]
  let kinds = 0
  for (const level of levels) {
    if (level !== 0 && level !== 1 && level !== 2) throw new WrongRules('qos is none of 0, 1 and 2')
    if (retain !== true) kinds |= kindOf(level, false)
    if (retain !== false) kinds |= kindOf(level, true)
  }
  return kinds
}

const LISTS = new Map<string, Actions>([
  ['pub', ['send']],
  ['sub', ['receive', 'subscribe']],
  ['all', ['send', 'receive', 'subscribe']],
])

/** `{ pub: [filter], sub: [filter], all: [filter] }`: what is in no list is denied. */
function listsIn(value: unknown, place: string): readonly ListedRule[] {
  if (!isRecord(value)) throw new WrongRules('rules are a list, or lists under pub, sub and all')
  return Object.entries(value).flatMap(([name, list]) => {
    const actions = LISTS.get(name)
    if (actions === undefined) throw new WrongRules(`${quoted(name)} is none of pub, sub and all`)
    if (!isTexts(list)) throw new WrongRules('filters are a list of texts')
    return list.flatMap((topic, index) =>
      rulesAbout(topic, {
        allows: true,
        actions,
        kinds: EVERY_KIND,
        place: `${place}.${name} ${index + 1}`,
      }),
    )
  })
}

function isTexts(list: unknown): list is readonly string[] {
  return Array.isArray(list) && list.every(each => typeof each === 'string')
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

const QUOTED_MAX = 60

function quoted(text: string): string {
  return JSON.stringify(text.length <= QUOTED_MAX ? text : `${text.slice(0, QUOTED_MAX)}…`)
}

/** Given rules below those of the configuration that deny: they stay denied, also when the configuration changes. */
export class BelowDenials implements RuleBook {
  readonly #current: CurrentRules
  readonly #given: RuleBook

  constructor(current: CurrentRules, given: RuleBook) {
    this.#current = current
    this.#given = given
  }

  rulesFor(subject: RuleSubject): ClientRules {
    const { send, receive, subscribe, unsubscribe } = this.#current.book.rulesFor(subject)
    const given = this.#given.rulesFor(subject)
    return {
      send: { rules: [...denials(send.rules), ...given.send.rules], otherwise: false },
      receive: { rules: [...denials(receive.rules), ...given.receive.rules], otherwise: false },
      subscribe: {
        rules: [...denials(subscribe.rules), ...given.subscribe.rules],
        otherwise: false,
        sharedAsWhole: false,
      },
      unsubscribe: { ...EVERY_FILTER, rules: denials(unsubscribe.rules) },
    }
  }
}

function denials<Rule extends { readonly allows: boolean }>(
  rules: readonly Rule[],
): readonly Rule[] {
  return rules.filter(({ allows }) => !allows)
}

const EVERY_TOPIC = { rules: [], otherwise: true }

/** Stands for the rules of a configuration that has none. */
export const NO_RULES: RuleBook = {
  rulesFor: () => ({
    send: EVERY_TOPIC,
    receive: EVERY_TOPIC,
    subscribe: EVERY_FILTER,
    unsubscribe: EVERY_FILTER,
  }),
}
