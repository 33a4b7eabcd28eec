// What a program is given are the broker's own objects or copies of them; what it does to them must not reach other clients.

import { test } from 'tap'
import { createBroker } from '../../src/index.ts'
import { HookedPond } from './hooked-pond.ts'

const NAMED = { userProperties: [['unit', 'kg']], contentType: 'text' } as const

/** As a program without types does it. */
function writable(readonly: unknown): Record<string, unknown> {
  return readonly as Record<string, unknown>
}

const CHANGES: readonly (readonly [string, (properties: Record<string, unknown>) => void])[] = [
  ['sets one', properties => void (properties['contentType'] = 5)],
  ['adds a pair', properties => void (properties['userProperties'] as unknown[]).push([])],
  ['changes a pair', ({ userProperties }) => (userProperties as string[][])[0]?.fill('lb')],
]

for (const [what, change] of CHANGES) {
  test(`a hook that ${what} of the properties where they are fails, and nothing else`, async t => {
    const pond = new HookedPond({ bearsFaults: true })
    const client = pond.client('a')
    client.subscribes('#', 1)
    const other = pond.client('b')
    other.subscribes('#', 0)
    const remove = pond.adds('onPublish', ({ properties }) => change(writable(properties)))
    client.publishes('a', 'x', { qos: 1, properties: NAMED })
    remove()
    pond.adds('onDeliver', ({ clientId, properties }) => {
      if (clientId === 'b') change(writable(properties))
    })

    client.publishes('a', 'y', { qos: 1, properties: NAMED })

    t.strictSame(client.hears(), [
      'suback #1 0x1',
      'puback #2 0x83',
      'publish a y q1 #1',
      'puback #3 0x0',
    ])
    t.strictSame(other.hears(), ['suback #1 0x0'])
    t.equal(pond.broker.statistics.hookErrors, 2)
  })
}

test('a handler cannot change a message, a subscription or facts for others', async t => {
  const broker = await createBroker()
  t.teardown(() => broker.close())
  broker.on('connected', facts => void (writable(facts)['clientId'] = 'of the handler'))
  broker.on('subscribed', (_, subscription) => void (writable(subscription)['qos'] = 7))
  broker.on('published', message => void (writable(message)['payload'] = 'of the handler'))
  broker.addHook('onConnect', ({ will }) => void (writable(will)['topic'] = '#'))
  const reader = await broker.connect({ clientId: 'reader' })
  await reader.subscribe('#', { qos: 1 })
  const [subscription] = broker.clients.get('reader')?.session?.subscriptions ?? []
  writable(subscription)['filter'] = 'of the handler'
  broker.subscribe('#', message => void (writable(message)['topic'] = 'of the handler'))
  const messages = reader[Symbol.asyncIterator]()

  await broker.publish({ topic: 'a', payload: 'x', qos: 1 })

  const { value } = await messages.next()
  t.match(value, { topic: 'a', payload: Buffer.from('x'), qos: 1 })
  t.match(broker.clients.get('reader')?.session?.subscriptions, [{ filter: '#', qos: 1 }])
  t.equal(broker.statistics.hookErrors, 2, 'the two that were given a message')
})

test('a promise whose then throws is read as await reads it, and ends no broker', async t => {
  const hostile = (): Promise<void> => {
    const promise = Promise.resolve()
    promise.then = () => {
      throw new Error('planted')
    }
    return promise
  }
  const pond = new HookedPond({ bearsFaults: true })
  const client = pond.client('a')
  client.subscribes('#', 1)
  pond.adds('onDeliver', hostile as () => void)
  client.publishes('a', 'x', { qos: 1 })
  for (const name of ['onPublish', 'onSubscribe', 'onConnect', 'onAuthenticate'] as const) {
    pond.adds(name, hostile)
  }
  pond.adds('onConnected', hostile)
  pond.adds('onDisconnect', hostile)

  client.publishes('a', 'y', { qos: 1 })
  await pond.answers()
  client.subscribes('b', 1)
  await pond.answers()
  const stranger = pond.stranger('b')
  stranger.connects()
  await pond.answers()
  client.disconnects()
  await pond.answers()

  t.strictSame(client.hears(), [
    'suback #1 0x1',
    'puback #2 0x0',
    'puback #3 0x0',
    'suback #4 0x1',
    'closed',
  ])
  t.strictSame(stranger.hears(), ['connack 0x88', 'closed'])
  t.equal(pond.broker.statistics.hookErrors, 3, 'onDeliver twice, onAuthenticate')
  t.strictSame(pond.stateFaults, [])
})
