// The checker of the crash test finds what is planted in a log of transactions, and nothing in one that is right.

import { test } from 'tap'
import { Checker } from '../../crash/check/checker.ts'
import type { LoggedEvent, Staged, TransactionVerb } from '../../crash/event.ts'
import { TRANSACTION_FILTER } from '../../crash/transactions.ts'

const READERS = ['bob', 'eve'].flatMap(client => [
  { kind: 'connecting', client, cleanStart: false, isDurable: true, will: null } as const,
  { kind: 'connected', client, sessionPresent: false } as const,
  { kind: 'subscribing', client, filter: TRANSACTION_FILTER, qos: 2 } as const,
  { kind: 'subscribed', client, filter: TRANSACTION_FILTER } as const,
])
const TOPIC = 'crash/tx/orders/done'
const INPUT_TOPIC = 'crash/orders/1'

/** A transaction of two messages, which may be the results of these inputs. */
function made(number: number, inputs: readonly (number | null)[] = [null, null]): LoggedEvent {
  const messages = inputs.map((input, index) => ({
    ...{ publisher: 'tx-shop', sequence: 10 * number + index + 1, topic: TOPIC, qos: 2 as const },
    input: input === null ? null : { publisher: 'feeder-1', sequence: input },
  }))
  return { kind: 'transaction-made', transaction: `tx-shop.${number}`, messages }
}

function asked(number: number, verb: TransactionVerb): LoggedEvent {
  return { kind: 'transaction-asked', transaction: `tx-shop.${number}`, verb }
}

function answered(
  number: number,
  verb: TransactionVerb,
  isRefused = false,
  staged: Staged = 'all',
): readonly LoggedEvent[] {
  const transaction = `tx-shop.${number}`
  const answer = { transaction, verb, staged, isRefused, sentence: '' }
  return [asked(number, verb), { kind: 'transaction-answered', ...answer }]
}

function delivered(client: string, ...sequences: readonly number[]): readonly LoggedEvent[] {
  const facts = { publisher: 'tx-shop', topic: TOPIC, qos: 2, duplicate: false } as const
  return sequences.map(sequence => {
    return { kind: 'delivered', client, sequence, ...facts, isIntact: true } as const
  })
}

function input(sequence: number): readonly LoggedEvent[] {
  const facts = { publisher: 'feeder-1', sequence } as const
  const message = { topic: INPUT_TOPIC, qos: 2, retain: false, isEmpty: false } as const
  return [
    { kind: 'publishing', ...facts, ...message },
    { kind: 'accepted', ...facts },
  ]
}

function handed(sequence: number): LoggedEvent {
  const facts = { publisher: 'feeder-1', topic: INPUT_TOPIC, duplicate: false } as const
  const where = { client: 'tx-shop', queue: 'orders', qos: 1, count: 1, dead: null } as const
  return { kind: 'handed', sequence, ...facts, ...where, isIntact: true }
}

const CRASH: readonly LoggedEvent[] = [{ kind: 'killed' }, { kind: 'started' }]

function kindsIn(...events: readonly (LoggedEvent | readonly LoggedEvent[])[]): readonly string[] {
  const checker = new Checker()
  for (const event of [...READERS, ...events.flat(), { kind: 'quiet' } as const]) checker.see(event)
  return checker.findings.map(({ kind }) => kind)
}

const WHOLE = [...delivered('bob', 11, 12), ...delivered('eve', 11, 12)]

test('a log of transactions that is right has no finding', async t => {
  const events = [
    ...[made(1), answered(1, 'prepare'), CRASH],
    ...[{ kind: 'transaction-undecided', transaction: 'tx-shop.1' } as const],
    ...[answered(1, 'commit', false, 'nothing'), WHOLE, answered(1, 'commit', false, 'all')],
    ...[made(2), answered(2, 'abort'), made(3), answered(3, 'commit', true, 'part')],
    ...[answered(3, 'commit'), delivered('bob', 31, 32), delivered('eve', 31, 32)],
  ]
  t.strictSame(kindsIn(...events), [])
})

test('a transaction without an answer is seen whole or not at all', async t => {
  const unanswered = [made(1), asked(1, 'commit'), CRASH]
  const refused = answered(1, 'commit', true, 'nothing')

  t.strictSame(kindsIn(...unanswered, refused), [])
  t.strictSame(kindsIn(...unanswered, WHOLE, answered(1, 'commit', false, 'nothing')), [])
  t.ok(kindsIn(...unanswered, WHOLE, refused).includes('transaction-torn'))
  t.strictSame(kindsIn(...unanswered), ['transaction-answer'])
})

test('a committed transaction of which a subscriber has a part or nothing is torn', async t => {
  const committed = [made(1), answered(1, 'commit'), CRASH]
  t.strictSame(kindsIn(...committed, delivered('bob', 11, 12)), ['transaction-torn'])
  t.strictSame(kindsIn(...committed, delivered('bob', 11, 12), delivered('eve', 11)), [
    'transaction-torn',
  ])
})

test('an aborted transaction that somebody sees is torn', async t => {
  t.ok(kindsIn(made(1), answered(1, 'abort'), WHOLE).includes('transaction-torn'))
  const prepared = [made(1), answered(1, 'prepare'), answered(1, 'abort', false, 'nothing')]
  t.ok(kindsIn(...prepared, CRASH, WHOLE).includes('transaction-torn'))
})

test('a prepared or committed transaction that is not known any more is found', async t => {
  const prepared = [made(1), answered(1, 'prepare'), CRASH]
  const committed = [made(1), answered(1, 'commit'), WHOLE, CRASH]

  t.strictSame(kindsIn(...prepared), ['transaction-answer'])
  t.ok(kindsIn(...prepared, answered(1, 'commit', true, 'nothing')).includes('transaction-answer'))
  t.strictSame(kindsIn(...committed, answered(1, 'commit', true, 'nothing')), [
    'transaction-answer',
  ])
  t.strictSame(kindsIn(...committed, answered(1, 'commit', false, 'nothing')), [])
})

test('a transaction that is decided twice, taken in part or refused without a reason is found', async t => {
  t.ok(
    kindsIn(made(1), answered(1, 'commit'), WHOLE, answered(1, 'abort')).includes(
      'transaction-answer',
    ),
  )
  t.ok(kindsIn(made(1), answered(1, 'commit', false, 'part'), WHOLE).includes('transaction-answer'))
  t.strictSame(kindsIn(made(1), answered(1, 'commit', false, 'unsure'), WHOLE), [])
  t.strictSame(kindsIn(made(1), answered(1, 'commit', true)), ['transaction-answer'])
  const foreign = { kind: 'transaction-undecided', transaction: 'tx-shop.1' } as const
  t.ok(kindsIn(made(1), answered(1, 'abort'), foreign).includes('transaction-answer'))
})

test('messages of a transaction that come in another order, with one between, or twice are found', async t => {
  const committed = (...events: readonly (readonly LoggedEvent[])[]) =>
    kindsIn(made(1), answered(1, 'commit'), made(2), answered(2, 'commit'), ...events)
  const eve = delivered('eve', 11, 12, 21, 22)

  t.strictSame(committed(eve, delivered('bob', 11, 12, 21, 22)), [])
  t.strictSame(committed(eve, delivered('bob', 21, 22, 11, 12)), [])
  t.ok(committed(eve, delivered('bob', 12, 11, 21, 22)).includes('transaction-order'))
  t.ok(committed(eve, delivered('bob', 11, 21, 22, 12)).includes('transaction-order'))
  const other = delivered('bob', 1).map(event => ({ ...event, publisher: 'alice' }) as LoggedEvent)
  t.ok(
    committed(eve, delivered('bob', 11), other, delivered('bob', 12)).includes('transaction-order'),
  )
  t.strictSame(committed(eve, delivered('bob', 11, 11, 12, 21, 22)), ['duplicate'])
})

test('a SUBACK that comes again between the messages of a transaction breaks no order', async t => {
  const late = [
    { kind: 'connecting', client: 'joe', cleanStart: false, isDurable: true, will: null },
    { kind: 'connected', client: 'joe', sessionPresent: false },
    { kind: 'subscribing', client: 'joe', filter: TRANSACTION_FILTER, qos: 2 },
  ] as const
  const granted = { kind: 'subscribed', client: 'joe', filter: TRANSACTION_FILTER } as const
  const both = [...delivered('bob', 11, 12), ...delivered('eve', 11, 12)]
  const seen = [...late, ...delivered('joe', 11), granted, ...delivered('joe', 12)]
  t.strictSame(kindsIn(made(1), answered(1, 'commit'), both, seen), [])
})

test('a message of a queue has one result, and is not handed out once that is committed or prepared', async t => {
  const inputs = [...input(1), ...input(2), handed(1), handed(2)]
  const result = [...inputs, made(1, [1, 2]), ...answered(1, 'commit'), ...WHOLE]

  t.strictSame(kindsIn(result), [])
  t.strictSame(kindsIn(inputs), ['result-lost', 'result-lost'])
  t.strictSame(kindsIn(result, CRASH, handed(1)), ['result-again'])
  const locked = [...inputs, made(1, [1, 2]), ...answered(1, 'prepare'), ...CRASH]
  const committed = [...answered(1, 'commit', false, 'nothing'), ...WHOLE]
  t.strictSame(kindsIn(locked, handed(2), committed), ['result-again'])
  const second = [
    made(2, [1]),
    ...answered(2, 'commit'),
    ...delivered('bob', 21),
    ...delivered('eve', 21),
  ]
  t.ok(kindsIn(result, second).includes('result-again'))
})

test('an aborted or refused transaction gives back what it was to settle', async t => {
  const retried = [handed(1), made(2, [1]), ...answered(2, 'commit')]
  const seen = [...delivered('bob', 21), ...delivered('eve', 21)]
  const first = [...input(1), handed(1), made(1, [1])]

  t.strictSame(kindsIn(first, answered(1, 'abort'), retried, seen), [])
  t.strictSame(kindsIn(first, answered(1, 'prepare'), answered(1, 'abort'), retried, seen), [])
  t.strictSame(kindsIn(first, answered(1, 'commit', true), retried, seen), [])
})

test('results of a key that come in another order are found', async t => {
  const both = [...input(1), ...input(2), made(1, [2]), ...answered(1, 'commit')]
  const events = [...both, made(2, [1]), ...answered(2, 'commit')]
  const seen = [...delivered('bob', 11, 21), ...delivered('eve', 11, 21)]
  t.strictSame(kindsIn(events, seen), ['transaction-order', 'transaction-order'])
})
