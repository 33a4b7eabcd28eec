import { test } from 'tap'
import type { Properties, QoS, UserProperty } from '../../src/packet/packet.ts'
import { reportExpressions } from '../../src/server/store-report.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { Pond } from '../pond.ts'
import type { PondClient, PublishOptions } from '../pond-client.ts'

const DURABLE = {
  cleanStart: false,
  properties: { sessionExpiryInterval: 600 },
} as const
const IN_TOPIC = { subscriptions: { filterInTopic: true, payloadFilters: true } } as const

function where(expression: string, more: Properties = {}): { readonly properties: Properties } {
  return { properties: { ...more, userProperties: [['$where', expression]] } }
}

function tagged(...userProperties: readonly UserProperty[]): PublishOptions {
  return { properties: { userProperties } }
}

/** Messages of three regions, which say so in their payload. */
function publishesAll(publisher: PondClient, qos: QoS = 0, retain = false): void {
  for (const region of ['eu', 'us', 'as']) {
    publisher.publishes(`t/${region}`, region, { qos, retain, ...tagged(['region', region]) })
  }
}

function payloadsOf(client: PondClient): readonly string[] {
  return client.receivesMessages().map(({ payload }) => payload.toString())
}

/** What SUBACK says. */
function answerTo(client: PondClient): string {
  const [suback] = client.receives().filter(({ type }) => type === 'suback')
  if (suback?.type !== 'suback') return 'no answer'
  const { reasonString = '' } = suback.properties
  return `${suback.reasons.map(reason => `0x${reason.toString(16)}`).join(' ')} ${reasonString}`.trim()
}

test('a subscriber gets the messages that its expression wants', async t => {
  const pond = new Pond()
  const [bob, all, alice] = [pond.client('bob'), pond.client('all'), pond.client('alice')]
  bob.subscribes('t/#', 0, where("region = 'eu' OR temperature > 25"))
  all.subscribes('t/#')
  t.equal(answerTo(bob), '0x0')
  all.receives()

  publishesAll(alice)
  alice.publishes('t/1', 'warm', tagged(['temperature', '26']))
  alice.publishes('t/1', 'no tags')

  t.strictSame(payloadsOf(bob), ['eu', 'warm'])
  t.strictSame(payloadsOf(all), ['eu', 'us', 'as', 'warm', 'no tags'])
  t.equal(pond.broker.statistics.messagesFiltered, 3)
})

test('the same filter anew replaces the expression, or removes it [MQTT-3.8.4-3]', async t => {
  const pond = new Pond()
  const [bob, alice] = [pond.client('bob'), pond.client('alice')]
  const heard = (...options: readonly Parameters<PondClient['subscribes']>[2][]) => {
    for (const each of options) bob.subscribes('t/#', 0, each)
    bob.receives()
    publishesAll(alice)
    return payloadsOf(bob)
  }

  t.strictSame(heard(where("region = 'eu'")), ['eu'])
  t.strictSame(heard(where("region = 'us'")), ['us'])
  t.equal(pond.broker.expressions.count, 1)
  t.strictSame(heard({}), ['eu', 'us', 'as'])
  t.equal(pond.broker.expressions.count, 0)
  t.strictSame(heard(where("region = 'as'")), ['as'])
  bob.unsubscribes('t/#')
  t.equal(pond.broker.expressions.count, 0)
})

test('an expression is asked before overlapping subscriptions are merged', async t => {
  const pond = new Pond()
  const [bob, alice] = [pond.client('bob'), pond.client('alice')]
  bob.subscribes('t/#', 0, { properties: { subscriptionIdentifiers: [1] } })
  bob.subscribes('t/+', 1, where("region = 'eu'", { subscriptionIdentifiers: [2] }))
  bob.subscribes('+/eu', 2, where("region = 'us'", { subscriptionIdentifiers: [3] }))
  bob.receives()

  publishesAll(alice, 2)

  t.strictSame(
    bob
      .receivesMessages()
      .map(({ payload, qos, properties }) => [
        payload.toString(),
        qos,
        properties.subscriptionIdentifiers,
      ]),
    [
      ['eu', 1, [1, 2]],
      ['us', 0, [1]],
      ['as', 0, [1]],
    ],
  )
})

test('what nobody wants is not stored, and the publisher is told that nobody was there', async t => {
  const store = new MemoryStore()
  const pond = new Pond({ store })
  const [bob, alice] = [pond.client('bob', DURABLE), pond.client('alice')]
  bob.subscribes('t/#', 1, where("region = 'eu'"))
  bob.vanishes()
  const before = pond.journal.current

  alice.publishes('t/us', 'us', { qos: 1, ...tagged(['region', 'us']) })

  t.strictSame(alice.hears(), ['puback #1 0x10'])
  t.equal(pond.journal.current, before, 'there was nothing to commit')
  alice.publishes('t/eu', 'eu', { qos: 1, ...tagged(['region', 'eu']) })
  t.strictSame(alice.hears(), ['puback #2 0x0'])
})

test('a durable subscription keeps its expression over a restart', async t => {
  const store = new MemoryStore()
  const first = new Pond({ store })
  const bob = first.client('bob', DURABLE)
  bob.subscribes('t/#', 1, where("region = 'eu'"))
  bob.subscribes('u/#', 1, where("region = 'us'"))
  bob.subscribes('u/#', 1)
  const carol = first.client('carol', DURABLE)
  carol.subscribes('$share/g/t/#', 1, where("region = 'us'"))

  const pond = new Pond({ store, snapshot: await store.open() })
  const again = [pond.client('bob', DURABLE), pond.client('carol', DURABLE)]
  publishesAll(pond.client('alice'), 1)

  t.strictSame(again.map(payloadsOf), [['eu'], ['us']])
  t.equal(pond.broker.expressions.count, 2)
})

test('the log says when an expression of the store cannot be read, which wants nothing', async t => {
  const store = new MemoryStore()
  new Pond({ store }).client('bob', DURABLE).subscribes('t/#', 1, where("region = 'eu'"))
  const snapshot = await store.open()
  const sessions = snapshot.sessions.map(session => ({
    ...session,
    subscriptions: session.subscriptions.map(each => ({ ...each, where: 'region ~~ eu' })),
  }))
  const lines: object[] = []
  const line = (fields: object): void => void lines.push(fields)
  const log = { debug: line, info: line, warn: line, error: line }

  const pond = new Pond({ store, snapshot: { ...snapshot, sessions } })
  reportExpressions(log, pond.broker)
  const bob = pond.client('bob', DURABLE)
  publishesAll(pond.client('alice'), 1)

  t.strictSame(payloadsOf(bob), [])
  const bad = { clientId: 'bob', filter: 't/#', where: 'region ~~ eu' }
  t.strictSame(lines, [{ event: 'subscription.unreadable', subscriptions: 1, ...bad }])
})

test('retained messages are asked about as well', async t => {
  const pond = new Pond()
  const [bob, alice] = [pond.client('bob'), pond.client('alice')]
  publishesAll(alice, 1, true)

  bob.subscribes('t/#', 1, where("region != 'eu' AND retain = true"))

  t.strictSame(payloadsOf(bob), ['us', 'as'])
})

test('a share group collects what its expression wants; another expression is another group', async t => {
  const pond = new Pond()
  const clients = ['eu-1', 'eu-2', 'us-1'].map(name => pond.client(name, { acknowledges: true }))
  const alice = pond.client('alice')
  for (const client of clients) {
    client.subscribes('$share/g/t/#', 1, where(`region = '${client.clientId.slice(0, 2)}'`))
    client.receives()
  }

  for (let round = 0; round < 2; round++) publishesAll(alice, 1)

  t.strictSame(clients.map(payloadsOf), [['eu'], ['eu'], ['us', 'us']])
  t.equal([...pond.broker.subscriptions.groups.all].length, 2)
  const [, mover] = clients
  mover?.subscribes('$share/g/t/#', 1, where("region = 'us'"))
  mover?.receives()
  publishesAll(alice, 1)
  publishesAll(alice, 1)
  t.strictSame(clients.map(payloadsOf), [['eu', 'eu'], ['us'], ['us']])
  for (const client of clients) client.unsubscribes('$share/g/t/#')
  t.equal([...pond.broker.subscriptions.groups.all].length, 0)
  t.equal(pond.broker.expressions.count, 0)
})

test('what cannot be read is refused with its position, for every filter of the packet', async t => {
  const pond = new Pond()
  const bob = pond.client('bob')

  bob.subscribes('t/#', 1, where('region ='))
  t.equal(answerTo(bob), '0x8f a value is expected, at character 9 of the expression')
  bob.subscribes('$share/g/t/#', 1, where(`a = '${'x'.repeat(60_000)}'`))
  t.equal(answerTo(bob), '0x8f the expression has more than 1024 characters')
  t.equal(pond.broker.subscriptions.count, 0)
  t.equal(pond.broker.statistics.subscribesRefused, 2)
})

test('a client has a bounded number of expressions, and so have all together', async t => {
  const pond = new Pond({ limits: { expressionsPerClientMax: 2, expressionsMax: 3 } })
  const [bob, carol] = [pond.client('bob'), pond.client('carol')]
  const asked = (client: PondClient, filter: string, expression: string): string => {
    client.subscribes(filter, 0, where(expression))
    return answerTo(client)
  }

  t.equal(asked(bob, 'a', 'x = 1'), '0x0')
  t.equal(asked(bob, 'b', 'x = 1'), '0x0')
  t.equal(asked(bob, 'c', 'x = 1'), '0x97')
  t.equal(asked(bob, 'b', 'x = 2'), '0x0', 'one that is replaced is no more')
  t.equal(asked(carol, 'a', 'x = 3'), '0x0')
  t.equal(asked(carol, 'b', 'x = 4'), '0x97')
  t.equal(asked(carol, 'b', 'x = 1'), '0x0', 'equal ones are one')
  t.equal(asked(carol, 'a', "x LIKE '%a'"), '0x97', 'a search counts as one more')
  const { expressionsPerClientMax, expressionsMax } = pond.broker.statistics.limited
  t.strictSame([expressionsPerClientMax, expressionsMax], [1, 2])
})

test('with filterInTopic an expression stands behind a topic filter, in every version', async t => {
  const pond = new Pond(IN_TOPIC)
  const [old, shared, alice] = [
    pond.client('old', { version: 4 }),
    pond.client('shared', { version: 3 }),
    pond.client('alice'),
  ]
  old.subscribes('t/+?region=eu&temperature>25', 0)
  shared.subscribes('$share/g/t/+?region=eu', 0)
  old.receives()
  shared.receives()

  alice.publishes('t/1', 'both', tagged(['region', 'eu'], ['temperature', '25.5']))
  alice.publishes('t/1', 'cold', tagged(['region', 'eu'], ['temperature', '25']))

  t.strictSame(payloadsOf(old), ['both'])
  t.strictSame(payloadsOf(shared), ['both', 'cold'])
  old.subscribes('t/+?region', 0)
  t.strictSame(old.hears(), ['suback #2 0x80'])
  old.unsubscribes('t/+?region=eu&temperature>25')
  alice.publishes('t/1', 'both', tagged(['region', 'eu'], ['temperature', '25.5']))
  t.strictSame(old.hears(), ['unsuback #3'])
})

test('the two forms together must both hold', async t => {
  const pond = new Pond(IN_TOPIC)
  const [bob, alice] = [pond.client('bob'), pond.client('alice')]
  bob.subscribes('t/+?region=eu', 0, where('a = 1 OR a = 2'))
  t.equal(answerTo(bob), '0x0')

  alice.publishes('t/1', '1', tagged(['region', 'eu'], ['a', '1']))
  alice.publishes('t/1', '2', tagged(['region', 'us'], ['a', '2']))
  alice.publishes('t/1', '3', tagged(['region', 'eu'], ['a', '3']))

  t.strictSame(payloadsOf(bob), ['1'])
  bob.subscribes('t/+?temperature>warm', 0)
  t.equal(answerTo(bob), '0x8f a number is expected, at character 14 of the expression')
})

test('without filterInTopic a question mark is an ordinary character [MQTT-4.7.3-4]', async t => {
  const pond = new Pond()
  const [bob, alice] = [pond.client('bob'), pond.client('alice')]
  bob.subscribes('t/a?region=eu', 0)
  bob.receives()

  alice.publishes('t/a', 'no')
  alice.publishes('t/a?region=eu', 'yes')

  t.strictSame(payloadsOf(bob), ['yes'])
})

test('with payloadFilters: false nobody may ask about the payload', async t => {
  const pond = new Pond({ subscriptions: { filterInTopic: true, payloadFilters: false } })
  const bob = pond.client('bob')
  const sentence =
    '0x8f expressions may not ask about the payload here (subscriptions.payloadFilters)'

  bob.subscribes('t', 0, where('payload.a = 1'))
  t.equal(answerTo(bob), sentence)
  bob.subscribes('t?payload.a>1', 0)
  t.equal(answerTo(bob), sentence)
  bob.subscribes('t', 0, where('a = 1'))
  t.equal(answerTo(bob), '0x0')
})

test('expressions are work of the turn, the payload by its length', async t => {
  const workOf = (expressions: readonly string[], payload: string): number => {
    const pond = new Pond({ limits: { turnWorkMax: 100_000, turnWorkTotalMax: 100_000 } })
    const alice = pond.client('alice')
    for (const [index, expression] of expressions.entries()) {
      pond.client(`c${index}`).subscribes('t', 0, where(expression))
    }
    alice.publishes('t', payload)
    return 100_000 - pond.broker.turnWorkLeft
  }
  const json = JSON.stringify({ a: 'x'.repeat(60_000) })
  const plain = workOf(['a = 0'], json)

  const many = Array.from({ length: 50 }, (_, index) => `a = ${index}`)
  t.ok(workOf(many, json) - plain >= 49)
  t.ok(
    workOf(
      Array.from({ length: 50 }, () => 'a = 0'),
      json,
    ) -
      plain <
      49,
    'equal ones are asked once',
  )
  t.ok(workOf(['payload.a = 1'], json) - plain > 10_000)
})
