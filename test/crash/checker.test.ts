// The checker of the crash test finds what is planted in a log, and nothing in one that is right.

import { test } from 'tap'
import { Checker } from '../../crash/check/checker.ts'
import { WILL_FILTER } from '../../crash/check/will-check.ts'
import type { DeliveredEvent, LoggedEvent, PublishingEvent } from '../../crash/event.ts'
import type { QoS } from '../../src/packet/packet.ts'

const CONNECTING = { kind: 'connecting', cleanStart: false, isDurable: true, will: null } as const

/** Bob has a durable session and a subscription that was acknowledged. */
const BEGINNING: readonly LoggedEvent[] = [
  { kind: 'started' },
  { ...CONNECTING, client: 'bob' },
  { kind: 'connected', client: 'bob', sessionPresent: false },
  { kind: 'subscribing', client: 'bob', filter: 'a/#', qos: 2 },
  { kind: 'subscribed', client: 'bob', filter: 'a/#' },
]

function publishing(sequence: number, qos: QoS): PublishingEvent {
  const facts = { topic: 'a/b', retain: false, isEmpty: false }
  return { kind: 'publishing', publisher: 'alice', sequence, qos, ...facts }
}

function delivered(sequence: number, qos: QoS, duplicate = false): DeliveredEvent {
  const facts = { client: 'bob', publisher: 'alice', topic: 'a/b', isIntact: true }
  return { kind: 'delivered', sequence, qos, duplicate, ...facts }
}

function accepted(sequence: number): LoggedEvent {
  return { kind: 'accepted', publisher: 'alice', sequence }
}

const CRASH: readonly LoggedEvent[] = [
  { kind: 'killed' },
  { kind: 'closed', client: 'bob' },
  { kind: 'started' },
  { ...CONNECTING, client: 'bob' },
]
const BACK: LoggedEvent = { kind: 'connected', client: 'bob', sessionPresent: true }
const QUIET: LoggedEvent = { kind: 'quiet' }

function kindsIn(...events: readonly LoggedEvent[]): readonly string[] {
  const checker = new Checker()
  for (const event of [...BEGINNING, ...events]) checker.see(event)
  return checker.findings.map(({ kind }) => kind)
}

test('a correct log has no finding', async t => {
  const events = [publishing(1, 2), accepted(1), ...CRASH, BACK, delivered(1, 2), QUIET]
  t.strictSame(kindsIn(...events), [])
})

test('a message that was acknowledged and did not come is lost', async t => {
  t.strictSame(kindsIn(publishing(1, 1), accepted(1), ...CRASH, BACK, QUIET), ['lost'])
})

test('a message that was not acknowledged may be lost', async t => {
  t.strictSame(kindsIn(publishing(1, 1), ...CRASH, BACK, QUIET), [])
})

test('a message of QoS 2 that comes again is a duplicate, one of QoS 1 is not', async t => {
  const twice = (qos: QoS) => [
    publishing(1, qos),
    accepted(1),
    delivered(1, qos),
    { kind: 'released', client: 'bob' } as const,
    ...CRASH,
    BACK,
    delivered(1, qos, true),
    QUIET,
  ]
  t.strictSame(kindsIn(...twice(2)), ['duplicate'])
  t.strictSame(kindsIn(...twice(1)), [])
})

test('the crash test finds a session that was acknowledged and is said to be missing', async t => {
  t.ok(kindsIn(...CRASH, { ...BACK, sessionPresent: false }).includes('session-lie'))
})

test('a session whose end was requested without an answer may have lost its subscriptions', async t => {
  const events: readonly LoggedEvent[] = [
    { kind: 'disconnecting', client: 'bob', endsSession: true },
    { kind: 'closed', client: 'bob' },
    ...CRASH,
    ...CRASH,
    BACK,
    publishing(1, 1),
    accepted(1),
    QUIET,
  ]
  t.strictSame(kindsIn(...events), [])
})

test('a message with other bytes than were sent is corrupt', async t => {
  const spoilt = { ...delivered(1, 1), isIntact: false }
  t.ok(kindsIn(publishing(1, 1), accepted(1), spoilt).includes('corrupt'))
})

test('a message from before the subscription may come with a resend, behind later ones', async t => {
  const early = { ...publishing(1, 1), topic: 'b' }
  const events: readonly LoggedEvent[] = [
    early,
    { kind: 'subscribing', client: 'bob', filter: 'b', qos: 1 },
    { kind: 'subscribed', client: 'bob', filter: 'b' },
    { ...publishing(2, 1), topic: 'b' },
    { ...delivered(2, 1), topic: 'b' },
    accepted(2),
    { kind: 'resent', publisher: 'alice', sequence: 1 },
    { ...delivered(1, 1), topic: 'b' },
    accepted(1),
    QUIET,
  ]
  t.strictSame(kindsIn(...events), [])
})

test('first deliveries that change their places are out of order', async t => {
  const events = [publishing(1, 1), publishing(2, 1), accepted(1), accepted(2)]
  t.ok(kindsIn(...events, delivered(2, 1), delivered(1, 1), QUIET).includes('order'))
})

/** Watches for wills, from the moment that SUBACK is heard. */
const ASKING: LoggedEvent = { kind: 'subscribing', client: 'bob', filter: WILL_FILTER, qos: 2 }
const WATCHING: LoggedEvent = { kind: 'subscribed', client: 'bob', filter: WILL_FILTER }

function mortal(sequence: number, delaySeconds = 0): readonly LoggedEvent[] {
  const will = { publisher: 'will:carol', sequence, delaySeconds }
  return [
    { ...CONNECTING, client: 'carol', will },
    { kind: 'connected', client: 'carol', sessionPresent: false },
  ]
}
const CUT: LoggedEvent = { kind: 'closed', client: 'carol' }

function willHeard(sequence: number): LoggedEvent {
  const facts = { publisher: 'will:carol', topic: 'crash/will/carol', isIntact: true }
  return { kind: 'delivered', client: 'bob', sequence, qos: 2, duplicate: false, ...facts }
}

test('a will of the last run goes to sessions that subscribed during its connection, and to no later one', async t => {
  const missing = (...events: readonly LoggedEvent[]) =>
    kindsIn(...events, QUIET).filter(kind => kind === 'will').length

  // The watcher was there first, or came while the client was connected.
  t.equal(missing(ASKING, WATCHING, ...mortal(1), CUT), 1)
  t.equal(missing(...mortal(1), ASKING, WATCHING, CUT), 1)
  t.equal(missing(ASKING, WATCHING, ...mortal(1), CUT, willHeard(1)), 0)
  // The will was published before: SUBSCRIBE may have come just behind it.
  t.equal(missing(...mortal(1), CUT, ASKING, WATCHING), 0)
  t.equal(missing(ASKING, ...mortal(1), CUT, WATCHING), 0)
  // The broker died with the client, and published at its next start, before the watcher was back.
  const killed: readonly LoggedEvent[] = [...mortal(1), { kind: 'killed' }]
  t.equal(missing(...killed, CUT, { kind: 'started' }, ASKING, WATCHING), 0)
  t.equal(missing(ASKING, WATCHING, ...killed, CUT, { kind: 'started' }), 1)
  // One that came late is owed all that come after.
  t.equal(missing(...mortal(1), CUT, ASKING, WATCHING, ...mortal(2), CUT), 1)
  // It may come all the same, and once only.
  t.equal(missing(...mortal(1), CUT, ASKING, WATCHING, willHeard(1)), 0)
  t.equal(missing(...mortal(1), CUT, ASKING, WATCHING, willHeard(1), willHeard(1)), 1)
})

// Named queues.

const CONSUMERS = ['one', 'two', 'reader'].flatMap(client => [
  { ...CONNECTING, client } as const,
  { kind: 'connected', client, sessionPresent: false } as const,
])

function filling(sequence: number, topic: string, qos: QoS = 2): readonly LoggedEvent[] {
  const facts = { publisher: 'filler-1', sequence } as const
  return [
    { kind: 'publishing', ...facts, topic, qos, retain: false, isEmpty: false },
    { kind: 'accepted', ...facts },
  ]
}

function handed(client: string, sequence: number, topic: string, count = 1): LoggedEvent {
  const facts = { publisher: 'filler-1', qos: 1, duplicate: false, isIntact: true } as const
  const queue = topic.split('/')[1] ?? ''
  return { kind: 'handed', client, queue, sequence, topic, ...facts, count, dead: null }
}

function dead(sequence: number, topic: string, reason: string, count: number): LoggedEvent {
  const queue = topic.split('/')[1] ?? ''
  const facts = { publisher: 'filler-1', qos: 1, duplicate: false, isIntact: true } as const
  const where = { client: 'reader', queue: `${queue}.dead`, topic, dead: { queue, reason } }
  return { kind: 'handed', sequence, count, ...facts, ...where }
}

function answered(client: string, sequence: number, isAccepted = true): LoggedEvent {
  return { kind: 'answered', client, publisher: 'filler-1', sequence, isAccepted }
}

/** The consumer's message behind what it did is acknowledged: all of it is on disk. */
function marked(client: string): readonly LoggedEvent[] {
  const facts = { publisher: client, sequence: 1 } as const
  const message = { topic: 'b', qos: 1, retain: false, isEmpty: false } as const
  return [
    { kind: 'publishing', ...facts, ...message },
    { kind: 'accepted', ...facts },
  ]
}

/** The kinds of findings about queues; the time of event N is N ms, or as given. */
function queueKinds(events: readonly LoggedEvent[], msOf = (index: number) => index) {
  const checker = new Checker()
  for (const [index, event] of [...BEGINNING, ...CONSUMERS, ...events, QUIET].entries()) {
    checker.see(event, msOf(index))
  }
  return checker.findings.map(({ kind }) => kind)
}

const FIFO = '$queue/fifo'
const PARALLEL = '$queue/parallel'

test('a log of queues that is right has no finding', async t => {
  const events = [
    ...filling(1, FIFO),
    ...filling(2, FIFO),
    handed('one', 1, FIFO),
    answered('one', 1, false),
    handed('one', 1, FIFO, 2),
    { kind: 'closed', client: 'one' } as const,
    handed('two', 1, FIFO, 3),
    answered('two', 1),
    handed('two', 2, FIFO),
    answered('two', 2),
  ]
  t.strictSame(queueKinds(events), [])
})

test('a message that no consumer acknowledged and that is no dead letter is lost', async t => {
  t.strictSame(queueKinds([...filling(1, FIFO), handed('one', 1, FIFO)]), ['queue-lost'])
})

test('a message that two consumers have, or one twice, is found', async t => {
  const twice = (second: LoggedEvent, ...between: readonly LoggedEvent[]) =>
    queueKinds([
      ...filling(1, PARALLEL),
      handed('one', 1, PARALLEL),
      ...between,
      second,
      answered('one', 1),
      answered('two', 1),
    ])

  t.strictSame(twice(handed('two', 1, PARALLEL, 2)), ['queue-again'])
  t.ok(twice(handed('one', 1, PARALLEL, 2)).includes('queue-again'))
  const refused = [answered('one', 1, false)]
  t.strictSame(twice(handed('two', 1, PARALLEL, 2), ...refused), [])
})

test('a message of a key that comes while another is with a consumer, or before an older one, is out of order', async t => {
  const both = [...filling(1, FIFO), ...filling(2, FIFO)]
  const end = [answered('one', 1), answered('two', 2)]
  const atOnce = [...both, handed('one', 1, FIFO), handed('two', 2, FIFO), ...end]
  const newerFirst = [
    ...both,
    handed('two', 2, FIFO),
    answered('two', 2),
    handed('one', 1, FIFO),
    answered('one', 1),
  ]

  t.strictSame(queueKinds(atOnce), ['queue-order', 'queue-order'])
  t.strictSame(queueKinds(newerFirst), ['queue-order'])
})

test('what comes after its settlement is on disk is found; before that it may come again', async t => {
  const acknowledged = [...filling(1, PARALLEL), handed('one', 1, PARALLEL), answered('one', 1)]
  const again = [handed('two', 1, PARALLEL, 2), answered('two', 1)]
  t.strictSame(queueKinds([...acknowledged, ...marked('one'), ...again]), ['queue-again'])
  t.strictSame(queueKinds([...acknowledged, ...again]), [])
})

test('a count that goes back or too far, and a dead letter without its reason, are found', async t => {
  const first = [...filling(1, PARALLEL), handed('one', 1, PARALLEL), answered('one', 1, false)]
  const after = (...events: readonly LoggedEvent[]) => queueKinds([...first, ...events])

  t.ok(after(handed('two', 1, PARALLEL, 1), answered('two', 1)).includes('dead-letter'))
  t.ok(after(handed('two', 1, PARALLEL, 5), answered('two', 1)).includes('dead-letter'))
  t.strictSame(after(dead(1, PARALLEL, 'refused', 1)), ['dead-letter'])
  t.strictSame(after(dead(1, PARALLEL, 'expired', 3)), ['dead-letter'])
  t.strictSame(after(dead(1, PARALLEL, 'refused', 3)), [])
  // What was on its way to a client that has said DISCONNECT, it reads when others have had it.
  const late = [
    { kind: 'disconnecting', client: 'one', endsSession: false } as const,
    handed('two', 1, PARALLEL, 3),
    answered('two', 1, false),
    ...marked('two'),
    handed('one', 1, PARALLEL, 2),
    dead(1, PARALLEL, 'refused', 3),
  ]
  t.strictSame(after(...late), [])
  const back = [dead(1, PARALLEL, 'refused', 3), handed('two', 1, PARALLEL, 3)]
  t.ok(after(...back).includes('queue-again'))
})

test('a delayed message that comes before its time is found', async t => {
  const events = [
    ...filling(1, `$delayed/1/${PARALLEL}`),
    handed('one', 1, PARALLEL),
    answered('one', 1),
  ]
  t.strictSame(queueKinds(events), ['early'])
  t.strictSame(
    queueKinds(events, index => index * 1_000),
    [],
  )
})
