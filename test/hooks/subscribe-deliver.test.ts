// onSubscribe and onDeliver, and the hooks that only observe.

import { test } from 'tap'
import { NO_PROPERTIES } from '../../src/packet/packet.ts'
import { awaited, HookedPond } from './hooked-pond.ts'

test('onSubscribe lowers the QoS, sets another filter, and refuses', async t => {
  const pond = new HookedPond()
  pond.adds('onSubscribe', context => {
    if (context.filter === 'low') context.qos = 0
    if (context.filter === 'mine') context.filter = `of/${context.clientId}`
    if (context.filter === 'secret') return { reason: 0x87, sentence: 'not yours' }
    return undefined
  })
  const client = pond.client('a')

  for (const filter of ['low', 'mine', 'secret', 'plain']) client.subscribes(filter, 2)

  t.strictSame(client.hears(), [
    'suback #1 0x0',
    'suback #2 0x2',
    'suback #3 0x87',
    'suback #4 0x2',
  ])
  const session = pond.broker.sessions.get('a')
  t.strictSame([...(session?.subscriptions.keys() ?? [])], ['low', 'of/a', 'plain'])
  t.equal(pond.broker.statistics.subscribesRefused, 1)
})

test('onSubscribe may answer later: the client waits, and each filter gets its code in order', async t => {
  const pond = new HookedPond()
  const answer = awaited<boolean>()
  let calls = 0
  pond.adds('onSubscribe', ({ filter }) => {
    calls += 1
    return filter === 'b' ? answer.promise : undefined
  })
  const client = pond.client('a')
  const request = { qos: 1, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  const subscriptions = ['a', 'b', 'c'].map(filter => ({ ...request, filter }))
  client.says({ type: 'subscribe', packetId: 9, subscriptions, properties: NO_PROPERTIES })
  client.publishes('a', 'x')
  t.strictSame(client.hears(), [])

  answer.is(false)
  await pond.answers()

  t.strictSame(client.hears(), ['suback #9 0x1 0x87 0x1', 'publish a x q0'])
  t.equal(calls, 3)
})

test('in a SUBSCRIBE that is processed in parts onSubscribe must answer at once', async t => {
  const pond = new HookedPond({ limits: { subscriptionsPerClientMax: 10_000 } })
  pond.adds('onSubscribe', ({ filter }) =>
    filter.endsWith('0') ? Promise.resolve() : filter.endsWith('1') ? false : undefined,
  )
  const client = pond.client('a')
  const request = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const
  const filters = Array.from({ length: 1_000 }, (_, index) => `filter/${index}`)
  const subscriptions = filters.map(filter => ({ ...request, filter }))

  client.says({ type: 'subscribe', packetId: 1, subscriptions, properties: NO_PROPERTIES })

  const [suback] = client.receives()
  const reasons = suback?.type === 'suback' ? suback.reasons : []
  t.equal(reasons.filter(reason => reason === 0x83).length, 200)
  t.equal(reasons.filter(reason => reason === 0).length, 800)
})

test('onDeliver changes or drops a message for one receiver', async t => {
  const pond = new HookedPond()
  const names = ['plain', 'changed', 'none']
  const clients = names.map(name => pond.client(name))
  for (const client of clients) client.subscribes('a', 1)
  for (const client of clients) client.receives()
  pond.adds('onDeliver', context => {
    if (context.clientId !== 'changed') return context.clientId !== 'none'
    context.topic = 'b'
    context.payload = Buffer.from('less')
    return undefined
  })

  pond.client('publisher').publishes('a', 'more', { qos: 1 })

  t.strictSame(
    clients.map(client => client.hears()),
    [['publish a more q1 #1'], ['publish b less q1 #1'], []],
  )
  t.equal(pond.broker.statistics.dropped['dropped-by-hook'], 1)
  t.equal(pond.broker.sessions.get('none')?.exchanges.count, 0, 'nothing is left open')
})

test('onDeliver is asked again when a message is sent again, and may stop it', async t => {
  const pond = new HookedPond()
  const options = { cleanStart: false, properties: { sessionExpiryInterval: 60 } } as const
  const first = pond.client('a', options)
  first.subscribes('q/+', 2)
  const publisher = pond.client('publisher')
  publisher.publishes('q/1', 'x', { qos: 1 })
  publisher.publishes('q/2', 'x', { qos: 2 })
  first.receives()
  first.vanishes()
  const duplicates: boolean[] = []
  pond.adds('onDeliver', ({ duplicate }) => {
    duplicates.push(duplicate)
    return false
  })

  const again = pond.stranger('a', options)
  again.connects()

  t.strictSame(duplicates, [true, true])
  t.strictSame(
    again.hears(),
    ['connack 0x0 present', 'pubrel #2 0x0'],
    'an exchange that the client may have begun is ended',
  )
  again.acknowledges('pubcomp', 2)
  t.equal(pond.broker.sessions.get('a')?.exchanges.count, 0)
})

test('a message to many clients reaches onDeliver as one copy', async t => {
  const pond = new HookedPond()
  const seen = new Set<Buffer>()
  pond.adds('onDeliver', ({ payload }) => {
    seen.add(payload)
  })
  for (let count = 0; count < 5; count++) pond.client(`r${count}`).subscribes('a')

  pond.client('publisher').publishes('a', 'x')

  t.equal(seen.size, 1)
})

test('onDeliver must answer at once, and what it makes must be MQTT', async t => {
  const pond = new HookedPond({ bearsFaults: true })
  const remove = pond.adds('onDeliver', (() => Promise.resolve(true)) as unknown as () => boolean)
  const reader = pond.client('reader')
  reader.subscribes('#')
  reader.receives()
  reader.publishes('a', 'late')
  remove()
  pond.adds('onDeliver', context => {
    context.topic = ''
  })
  reader.publishes('a', 'wrong')

  t.strictSame(reader.hears(), [])
  t.equal(pond.broker.statistics.dropped['dropped-by-hook'], 2)
  t.equal(pond.broker.statistics.hookErrors, 2)
})

test('what onDeliver and onSubscribe leave may be anything, and ends nothing', async t => {
  const pond = new HookedPond({ bearsFaults: true })
  const spoils = (context: object): void => {
    for (const name of ['topic', 'filter', 'payload', 'qos']) Reflect.set(context, name, null)
  }
  const client = pond.client('a')
  client.subscribes('a', 1)
  pond.adds('onDeliver', spoils)
  pond.adds('onSubscribe', spoils)
  pond.hooks.add('onSubscribe', () => {}, { name: 'lab', prefix: 'lab/' })
  pond.hooks.add('onDeliver', () => {}, { name: 'lab', prefix: 'lab/' })

  client.publishes('a', 'x', { qos: 1 })
  client.subscribes('b')

  t.strictSame(client.hears(), ['suback #1 0x1', 'puback #2 0x0', 'suback #3 0x83'])
  t.strictSame(pond.stateFaults, [])
  t.ok(pond.faults.every(({ place }) => place === 'hook'))
})

test('observing hooks hear of sessions, subscriptions, deliveries, acknowledgements and drops', async t => {
  const pond = new HookedPond()
  const heard: string[] = []
  pond.adds('onSessionCreated', ({ clientId }) => heard.push(`created ${clientId}`))
  pond.adds('onSessionResumed', ({ clientId }) => heard.push(`resumed ${clientId}`))
  pond.adds('onSessionEnded', ({ clientId }) => heard.push(`ended ${clientId}`))
  pond.adds('onConnected', ({ client, sessionPresent }) =>
    heard.push(`connected ${client.id} ${sessionPresent}`),
  )
  pond.adds('onDisconnect', ({ client, by }) => heard.push(`disconnect ${client.id} ${by}`))
  pond.adds('onSubscribed', ({ subscription }) => heard.push(`subscribed ${subscription.filter}`))
  pond.adds('onUnsubscribed', ({ filter }) => heard.push(`unsubscribed ${filter}`))
  pond.adds('onDelivered', ({ message, qos }) => heard.push(`delivered ${message.topic} ${qos}`))
  pond.adds('onAcknowledged', ({ message }) => heard.push(`acknowledged ${message.topic}`))
  pond.adds('onDrop', ({ message, reason }) => heard.push(`drop ${message.topic} ${reason}`))
  const options = { cleanStart: false, properties: { sessionExpiryInterval: 60 } } as const

  const first = pond.client('a', { ...options, acknowledges: true })
  first.subscribes('t/#', 1)
  first.publishes('t/1', 'x', { qos: 1 })
  first.receives()
  first.vanishes()
  const publisher = pond.client('publisher')
  publisher.publishes('t/0', 'x')
  const back = pond.client('a', options)
  back.unsubscribes('t/#')
  back.disconnects(0, { sessionExpiryInterval: 0 })

  t.strictSame(heard, [
    'created a',
    'connected a false',
    'subscribed t/#',
    'delivered t/1 1',
    'acknowledged t/1',
    'disconnect a network',
    'created publisher',
    'connected publisher false',
    'drop t/0 client-away',
    'resumed a',
    'connected a true',
    'unsubscribed t/#',
    'disconnect a client',
    'ended a',
  ])
})

test('an observing hook that throws or rejects changes nothing, and is named', async t => {
  const pond = new HookedPond({ bearsFaults: true })
  const planted = new Error('planted')
  pond.adds('onSubscribed', () => {
    throw planted
  })
  pond.adds('onSubscribed', async () => {
    throw planted
  })
  const client = pond.client('a')

  client.subscribes('a')
  await pond.answers()

  t.strictSame(client.hears(), ['suback #1 0x0'])
  t.match(
    pond.faults.map(({ error }) => String(error)),
    [/onSubscribed has thrown/, /onSubscribed/],
  )
})
