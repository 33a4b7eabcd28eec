// What should happen on every way that a message can go, by a slow reading of the same rules.

import {
  matches,
  mayRead,
  mayWrite,
  type RandomLine,
  type RandomSubject,
} from '../rules/acl-oracle.ts'

const LEVELS = ['a', 'b', '$S', '', 'z']
/** Topics that tell any two random filters apart: one level more than they have, and a name that none of them has. */
const PROBES: readonly string[] = probes(4)

function probes(depth: number): readonly string[] {
  if (depth === 1) return LEVELS
  const shorter = probes(depth - 1)
  const deepest = shorter.filter(topic => topic.split('/').length === depth - 1)
  return [...shorter, ...deepest.flatMap(topic => LEVELS.map(level => `${topic}/${level}`))]
}

const PROBES_OF_FILTERS = new Map<string, readonly string[]>()

function probesOf(filter: string): readonly string[] {
  const known = PROBES_OF_FILTERS.get(filter)
  if (known !== undefined) return known
  const found = PROBES.filter(topic => matches(filter, topic))
  PROBES_OF_FILTERS.set(filter, found)
  return found
}

/** The rules and users of the moment. */
export interface Moment {
  readonly lines: readonly RandomLine[]
  readonly users: readonly string[]
  /** What was found out before, because each is asked often. */
  readonly found: Map<string, boolean>
}

function once(moment: Moment, question: string, answer: () => boolean): boolean {
  const known = moment.found.get(question)
  if (known !== undefined) return known
  const found = answer()
  moment.found.set(question, found)
  return found
}

function keyOf({ username, clientId, address }: RandomSubject): string {
  return `${username ?? '-'} ${clientId} ${address}`
}

export function exists({ users }: Moment, { username }: RandomSubject): boolean {
  return username === null || users.includes(username)
}

export function maySend(
  moment: Moment,
  subject: RandomSubject,
  topic: string,
  { qos, retain }: { readonly qos: number; readonly retain: boolean },
): boolean {
  if (!exists(moment, subject)) return false
  return once(moment, `write ${keyOf(subject)} ${topic} ${qos} ${retain}`, () =>
    mayWrite(moment.lines, subject, topic, qos, retain),
  )
}

export function mayHear(moment: Moment, subject: RandomSubject, topic: string): boolean {
  if (!exists(moment, subject)) return false
  return once(moment, `read ${keyOf(subject)} ${topic}`, () =>
    mayRead(moment.lines, subject, topic),
  )
}

export function mayHearAllOf(moment: Moment, subject: RandomSubject, filter: string): boolean {
  return once(moment, `all ${keyOf(subject)} ${filter}`, () =>
    probesOf(filter).every(topic => topic === '' || mayHear(moment, subject, topic)),
  )
}

/**
 * What `subscribe` lines say: what they deny wholly is refused, and what no line that allows touches. For them `+` and `/#` have the
 * empty topic in common, which does not exist.
 */
export function maySubscribe(moment: Moment, subject: RandomSubject, filter: string): boolean {
  const own = moment.lines.filter(
    line =>
      line.kind === 'subscribe' &&
      line.user === subject.username &&
      (line.client === null || line.client === subject.clientId) &&
      (line.subnet === null || isWithin(line.subnet, subject.address)),
  )
  const within = probesOf(filter)
  const denies = own.filter(({ access }) => access === 'deny')
  if (denies.some(line => within.every(topic => matches(line.filter, topic)))) return false
  const allows = own.filter(({ access }) => access === 'allow')
  if (allows.length === 0) return true
  return allows.some(line => within.some(topic => matches(line.filter, topic)))
}

function isWithin(subnet: string, address: string): boolean {
  const plain = address.split(':').at(-1) ?? ''
  if (subnet === '10.0.0.0/8') return plain.startsWith('10.')
  if (subnet === '10.1.0.0/16') return plain.startsWith('10.1.')
  return subnet === plain
}
