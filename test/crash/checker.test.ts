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
