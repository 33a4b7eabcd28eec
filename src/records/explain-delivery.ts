// Explains where a message went, or would go: what is recorded of its topic, and what would happen now. It changes nothing.

import { GONE, NOTHING } from '../access/permissions.ts'
import type { Broker } from '../broker/broker.ts'
import { DROP_WORDS } from '../observe/drop-words.ts'
import type { Match } from '../routing/router.ts'
import { shortened } from '../packet/text.ts'
import { isReserved, isTopicName, levelCount } from '../routing/topic.ts'
import { NamedQueue } from '../session/named-queue/named-queue.ts'
import { Session } from '../session/session.ts'
import { ShareGroup } from '../session/share-group/share-group.ts'
import type { DropReason } from '../session/session-context.ts'
import type { Target } from '../session/target.ts'
import type { BadEnds } from './bad-ends.ts'
import { byRule, type Explanation, has, now, recorded, type Step } from './explanation.ts'
import { transactionSteps } from './explain-transactions.ts'
import type { Timelines } from './timelines.ts'
import type { Topics } from './topics.ts'
import type { Traces } from './traces.ts'

export interface DeliveryQuestion {
  readonly topic: string
  /** Client ids; null for anybody. */
  readonly publisher: string | null
  readonly receiver: string | null
  readonly qos: 0 | 1 | 2
  readonly payloadBytes: number
}

interface Sources {
  readonly broker: Broker
  readonly timelines: Timelines
  readonly badEnds: BadEnds
  readonly topics: Topics
  readonly traces: Traces
}

const RECEIVERS_MAX = 32
const FILTERS_SHOWN_MAX = 5
const BAD_ENDS_MAX = 8
const EVENTS_MAX = 6
const EXPRESSION_BYTES_MAX = 256
/** Events of a receiver that say why it did not get something. */
const TELLING = new Set([
  'disconnected',
  'dropped',
  'session-expired',
  'subscription-revoked',
  'unsubscribed',
  'subscribe-refused',
  'queue-filling',
  'takeover',
])

export function explainDelivery(question: DeliveryQuestion, sources: Sources): Explanation {
  const past = [...ofTraces(question, sources), ...ofPast(question, sources)]
  const unknown = recorded(0, 'warning', null, TOO_LONG_AGO)
  const asked = past.length === 0 ? [{ ...unknown, at: null }] : past
  const publishing = publishSteps(question, sources.broker)
  const isRefused = publishing.some(({ level }) => level === 'fault')
  const matches = isRefused ? [] : matchesOf(question, sources.broker)
  const receiving = matches.map(match => receiveStep(match, question, sources.broker))
  const lacking = isRefused ? [] : missing(question, matches, sources.broker)
  const undecided = transactionSteps(question, sources.broker)
  const steps = [...asked, ...undecided, ...publishing, ...receiving, ...lacking]
  return { verdict: verdictOf(isRefused, receiving, question), steps }
}

const TOO_LONG_AGO =
  'Nothing is recorded of a message to this topic: none came, or it was too long ago. Trace the topic, and look at the next one.'

function verdictOf(isRefused: boolean, receiving: readonly Step[], { receiver }: DeliveryQuestion) {
  if (isRefused) return 'A message would be refused now.'
  if (receiving.length === 0) {
    return receiver === null
      ? 'Nobody would receive a message now.'
      : 'This client would not receive a message now.'
  }
  const ok = receiving.filter(({ level }) => level === 'ok').length
  return `${ok} of ${receiving.length} would receive a message at once now.`
}

/** The last message to the topic that a trace has seen. */
function ofTraces({ topic, receiver }: DeliveryQuestion, { traces }: Sources): readonly Step[] {
  for (const trace of traces.all.toReversed()) {
    const last = trace.lines.findLast(line => line.topic === topic && line.kind === 'received')
    if (last === undefined) continue
    return trace.lines
      .filter(({ sequence }) => sequence === last.sequence)
      .filter(
        ({ kind, clientId }) =>
          kind === 'received' || kind === 'matched' || receiver === null || clientId === receiver,
      )
      .slice(0, RECEIVERS_MAX * 3)
      .map(({ at, kind, clientId, text, qos }) => {
        const level = kind === 'dropped' ? 'fault' : kind === 'queued' ? 'warning' : 'ok'
        const words = kind === 'received' ? `received, QoS ${qos ?? 0}` : kind
        return recorded(at, level, clientId, text === '' ? words : `${words}: ${text}`)
      })
  }
  return []
}

function ofPast(question: DeliveryQuestion, { badEnds, topics, timelines }: Sources) {
  const { topic, receiver } = question
  const steps: Step[] = [...ofBadEnds(question, badEnds)]
  const { lastAt, lastPublisher } = topics.of(topic)
  if (lastAt !== null) {
    const who = lastPublisher ?? 'the broker or its program'
    steps.push(
      recorded(
        lastAt,
        'ok',
        lastPublisher,
        `the last message to this topic that was seen came from ${who}`,
      ),
    )
  }
  const events = receiver === null ? null : timelines.eventsOf(receiver)
  for (const event of (events ?? []).filter(({ kind }) => TELLING.has(kind)).slice(-EVENTS_MAX)) {
    const times = event.count === 1 ? '' : `${event.count.toLocaleString('en')} times `
    const cause = event.cause === null ? '' : `: ${causeOf(event.cause)}`
    const level = event.kind === 'dropped' ? 'fault' : 'warning'
    const words = `${times}${event.kind.replaceAll('-', ' ')}${cause}`
    // The list of bad ends has said it already.
    if (steps.some(step => step.cause === words)) continue
    steps.push(recorded(event.lastAt, level, receiver, words, event.reasonCode))
  }
  return steps.sort((one, other) => (one.at ?? 0) - (other.at ?? 0))
}

/** Equal ones are one, also where those of other topics lie between them. */
function ofBadEnds({ topic, publisher, receiver }: DeliveryQuestion, badEnds: Sources['badEnds']) {
  const found = new Map<
    string,
    { words: string; clientId: string | null; at: number; count: number }
  >()
  for (const end of badEnds.newest()) {
    if (end.topic !== topic) continue
    const asked = end.kind === 'dropped' ? receiver : publisher
    if (asked !== null && asked !== end.clientId) continue
    const what = end.kind === 'dropped' ? 'dropped' : 'refused'
    const words = `${what}: ${causeOf(end.cause)}`
    const key = `${words} ${end.clientId ?? ''}`
    const known = found.get(key)
    if (known !== undefined) known.count += end.count
    else if (found.size < BAD_ENDS_MAX) {
      found.set(key, { words, clientId: end.clientId, at: end.lastAt, count: end.count })
    }
  }
  return [...found.values()].map(({ words, clientId, at, count }) => {
    const times = count === 1 ? '' : `${count.toLocaleString('en')} times `
    return recorded(at, 'fault', clientId, `${times}${words}`)
  })
}

function causeOf(cause: string): string {
  const words = Object.hasOwn(DROP_WORDS, cause) ? DROP_WORDS[cause as DropReason] : null
  if (words === null) return cause
  return words.key === null ? words.cause : `${words.cause} (${words.key})`
}

/** Whether the message would be taken. */
function publishSteps(
  { topic, publisher, qos }: DeliveryQuestion,
  broker: Broker,
): readonly Step[] {
  const { topicLevelsMax } = broker.limits
  const refused = (cause: string, mend: string): readonly Step[] => [
    now('fault', publisher, cause, mend),
  ]
  if (!isTopicName(topic))
    return refused('the topic is empty or has a wildcard', 'publish to a topic without + and #')
  if (levelCount(topic) > topicLevelsMax) {
    return refused(
      `the topic has more than ${topicLevelsMax} levels`,
      'limits.topicLevelsMax, or a shorter topic',
    )
  }
  if (isReserved(topic)) return refused('only the broker publishes to this tree', 'another topic')
  if (qos > 0 && broker.storeIsFull) {
    return refused('the disk is full: what must be stored is refused', 'free space on the disk')
  }
  const waits = broker.overload.pausesAll
    ? [now('warning', publisher, 'the broker is overloaded: publishers wait')]
    : []
  if (publisher === null) return waits
  const session = broker.sessions.get(publisher)
  if (session === undefined) {
    return [
      ...waits,
      now(
        'warning',
        publisher,
        'no client with this id is connected or away: its rights are not known',
      ),
    ]
  }
  const { permissions } = session.rights
  const may = has(() => permissions.mayPublish(topic, qos, false))
  const rule = byRule(permissions, ruled => ruled.publishRule(topic, qos, false))
  if (may) return [...waits, now('ok', publisher, `may publish${rule}`)]
  return refused(`may not publish${rule}`, `a rule that lets its user publish to ${topic}`)
}

function matchesOf({ topic, receiver }: DeliveryQuestion, broker: Broker) {
  const all = broker.subscriptions.router.match(topic)
  const asked =
    receiver === null ? all : all.filter(({ target }) => mayBeFor(target, receiver, broker))
  return asked.slice(0, RECEIVERS_MAX)
}

/** Whether the target is the client, or a share group or named queue that it may receive from. */
function mayBeFor(target: Target, receiver: string, broker: Broker): boolean {
  if (target.clientId === receiver) return true
  if (target instanceof NamedQueue) return target.consumers.get(receiver) !== undefined
  if (!(target instanceof ShareGroup)) return false
  const { shareName, topicFilter } = target.owner
  const filter = `$share/${shareName}/${topicFilter}`
  return broker.sessions.get(receiver)?.subscriptions.has(filter) === true
}

function receiveStep(match: Match<Target>, question: DeliveryQuestion, broker: Broker): Step {
  const step = stepOf(match, question, broker)
  const expressions = match.subscriptions.map(({ where }) => where)
  // Of several, one without an expression wants all.
  if (step.level !== 'ok' || expressions.includes(undefined)) return step
  const shown = shortened(expressions.join(' OR '), EXPRESSION_BYTES_MAX)
  const cause = `${step.cause}, if its expression wants it: ${shown}`
  return { ...step, level: 'warning', cause }
}

function stepOf(match: Match<Target>, question: DeliveryQuestion, broker: Broker): Step {
  const { target } = match
  if (target instanceof ShareGroup) return groupStep(target)
  if (target instanceof NamedQueue) return queueStep(target)
  if (target instanceof Session) return sessionStep(target, match, question, broker)
  return now('ok', null, 'a handler of the program gets it')
}

function queueStep({ name, queue, consumers }: NamedQueue): Step {
  const where = `queue ${name}`
  if (consumers.count === 0) return now('warning', null, `${where}: it waits for a consumer`)
  if (queue.messages === 0)
    return now('ok', null, `${where}: one of its ${consumers.count} consumers gets it`)
  return now(
    'warning',
    null,
    `${where}: would wait behind ${queue.messages} messages`,
    'its consumers must acknowledge, or more must come',
  )
}

function groupStep({ owner, queue, memberCount }: ShareGroup): Step {
  const name = `share group ${owner.shareName} of ${owner.topicFilter}`
  if (queue.messages === 0)
    return now('ok', null, `${name}: one of its ${memberCount} members gets it`)
  return now(
    'warning',
    null,
    `${name}: would wait behind ${queue.messages} messages`,
    'its members must acknowledge, or more must join',
  )
}

function sessionStep(
  session: Session,
  { qos: granted, noLocal, conflateMs, subscriptions }: Match<Target>,
  { topic, qos: published, publisher, payloadBytes }: DeliveryQuestion,
  broker: Broker,
): Step {
  const { clientId, rights } = session
  const filters = subscriptions.slice(0, FILTERS_SHOWN_MAX).map(({ filter }) => filter)
  const by = `by ${filters.join(', ')}`
  const { permissions } = rights
  if (noLocal && publisher === clientId) {
    return now('warning', clientId, `${by}: not its own messages (No Local)`)
  }
  if (permissions === GONE || permissions === NOTHING) {
    return now(
      'fault',
      clientId,
      `${by}: its user is not known now`,
      'its client must authenticate again',
    )
  }
  const rule = byRule(permissions, ruled => ruled.receiveRule(topic))
  if (
    permissions.mayReceive !== undefined &&
    !has(() => permissions.mayReceive?.(topic) === true)
  ) {
    return now(
      'fault',
      clientId,
      `${by}: may not receive it${rule}`,
      `a rule that lets its user read ${topic}`,
    )
  }
  const qos = Math.min(published, granted)
  const pace = conflateMs > 0 ? `, the newest each ${conflateMs} ms` : ''
  return roomStep(session, `${by}, QoS ${qos}${pace}`, qos, payloadBytes, broker)
}

/** Whether it is sent at once, waits or is dropped. */
function roomStep(
  session: Session,
  by: string,
  qos: number,
  payloadBytes: number,
  broker: Broker,
): Step {
  const { clientId, queuedMessages, link } = session
  const { queuedMessagesMax, queueOverflow, queueQoS0WhileAway, queuedBytesMax } = broker.limits
  if (qos === 0 && link === null && !queueQoS0WhileAway) {
    return now(
      'fault',
      clientId,
      `${by}: it is away, and messages of QoS 0 are not kept`,
      'QoS 1 for both, or limits.queueQoS0WhileAway',
    )
  }
  if (qos === 0 && broker.overload.pausesAll) {
    return now(
      'fault',
      clientId,
      `${by}: the broker is overloaded, and drops QoS 0`,
      'fewer messages, or QoS 1',
    )
  }
  if (qos === 0 && link !== null) {
    if (link.hasRoom) return now('ok', clientId, `${by}: sent at once`)
    return now(
      'fault',
      clientId,
      `${by}: dropped, because ${DROP_WORDS[link.lack].cause}`,
      DROP_WORDS[link.lack].key,
    )
  }
  const isFull =
    queuedMessages >= queuedMessagesMax || session.queuedBytes + payloadBytes > queuedBytesMax
  if (isFull) {
    const words = {
      'drop-newest': 'dropped',
      'drop-oldest': 'its oldest message is dropped instead',
      refuse: 'refused',
    }
    const mend =
      'the client must come back or read faster; limits.queuedMessagesMax, limits.queuedBytesMax'
    return now(
      'fault',
      clientId,
      `${by}: its queue is full (${queuedMessages}), ${words[queueOverflow]}`,
      mend,
    )
  }
  const place = (queuedMessages + 1).toLocaleString('en')
  if (link === null)
    return now(
      'warning',
      clientId,
      `${by}: it is away, and the message would wait as number ${place}`,
    )
  if (queuedMessages === 0 && session.canTake) return now('ok', clientId, `${by}: sent at once`)
  return now(
    'warning',
    clientId,
    `${by}: would wait as number ${place}`,
    'the client must acknowledge what is in flight',
  )
}

/** Why a receiver that is asked for would get nothing. */
function missing(
  { topic, receiver }: DeliveryQuestion,
  matches: readonly Match<Target>[],
  broker: Broker,
) {
  if (matches.length > 0) return []
  if (receiver === null) {
    return [
      now('warning', null, `no subscription matches ${topic}`, 'a client must subscribe first'),
    ]
  }
  const session = broker.sessions.get(receiver)
  if (session === undefined) {
    const mend =
      'the client must connect; a session that is to be kept needs an expiry (5.0) or clean session 0 (3.1.1)'
    return [
      now(
        'fault',
        receiver,
        'it has no session: it is not connected, and nothing is kept for it',
        mend,
      ),
    ]
  }
  const filters = [...session.subscriptions.keys()].slice(0, FILTERS_SHOWN_MAX)
  const { size } = session.subscriptions
  if (size === 0)
    return [now('fault', receiver, 'it has no subscription', `it must subscribe to ${topic}`)]
  const some = size > filters.length ? `${filters.join(', ')} and others` : filters.join(', ')
  const cause = `none of its ${size} subscriptions matches (${some})`
  return [now('fault', receiver, cause, `it must subscribe to ${topic}`)]
}
