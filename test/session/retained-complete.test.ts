import { test } from 'tap'
import { NO_PROPERTIES, type Properties } from '../../src/packet/packet.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import { Pond } from '../pond.ts'
import type { PondClient } from '../pond-client.ts'

const DURABLE = {
  cleanStart: false,
  properties: { sessionExpiryInterval: 600 },
} as const

function retains(publisher: PondClient, count: number, tree = 'home'): void {
  for (let index = 0; index < count; index++) {
    publisher.publishes(`${tree}/${index}`, `${index}`, { qos: 1, retain: true })
  }
  publisher.receives()
}

function asks(
  client: PondClient,
  filters: readonly string[],
  properties: Properties = NO_PROPERTIES,
): void {
  client.says({
    type: 'subscribe',
    packetId: 77,
    subscriptions: filters.map(filter => ({
      filter,
      qos: 1,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
    })),
    properties,
  })
}

/** Topic and payload of each message. */
function heardBy(client: PondClient): readonly string[] {
  return client.receivesMessages().map(({ topic, payload }) => `${topic} ${payload.toString()}`)
}

function reasonsOf(client: PondClient): readonly number[] {
  return client.receives().flatMap(packet => (packet.type === 'suback' ? packet.reasons : []))
}

for (const version of [3, 4, 5] as const) {
  test(`behind the last retained message comes how many there were, in protocol version ${version}`, async t => {
    const pond = new Pond()
    retains(pond.client('alice'), 3)
    const bob = pond.client('bob', { version })

    asks(bob, ['$retained-complete/first', 'home/+'])

    t.strictSame(heardBy(bob), ['home/0 0', 'home/1 1', 'home/2 2', '$retained-complete/first 3'])
    asks(bob, ['nothing/#', '$retained-complete/second'])
    t.strictSame(heardBy(bob), ['$retained-complete/second 0'])
    pond.client('carol').publishes('home/new', 'live')
    t.strictSame(heardBy(bob), ['home/new live'])
  })
}

test('it waits for retained messages that wait for room in the window, and live messages wait for it', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  retains(alice, 5)
  const bob = pond.client('bob', { properties: { receiveMaximum: 2 } })
  asks(bob, ['home/+', '$retained-complete/x'], { subscriptionIdentifiers: [7] })
  const begun = bob.receives().filter(packet => packet.type === 'publish')
  alice.publishes('home/0', 'live')
  t.equal(begun.length, 2)

  const heard: string[] = []
  for (let packets = begun; packets.length > 0;) {
    for (const { topic, payload, packetId, properties } of packets) {
      heard.push(`${topic} ${payload.toString()}`)
      t.strictSame(properties.subscriptionIdentifiers, [7])
      if (packetId > 0) bob.acknowledges('puback', packetId)
    }
    packets = bob.receives().filter(packet => packet.type === 'publish')
  }
  t.strictSame(heard.slice(-3), ['home/4 4', '$retained-complete/x 5', 'home/0 live'])
})

test('a session that is away gets it when it comes back, also from a broker that has started again', async t => {
  const store = new MemoryStore()
  const pond = new Pond({ store })
  retains(pond.client('alice'), 4)
  const bob = pond.client('bob', {
    ...DURABLE,
    properties: { ...DURABLE.properties, receiveMaximum: 1 },
  })
  asks(bob, ['home/+', '$retained-complete/x'])
  await store.close()

  const again = new Pond({ store, snapshot: await store.open(), now: pond.now })
  const back = again.stranger('bob', { ...DURABLE, acknowledges: true })
  back.connects()

  t.strictSame(heardBy(back).slice(-2), ['home/3 3', '$retained-complete/x 4'])
})

test('UNSUBSCRIBE ends the wait', async t => {
  const pond = new Pond()
  retains(pond.client('alice'), 4)
  const bob = pond.client('bob', { properties: { receiveMaximum: 1 } })
  asks(bob, ['home/+', '$retained-complete/x'])
  bob.unsubscribes('$retained-complete/x')
  t.equal(pond.broker.sessions.get('bob')?.replays.count, 1)
})

test('wildcards, share groups and a missing token are refused, and nobody publishes there', async t => {
  const pond = new Pond()
  const bob = pond.client('bob')
  const wrong = [
    '$retained-complete/#',
    '$retained-complete/+',
    '$retained-complete',
    '$retained-complete/a/b',
  ]
  asks(bob, [...wrong, '$share/g/$retained-complete/x', '$retained-completely'])
  t.strictSame(reasonsOf(bob), [0x8f, 0x8f, 0x8f, 0x8f, 0x8f, 1])

  bob.publishes('$retained-complete/x', 'false', { qos: 1 })
  t.match(bob.receives(), [{ type: 'puback', reason: 0x87 }])
})
