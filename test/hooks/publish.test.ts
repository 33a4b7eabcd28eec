// onPublish: what it may change, how it refuses, and who waits while it has not answered.

import { test } from 'tap'
import { UNRESTRICTED } from '../../src/access/permissions.ts'
import type { Hooks } from '../../src/hooks/contexts.ts'
import { awaited, HookedPond } from './hooked-pond.ts'

test('a broker without hooks has no hook points, and observes nothing', async t => {
  const pond = new HookedPond()
  const { hooks, observer } = pond.broker
  const none = { publish: null, subscribe: null, deliver: null }
  const observed = (): unknown[] => [observer.delivered, observer.sessionEnded, observer.subscribed]
  t.strictSame(hooks, none)
  t.strictSame(observed(), [undefined, undefined, undefined])

  const removers = [
    pond.adds('onPublish', () => {}),
    pond.adds('onSubscribe', () => {}),
    pond.adds('onDeliver', () => {}),
    pond.adds('onDelivered', () => {}),
    pond.adds('onSessionEnded', () => {}),
    pond.adds('onSubscribed', () => {}),
  ]
  t.not(hooks.publish, null)
  t.type(observer.delivered, 'function')
  for (const remove of removers) remove()

  t.strictSame(hooks, none, 'also when the last hook was removed')
  t.strictSame(observed(), [undefined, undefined, undefined])
})

test('onPublish changes topic, payload, QoS, RETAIN and properties', async t => {
  const pond = new HookedPond()
  const reader = pond.client('reader')
  reader.subscribes('#', 2)
  reader.receives()
  pond.adds('onPublish', context => {
    context.topic = context.topic.replace('raw/', '')
    context.payload = Buffer.from(`${context.payload.toString()} ${context.clientId}`)
    context.qos = 1
    context.retain = true
    context.properties = { contentType: 'text/plain' }
  })

  const sensor = pond.client('sensor')
  sensor.publishes('raw/depth', '3 m')

  t.match(reader.receivesMessages(), [
    {
      topic: 'depth',
      qos: 1,
      payload: Buffer.from('3 m sensor'),
      properties: { contentType: 'text/plain' },
    },
  ])
  t.equal(pond.broker.retained.get('depth')?.payload.toString(), '3 m sensor')
})

test('rights are checked on what onPublish has made of a message', async t => {
  const mayPublish = (topic: string): boolean => topic.startsWith('open/')
  const pond = new HookedPond({
    access: {
      authenticate: () => ({
        kind: 'allowed',
        permissions: { mayPublish, maySubscribe: () => true },
      }),
      beginExchange: () => null,
      permissionsOf: () => UNRESTRICTED,
    },
  })
  pond.adds('onPublish', context => {
    if (context.topic === 'closed/a') context.topic = 'open/a'
    else if (context.topic === 'open/b') context.topic = 'closed/b'
  })
  const client = pond.client('a')

  client.publishes('closed/a', '', { qos: 1 })
  client.publishes('open/b', '', { qos: 1 })

  t.strictSame(client.hears(), ['puback #1 0x10', 'puback #2 0x87'])
})

const REFUSALS: readonly (readonly [string, Hooks['onPublish'], string[], string[]])[] = [
  ['false', () => false, ['puback #1 0x87'], ['puback #1 0x0']],
  [
    'a reason',
    () => ({ reason: 0x99, sentence: 'no JSON' }),
    ['puback #1 0x99'],
    ['puback #1 0x0'],
  ],
  [
    'a reason that ends the connection',
    () => ({ reason: 0x87, disconnect: true }),
    ['disconnect 0x87', 'closed'],
    ['closed'],
  ],
]

for (const [what, hook, of5, of3] of REFUSALS) {
  test(`onPublish refuses with ${what}`, async t => {
    const refused: string[] = []
    const pond = new HookedPond({
      observer: { publishRefused: (_, topic, reason) => refused.push(`${topic} ${reason}`) },
    })
    pond.adds('onPublish', hook)
    const reader = pond.client('reader')
    reader.subscribes('#')
    reader.receives()
    const modern = pond.client('modern')
    const old = pond.client('old', { version: 4 })

    modern.publishes('a', 'x', { qos: 1 })
    old.publishes('a', 'x', { qos: 1 })

    t.strictSame(modern.hears(), of5)
    t.strictSame(old.hears(), of3)
    t.strictSame(reader.hears(), [])
    t.equal(refused.length, 2)
    t.equal(pond.broker.statistics.publishesRefused, 2)
  })
}

const FAULTS: Readonly<Record<string, Hooks['onPublish']>> = {
  throws: () => {
    throw new Error('planted')
  },
  rejects: () => Promise.reject(new Error('planted')),
  'answers something else': () => 'yes' as unknown as boolean,
  'gives a reason that is no refusal': () => ({ reason: 0 }),
  'makes a topic with a wildcard': context => {
    context.topic = 'a/#'
  },
  'makes a payload of a number': context => {
    Object.assign(context, { payload: 7 })
  },
}

const throwing = (): never => {
  throw new Error('planted')
}
const unreadable = Object.defineProperty({}, 'then', { get: throwing })
const WILD: Readonly<Record<string, Hooks['onPublish']>> = {
  'leaves a topic that is no text to a plugin': context => {
    Object.assign(context, { topic: 7 })
  },
  'answers what cannot be looked at': () => unreadable as boolean,
  'throws what has no text': () => {
    throw Object.defineProperty(new Error(), 'stack', { get: throwing })
  },
  'makes a member that throws': context => {
    Object.defineProperty(context, 'topic', { get: throwing })
  },
  'sets a member that is misspelt': context => {
    Object.assign(context, { topc: 'a' })
  },
}

for (const [what, hook] of Object.entries(WILD)) {
  for (const isLate of [false, true]) {
    test(`a hook that ${what}${isLate ? ', late,' : ''} ends nothing but its packet`, async t => {
      const pond = new HookedPond({ bearsFaults: true })
      pond.adds('onPublish', isLate ? async context => hook(context) : hook)
      pond.hooks.add('onPublish', () => {}, { name: 'lab', prefix: 'lab/' })
      const reader = pond.client('reader')
      reader.subscribes('#')
      reader.receives()
      const client = pond.client('a', { will: { topic: 'w' } })

      client.publishes('a', 'x', { qos: 1 })
      await pond.answers()

      t.strictSame(client.hears(), ['puback #1 0x83'])
      client.vanishes()
      await pond.answers()
      t.strictSame(reader.hears(), [])
      t.equal(pond.broker.statistics.dropped['dropped-by-hook'], 1)
      t.strictSame(pond.stateFaults, [])
      t.ok(pond.faults.every(({ place }) => place === 'hook'))
    })
  }
}

for (const [what, hook] of Object.entries(FAULTS)) {
  test(`a hook that ${what} lets nothing pass, and nobody takes it for stored`, async t => {
    const pond = new HookedPond({ bearsFaults: true })
    pond.hooks.add('onPublish', hook, { name: 'scales', prefix: '' })
    const reader = pond.client('reader')
    reader.subscribes('#')
    reader.receives()
    const modern = pond.client('modern')
    const old = pond.client('old', { version: 4 })

    modern.publishes('a', 'x', { qos: 1 })
    old.publishes('a', 'x', { qos: 1 })
    await pond.answers()

    t.strictSame(modern.hears(), ['puback #1 0x83'])
    t.strictSame(old.hears(), ['closed'], 'an acknowledgement would be a lie')
    t.strictSame(reader.hears(), [])
    t.equal(pond.broker.statistics.hookErrors, 2)
    t.match(pond.faults, [
      { place: 'hook', clientId: 'modern' },
      { place: 'hook', clientId: 'old' },
    ])
    t.match(String(pond.faults[0]?.error), /onPublish/)
    t.strictSame(pond.stateFaults, [])
  })
}

test('while onPublish has not answered, only its publisher waits, and in order', async t => {
  const pond = new HookedPond()
  const answer = awaited<void>()
  const asked: string[] = []
  pond.adds('onPublish', ({ payload }) => {
    asked.push(payload.toString())
    return payload.toString() === '1' ? answer.promise : undefined
  })
  const reader = pond.client('reader')
  reader.subscribes('a')
  reader.receives()
  const slow = pond.client('slow')
  const other = pond.client('other')

  slow.publishes('a', '1', { qos: 1 })
  slow.publishes('a', '2')
  slow.subscribes('b')
  slow.pings()
  other.publishes('a', '3')
  const before = slow.hears()
  const read = reader.hears()
  answer.is()
  await pond.answers()

  t.strictSame(before, ['pingresp'], 'a ping is answered meanwhile')
  t.strictSame(read, ['publish a 3 q0'])
  t.strictSame(slow.hears(), ['puback #1 0x0', 'suback #2 0x0'])
  t.strictSame(reader.hears(), ['publish a 1 q0', 'publish a 2 q0'])
  t.strictSame(asked, ['1', '3', '2'], 'each message once')
  t.equal(pond.broker.statistics.hookWaits, 1)
  t.equal(pond.broker.statistics.messagesReceived, 3)
})

test('a publisher that waits for a hook is not read beyond a bound', async t => {
  const pond = new HookedPond()
  pond.adds('onPublish', () => awaited<void>().promise)
  const slow = pond.client('slow')

  for (let count = 0; count < 20; count++) slow.publishes('a', Buffer.alloc(1_000))

  t.ok(slow.wire.isPaused)
})

test('a hook that does not answer in time is named, and its message refused', async t => {
  const pond = new HookedPond()
  pond.hooks.add('onPublish', () => awaited<void>().promise, { name: 'lab/scales', prefix: '' })
  const modern = pond.client('modern')
  const old = pond.client('old', { version: 4 })
  modern.publishes('a', 'x', { qos: 1 })
  old.publishes('a', 'x', { qos: 1 })
  t.strictSame([modern.hears(), old.hears()], [[], []])

  await pond.hooksAreLate()

  t.strictSame(modern.hears(), ['puback #1 0x83'])
  t.strictSame(old.hears(), ['closed'])
  t.equal(pond.broker.statistics.hookTimeouts, 2)
  t.match(String(pond.faults[0]?.error), 'onPublish of plugin "lab/scales" has not answered in 5 s')
})

test('what a client has sent before it went is published when the hook has answered', async t => {
  const pond = new HookedPond()
  const answer = awaited<void>()
  const asked: string[] = []
  pond.adds('onPublish', ({ payload }) => {
    asked.push(payload.toString())
    return answer.promise
  })
  const reader = pond.client('reader')
  reader.subscribes('#')
  reader.receives()
  const leaving = pond.client('leaving', { will: { topic: 'will', payload: 'gone' } })
  leaving.inOneChunk(() => {
    leaving.publishes('a', '1')
    leaving.publishes('a', '2')
  })
  leaving.vanishes()
  const turns = pond.turn.turns
  pond.settles()
  t.equal(pond.turn.turns, turns, 'nothing is tried again and again meanwhile')
  t.equal(pond.core.sockets.size, 2)

  answer.is()
  await pond.answers()
  await pond.answers()
  await pond.answers()

  t.strictSame(reader.hears(), ['publish a 1 q0', 'publish a 2 q0', 'publish will gone q0'])
  t.strictSame(asked, ['1', '2', 'gone'], 'each once')
  t.equal(pond.core.sockets.size, 1)
})

test('a connection that is taken over while it waits for a hook is given up', async t => {
  const pond = new HookedPond()
  const answer = awaited<void>()
  pond.adds('onPublish', () => answer.promise)
  const first = pond.client('a')
  first.publishes('a', '1', { qos: 1 })
  first.vanishes()
  t.equal(pond.core.sockets.size, 1)

  pond.client('a')
  pond.settles()
  t.equal(pond.core.sockets.size, 1, 'the newcomer alone')
  answer.is()
  await pond.answers()

  t.equal(pond.broker.statistics.messagesReceived, 0)
  t.equal(pond.broker.sessions.connectedCount, 1)
})

test('a QoS 2 message that is sent again is not shown to hooks again', async t => {
  const pond = new HookedPond()
  let calls = 0
  pond.adds('onPublish', () => {
    calls += 1
  })
  const client = pond.client('a')

  client.publishes('a', 'x', { qos: 2, packetId: 9 })
  client.publishes('a', 'x', { qos: 2, packetId: 9, duplicate: true })

  t.equal(calls, 1)
  t.strictSame(client.hears(), ['pubrec #9 0x10', 'pubrec #9 0x0'])
})

test('a message that waits for room in a queue is shown to hooks once', async t => {
  const pond = new HookedPond({ limits: { queueOverflow: 'refuse', queuedMessagesMax: 1 } })
  let calls = 0
  pond.adds('onPublish', context => {
    calls += 1
    context.payload = Buffer.from(`seen ${calls}`)
  })
  const options = { cleanStart: false, properties: { sessionExpiryInterval: 60 } } as const
  const away = pond.client('away', options)
  away.subscribes('a', 1)
  away.vanishes()
  const old = pond.client('old', { version: 4 })
  old.publishes('a', '1', { qos: 1 })
  old.publishes('a', '2', { qos: 1 })
  t.strictSame(old.hears(), ['puback #1 0x0'])

  pond.passes({ seconds: 1 })
  const back = pond.client('away', { ...options, acknowledges: true })
  back.receives()
  pond.passes({ seconds: 1 })

  t.strictSame(back.hears(), ['publish a seen 2 q1 #2'])
  t.strictSame(old.hears(), ['puback #2 0x0'])
  t.equal(calls, 2)
})

test('wills pass through onPublish, at once and delayed, and may be dropped', async t => {
  const pond = new HookedPond()
  const seen: string[] = []
  pond.adds('onPublish', async context => {
    seen.push(`${context.clientId} ${context.isWill}`)
    context.topic = `wills/${context.topic}`
    return context.clientId !== 'unwanted'
  })
  const reader = pond.client('reader')
  reader.subscribes('#')
  reader.receives()
  const will = { topic: 'gone', payload: 'x' }
  for (const name of ['now', 'unwanted']) pond.client(name, { will }).vanishes()
  await pond.answers()
  t.strictSame(reader.hears(), ['publish wills/gone x q0'])

  const properties = { willDelayInterval: 5 }
  const options = { properties: { sessionExpiryInterval: 60 } }
  pond.client('later', { will: { ...will, properties }, ...options }).vanishes()
  pond.passes({ seconds: 6 })
  await pond.answers()

  t.strictSame(reader.hears(), ['publish wills/gone x q0'])
  t.strictSame(seen, ['now true', 'unwanted true', 'later true'])
  t.equal(pond.broker.statistics.dropped['dropped-by-hook'], 1)
})

test('no more than a thousand wills wait for hooks', async t => {
  const pond = new HookedPond()
  pond.adds('onPublish', () => awaited<void>().promise)
  const owner = pond.client('a')
  const rights = pond.broker.sessions.get('a')?.rights
  const will = {
    topic: 'w',
    payload: Buffer.from(''),
    qos: 0,
    retain: false,
    properties: {},
  } as const
  owner.receives()
  for (let count = 0; count < 1_001; count++) {
    if (rights !== undefined) pond.broker.publishing.publishWill(will, rights)
  }

  t.equal(pond.waiting, 1_000)
  t.equal(pond.broker.statistics.dropped['will-refused'], 1)
})
