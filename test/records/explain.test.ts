// Explains where a message went, and why: what was recorded, and what would happen now.

import { test } from 'tap'
import type { Access } from '../../src/access/access.ts'
import { NOTHING } from '../../src/access/permissions.ts'
import { parseAclFile } from '../../src/access/mosquitto/acl-file.ts'
import { AclRules } from '../../src/access/mosquitto/acl-rules.ts'
import { CurrentRules, RulePermissions } from '../../src/access/rules/rule-permissions.ts'
import { Latencies } from '../../src/records/latencies.ts'
import { LogLines } from '../../src/records/log-lines.ts'
import type { AccessQuestion } from '../../src/records/explain-access.ts'
import type { DeliveryQuestion } from '../../src/records/explain-delivery.ts'
import type { Explanation } from '../../src/records/explanation.ts'
import { Records } from '../../src/records/records.ts'
import { Pond, type PondOptions } from '../pond.ts'

function recorded(options: PondOptions = {}) {
  const pond = new Pond(options)
  const records = new Records({
    broker: pond.broker,
    latencies: new Latencies(() => 0),
    logLines: new LogLines(() => 0),
    timelineBytesMax: 1_048_576,
    now: () => pond.now,
    monotonicMs: () => pond.now,
    later: proceed => proceed(),
    after: () => {},
    sockets: () => pond.core.sockets,
    permissionsOf: identity => pond.core.permissionsOf(identity) ?? NOTHING,
    hasUsers: true,
    usage: () => ({ cpuSeconds: 0, residentBytes: 0 }),
    state: {
      storeFreeBytes: () => NaN,
      troubles: () => [],
      certificates: () => [],
      connectionsRefused: () => ({}),
      bridges: () => [],
    },
  })
  const delivery = (question: Partial<DeliveryQuestion> & { topic: string }): Explanation =>
    records.explainDelivery({
      publisher: null,
      receiver: null,
      qos: 1,
      payloadBytes: 0,
      ...question,
    })
  const access = (question: Partial<AccessQuestion> & { topic: string }): Explanation =>
    records.explainAccess({
      username: null,
      clientId: null,
      action: 'publish',
      qos: 0,
      retain: false,
      ...question,
    })
  return { pond, records, delivery, access }
}

function told({ steps }: Explanation): readonly string[] {
  return steps.map(({ source, level, clientId, cause }) =>
    [source, level, clientId, cause].filter(word => word !== null).join(' '),
  )
}

const KEPT = { cleanStart: false, properties: { sessionExpiryInterval: 600 } }

test('equal drops of a topic are one step, also with those of other topics between them', async t => {
  const { pond, delivery } = recorded({ limits: { queuedMessagesMax: 1 } })
  const away = pond.client('slow-1', KEPT)
  away.subscribes('fleet/#', 1)
  away.vanishes()
  const truck = pond.client('truck')
  for (const topic of ['fleet/0', 'fleet/1', 'fleet/2', 'fleet/1', 'fleet/2', 'fleet/1']) {
    truck.publishes(topic, 'x', { qos: 1 })
  }

  const steps = told(delivery({ topic: 'fleet/1' })).filter(step => step.includes('dropped: '))

  t.strictSame(steps, [
    'recorded fault slow-1 3 times dropped: its queue is full (limits.queuedMessagesMax, limits.queuedBytesMax)',
  ])
})

test('of three receivers one has it at once, one waits, and one gets nothing, each with its reason', async t => {
  const { pond, delivery } = recorded({ limits: { queuedMessagesMax: 3 } })
  for (const [clientId, messages] of [
    ['slow-1', 3],
    ['worker-2', 1],
  ] as const) {
    const away = pond.client(clientId, KEPT)
    away.subscribes(clientId, 1)
    away.subscribes('fleet/#', 1)
    away.vanishes()
    for (let number = 0; number < messages; number++) {
      pond.client('filler').publishes(clientId, 'x', { qos: 1 })
    }
  }
  pond.client('reader').subscribes('fleet/+', 1)
  pond.client('truck').publishes('fleet/1', 'x', { qos: 1 })

  const explanation = delivery({ topic: 'fleet/1' })

  t.equal(explanation.verdict, '1 of 3 would receive a message at once now.')
  const steps = told(explanation)
  t.ok(
    steps.includes(
      'recorded fault slow-1 dropped: its queue is full (limits.queuedMessagesMax, limits.queuedBytesMax)',
    ),
  )
  t.ok(steps.some(step => /^recorded ok truck the last message .* came from truck$/.test(step)))
  t.ok(steps.includes('now fault slow-1 by fleet/#, QoS 1: its queue is full (3), dropped'))
  t.ok(
    steps.includes(
      'now warning worker-2 by fleet/#, QoS 1: it is away, and the message would wait as number 3',
    ),
  )
  t.ok(steps.includes('now ok reader by fleet/+, QoS 1: sent at once'))
  t.ok(explanation.steps.every(({ at, source }) => (at === null) === (source === 'now')))
})

test('an explanation changes nothing', async t => {
  const { pond, delivery, access } = recorded({ limits: { topicLevelsMax: 3 } })
  const away = pond.client('away', KEPT)
  away.subscribes('a/#', 1)
  away.vanishes()
  const { statistics, retained, sessions, subscriptions } = pond.broker
  const stateOf = (): string =>
    JSON.stringify([
      statistics,
      retained.count,
      sessions.count,
      subscriptions.count,
      sessions.get('away')?.queuedMessages,
    ])
  const before = stateOf()

  delivery({ topic: 'a/b', publisher: 'nobody', receiver: 'away' })
  delivery({ topic: 'a/b/c/d/e' })
  delivery({ topic: '$SYS/x' })
  access({ topic: 'a/b', clientId: 'away', action: 'subscribe' })

  t.equal(stateOf(), before)
  t.equal(pond.journal.length, 0)
})

test('it is honest about what it does not know, and says why a receiver would get nothing', async t => {
  const { pond, delivery } = recorded()
  pond.client('other').subscribes('b', 0)
  pond.client('none')

  const nothing = delivery({ topic: 'a' })
  t.equal(nothing.verdict, 'Nobody would receive a message now.')
  t.match(nothing.steps[0], {
    source: 'recorded',
    level: 'warning',
    at: null,
    cause: /too long ago/,
  })
  t.match(told(delivery({ topic: 'a', receiver: 'gone' })).at(-1), /it has no session/)
  t.match(told(delivery({ topic: 'a', receiver: 'none' })).at(-1), /it has no subscription/)
  t.match(
    told(delivery({ topic: 'a', receiver: 'other' })).at(-1),
    /none of its 1 subscriptions matches \(b\)/,
  )
  t.equal(
    delivery({ topic: 'a', receiver: 'other' }).verdict,
    'This client would not receive a message now.',
  )
})

test('QoS 0 to a client that is away, No Local and share groups are explained', async t => {
  const { pond, delivery } = recorded()
  const away = pond.client('away', KEPT)
  away.subscribes('a', 1)
  away.vanishes()
  pond.client('own').subscribes('a', 0, { noLocal: true })
  pond.client('member').subscribes('$share/g/a', 1)

  const steps = told(delivery({ topic: 'a', publisher: 'own', qos: 0 }))

  t.ok(steps.some(step => /fault away .*messages of QoS 0 are not kept/.test(step)))
  t.ok(steps.some(step => /warning own .*not its own messages/.test(step)))
  t.ok(steps.some(step => /ok share group g of a: one of its 1 members/.test(step)))
  t.match(told(delivery({ topic: 'a', receiver: 'member' })), [/./, /ok share group g of a/])
})

test('an expression and a named queue are explained: neither says more than it knows', async t => {
  const { pond, delivery } = recorded()
  const wants = (expression: string) => ({
    properties: { userProperties: [['$where', expression]] as const },
  })
  pond.client('hot').subscribes('a', 0, wants('temperature > 25'))
  const both = pond.client('both')
  both.subscribes('a', 0, wants('temperature > 25'))
  both.subscribes('#', 0)
  const worker = pond.client('worker')
  worker.subscribes('$queue/jobs/a', 1)

  const steps = told(delivery({ topic: 'a' }))

  t.ok(steps.some(step => /warning hot .*if its expression wants it: temperature > 25$/.test(step)))
  t.ok(steps.some(step => /ok both .*sent at once$/.test(step)))
  t.ok(steps.some(step => /ok queue jobs: one of its 1 consumers gets it/.test(step)))
  t.match(told(delivery({ topic: 'a', receiver: 'worker' })), [/./, /ok queue jobs/])
  worker.unsubscribes('$queue/jobs/a')
  t.match(told(delivery({ topic: 'a' })).join('\n'), 'warning queue jobs: it waits for a consumer')
})

test('a message in a transaction is explained: who must commit it, and that nobody gets it before', async t => {
  const { pond, delivery } = recorded()
  const shop = pond.client('shop')
  shop.publishes('$tx/orders.1/publish/stock', 'one', { qos: 1 })
  shop.publishes('$tx/orders.1/prepare', '1', { qos: 1 })
  shop.publishes('$tx/orders.2/publish/stock', 'two', { qos: 1 })

  const steps = told(delivery({ topic: 'stock' }))

  t.ok(steps.some(step => /warning shop one is in the prepared transaction orders\.1: /.test(step)))
  t.ok(steps.some(step => /warning shop one is staged in the transaction orders\.2: /.test(step)))
  t.notMatch(told(delivery({ topic: 'other' })).join(), 'transaction')
  t.notMatch(told(delivery({ topic: 'stock', publisher: 'truck' })).join(), 'transaction')
  shop.publishes('$tx/orders.1/commit', '1', { qos: 1 })
  shop.publishes('$tx/orders.2/abort', '', { qos: 1 })
  t.notMatch(told(delivery({ topic: 'stock' })).join(), 'in the transaction')
})

test('what a trace has seen is part of the explanation', async t => {
  const { pond, records, delivery } = recorded()
  pond.client('reader').subscribes('a', 0)
  records.traces.begin({ filter: 'a', clientId: null, seconds: 300 })

  pond.client('alice').publishes('a', 'x')

  t.match(told(delivery({ topic: 'a' })).slice(0, 3), [
    'recorded ok alice received, QoS 0',
    'recorded ok reader sent',
    'recorded ok matched: 1 receiver',
  ])
})

const RULES = `user alice
topic home/#
topic deny home/alarm/#
topic read office/#
subscribe home/#
`

function withRules(): Access {
  const rules = new CurrentRules(new AclRules(parseAclFile(Buffer.from(RULES), 'rules.acl')))
  const permissions = (clientId: string, username: string | null, address: string) =>
    new RulePermissions(rules, { clientId, username, address })
  return {
    authenticate: ({ clientId, username, address }) => ({
      kind: 'allowed',
      authentication: 'password',
      permissions: permissions(clientId, username, address),
    }),
    beginExchange: () => null,
    permissionsOf: ({ clientId, username, address }) =>
      username === 'alice' ? permissions(clientId, username, address) : null,
  }
}

test('a right is explained by its rule, for a client that is here and for a user who is not', async t => {
  const { pond, access, delivery } = recorded({ access: withRules() })
  pond.client('a', { username: 'alice' }).publishes('home/alarm/code', '1', { qos: 1 })

  const refused = access({ clientId: 'a', topic: 'home/alarm/code' })
  t.equal(refused.verdict, 'It is refused now.')
  t.match(told(refused), [
    'recorded fault a refused: no right to publish to this topic (rules.acl:3)',
    'now ok a authenticated as user alice (password), from 192.0.2.1',
    'now fault a may not publish by rules.acl:3',
  ])
  t.match(access({ username: 'alice', topic: 'home/lamp' }), {
    verdict: 'It is allowed now.',
    steps: [{ cause: /as if it came now/ }, { level: 'ok', cause: 'may publish by rules.acl:2' }],
  })
  t.match(
    told(access({ username: 'alice', topic: 'garden', action: 'receive' })).at(-1),
    /none allows it/,
  )
  t.match(
    told(access({ username: 'alice', topic: 'home/#', action: 'subscribe' })).at(-1),
    /withheld/,
  )
  t.match(access({ username: 'mallory', topic: 'home/lamp' }).verdict, 'Its rights are not known.')
  t.match(
    told(access({ username: 'alice', topic: 'a/#/b', action: 'subscribe' })).at(-1),
    /not well formed/,
  )
  t.match(told(delivery({ topic: 'home/alarm/code', publisher: 'a' })), [
    /refused/,
    'now fault a may not publish by rules.acl:3',
  ])
})

test('a client that was refused at CONNECT is explained with what lets it in', async t => {
  const { pond, access } = recorded({
    access: {
      authenticate: () => ({ kind: 'refused', reason: 0x86, sentence: 'no such user' }),
      beginExchange: () => null,
      permissionsOf: () => null,
    },
  })
  pond.client('esp-7', { username: 'esp' })
  pond.client('esp-7', { username: 'esp' })

  const { steps } = access({ clientId: 'esp-7', username: 'esp', topic: 'a' })

  t.match(steps[0], {
    source: 'recorded',
    cause: 'CONNECT refused 2 times: no such user',
    mend: 'pondhawk user passwd esp, or for a new user pondhawk user add esp',
    reasonCode: 0x86,
  })
})

test('a right that throws is no right, and the broker goes on', async t => {
  const { pond, access, delivery } = recorded({
    access: {
      authenticate: () => ({
        kind: 'allowed',
        permissions: {
          mayPublish: () => {
            throw new Error('of the program')
          },
          maySubscribe: () => true,
        },
      }),
      beginExchange: () => null,
      permissionsOf: () => null,
    },
  })
  pond.client('a')

  t.equal(access({ clientId: 'a', topic: 'x' }).verdict, 'It is refused now.')
  t.equal(delivery({ publisher: 'a', topic: 'x' }).verdict, 'A message would be refused now.')
})
