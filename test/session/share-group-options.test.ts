// What a member of a share group hears is its own subscription's, whoever had the message before; how a group chooses is
// the same after a restart; and what nobody is owed is nowhere.

import { test } from 'tap'
import type { PublishPacket, QoS } from '../../src/packet/packet.ts'
import type { ShareStrategyName } from '../../src/routing/share-strategy.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { Snapshot } from '../../src/store/store.ts'
import type { PondClient, PondClientOptions } from '../pond-client.ts'
import { Pond } from '../pond.ts'

const DURABLE = { cleanStart: false, properties: { sessionExpiryInterval: 3_600 } }
const FILTER = '$share/g/t/#'

/** A client that has connected and heard nothing yet. */
function returns(pond: Pond, clientId: string, options: PondClientOptions): PondClient {
  const client = pond.stranger(clientId, options)
  client.connects()
  return client
}

/** QoS, RETAIN and Subscription Identifiers of a PUBLISH. */
function optionsOf(message: PublishPacket | undefined): string {
  if (message === undefined) return 'nothing'
  const identifiers = message.properties.subscriptionIdentifiers ?? []
  return `q${message.qos} r${message.retain ? 1 : 0} [${identifiers.join()}]`
}

interface Wish {
  readonly qos: QoS
  readonly retainAsPublished: boolean
  readonly identifier: number
}

function joins(client: PondClient, { qos, retainAsPublished, identifier }: Wish): void {
  const properties = identifier === 0 ? {} : { subscriptionIdentifiers: [identifier] }
  client.subscribes(FILTER, qos, { retainAsPublished, properties })
}

function expected(wish: Wish, published: QoS): string {
  const identifiers = wish.identifier === 0 ? '' : `${wish.identifier}`
  return `q${Math.min(wish.qos, published)} r${wish.retainAsPublished ? 1 : 0} [${identifiers}]`
}

const FIRST: readonly Wish[] = [
  { qos: 1, retainAsPublished: false, identifier: 7 },
  { qos: 1, retainAsPublished: true, identifier: 0 },
]
const NEXT: readonly Wish[] = [
  { qos: 2, retainAsPublished: true, identifier: 0 },
  { qos: 1, retainAsPublished: false, identifier: 9 },
  { qos: 0, retainAsPublished: true, identifier: 9 },
]

for (const first of FIRST) {
  for (const next of NEXT) {
    for (const options of [{}, DURABLE]) {
      const who = `${JSON.stringify(first)}${'cleanStart' in options ? ', stored' : ''}`
      test(`what ${who} gives back comes to ${JSON.stringify(next)} by its own subscription`, async t => {
        const pond = new Pond()
        const alice = pond.client('alice')
        const one = pond.client('one', options)
        joins(one, first)
        alice.publishes('t/1', 'x', { qos: 2, retain: true })
        t.equal(optionsOf(one.receivesMessages()[0]), expected(first, 2))
        const two = pond.client('two', options)
        joins(two, next)

        one.vanishes()

        t.equal(optionsOf(two.receivesMessages()[0]), expected(next, 2))
      })

      test(`and after a restart what ${who} had comes again as it was, then to ${JSON.stringify(next)}`, async t => {
        const store = new MemoryStore()
        const pond = new Pond({ store })
        const alice = pond.client('alice')
        const one = pond.client('one', DURABLE)
        joins(one, first)
        const two = pond.client('two', options)
        two.receives()
        alice.publishes('t/1', 'x', { qos: 2, retain: true })

        const later = new Pond({ store, snapshot: await store.open() })
        const again = returns(later, 'one', DURABLE)
        t.equal(optionsOf(again.receivesMessages()[0]), expected(first, 2))
        const heir = later.client('heir', options)
        joins(heir, next)
        again.vanishes()
        t.equal(optionsOf(heir.receivesMessages()[0]), expected(next, 2))
      })
    }
  }
}

/** All strategies and wishes in every order in which sessions may come back. */
function reordered({ sessions, ...rest }: Snapshot): readonly Snapshot[] {
  return [
    { ...rest, sessions },
    { ...rest, sessions: sessions.toReversed() },
  ]
}

for (const [first, second] of [
  ['sticky', undefined],
  ['sticky', 'random'],
  [undefined, 'sticky'],
] as const) {
  test(`a group that began with the wish ${first} and heard of ${second} chooses after a restart as before`, async t => {
    const store = new MemoryStore()
    const pond = new Pond({ store })
    const wishing = (clientId: string, wish: ShareStrategyName | undefined): void => {
      const userProperties = wish === undefined ? [] : [['strategy', wish] as const]
      pond.client(clientId, DURABLE).subscribes(FILTER, 1, { properties: { userProperties } })
    }
    wishing('one', first)
    wishing('two', second)

    for (const snapshot of reordered(await store.open())) {
      const later = new Pond({ store: new MemoryStore(), snapshot })
      const alice = later.client('alice')
      const members = ['one', 'two'].map(name => later.client(name, DURABLE))
      for (let job = 0; job < 10; job++) alice.publishes('t/1', 'x', { qos: 1 })
      const counts = members.map(member => member.receivesMessages().length)
      t.equal(Math.max(...counts), first === 'sticky' ? 10 : 5)
    }
  })
}

test('a group that a former member is restored into before its members chooses as before', async t => {
  const store = new MemoryStore()
  const pond = new Pond({ store })
  const userProperties = [['strategy', 'sticky']] as const
  const former = pond.client('former', DURABLE)
  former.subscribes(FILTER, 1, { properties: { userProperties } })
  pond.client('alice').publishes('t/1', 'x', { qos: 1 })
  pond.client('one', DURABLE).subscribes(FILTER, 1)
  pond.client('two', DURABLE).subscribes(FILTER, 1)
  former.unsubscribes(FILTER)

  const later = new Pond({ store, snapshot: await store.open() })
  const members = ['one', 'two'].map(name => later.client(name, DURABLE))
  const bob = later.client('bob')
  for (let job = 0; job < 10; job++) bob.publishes('t/1', 'x', { qos: 1 })

  t.equal(Math.max(...members.map(member => member.receivesMessages().length)), 10)
})

test('weights count in a weighted group only', async t => {
  const pond = new Pond()
  const light = pond.client('light')
  light.subscribes(FILTER, 1)
  const heavy = pond.client('heavy')
  heavy.subscribes(FILTER, 1, { properties: { userProperties: [['weight', '1000']] } })
  const alice = pond.client('alice')

  for (let job = 0; job < 128; job++) alice.publishes('t/1', 'x', { qos: 1, packetId: 1 })

  t.equal(light.receivesMessages().length, 64)
  t.equal(heavy.receivesMessages().length, 64)
})

test('another weight in a repeated SUBSCRIBE counts from then on', async t => {
  const pond = new Pond({ share: { defaultStrategy: 'weighted' } })
  const members = ['one', 'two'].map(name => pond.client(name, { acknowledges: true }))
  for (const member of members) member.subscribes(FILTER, 1)
  const alice = pond.client('alice')
  members[0]?.subscribes(FILTER, 1, { properties: { userProperties: [['weight', '3']] } })
  for (const member of members) member.receives()

  const counts = [0, 0]
  for (let job = 0; job < 400; job++) {
    alice.publishes('t/1', 'x', { qos: 1, packetId: 1 })
    for (const [index, member] of members.entries()) {
      counts[index] = (counts[index] ?? 0) + member.receivesMessages().length
    }
  }

  t.ok(Math.abs((counts[0] ?? 0) - 300) < 8, counts.join())
})

test('a member that leaves and comes back has its part of the window, no more and no less', async t => {
  const pond = new Pond({ share: { defaultStrategy: 'weighted' } })
  const heavy = pond.client('heavy')
  heavy.subscribes(FILTER, 1, { properties: { userProperties: [['weight', '4']] } })
  const light = pond.client('light')
  const alice = pond.client('alice')
  let heard = 0
  for (let round = 0; round < 5; round++) {
    light.subscribes(FILTER, 1)
    for (let job = 0; job < 90; job++) alice.publishes('t/1', 'x', { qos: 1, packetId: 1 })
    heard += light.receivesMessages().length
    light.unsubscribes(FILTER)
  }
  t.equal(heard, 16)

  for (let packetId = 1; packetId <= 16; packetId++) light.acknowledges('puback', packetId)
  light.subscribes(FILTER, 1)
  t.equal(light.receivesMessages().length, 16)
})

test('a member of two groups hears of the second while the first has a backlog', async t => {
  const pond = new Pond()
  const worker = pond.client('worker', { properties: { receiveMaximum: 4 } })
  worker.subscribes('$share/g1/bulk', 1)
  worker.subscribes('$share/g2/urgent', 1)
  const alice = pond.client('alice')
  for (let job = 0; job < 200; job++) alice.publishes('bulk', 'x', { qos: 1, packetId: 1 })
  for (let job = 0; job < 10; job++) alice.publishes('urgent', 'x', { qos: 1, packetId: 1 })

  let urgent = 0
  for (let round = 0; round < 30; round++) {
    for (const { topic, packetId } of worker.receivesMessages()) {
      if (topic === 'urgent') urgent += 1
      worker.acknowledges('puback', packetId)
    }
  }

  t.equal(urgent, 10)
})

test('the bounds of a hash group are the group’s, not each member’s', async t => {
  const pond = new Pond({
    share: {
      defaultStrategy: 'hash-topic',
      bounds: { queuedMessagesMax: 20, queuedBytesMax: 1_000_000, queueOverflow: 'drop-newest' },
    },
  })
  for (let index = 0; index < 10; index++) {
    pond.client(`member-${index}`, { properties: { receiveMaximum: 1 } }).subscribes(FILTER, 1)
  }
  const alice = pond.client('alice')

  for (let job = 0; job < 300; job++) {
    alice.publishes(`t/${job}`, 'x', { qos: 1, packetId: 1 })
  }

  t.equal([...pond.broker.subscriptions.groups.all][0]?.queue.messages, 20)
})

test('a hash group with drop-oldest drops the oldest of all its keys', async t => {
  const pond = new Pond({
    share: {
      defaultStrategy: 'hash-topic',
      bounds: { queuedMessagesMax: 6, queuedBytesMax: 1_000_000, queueOverflow: 'drop-oldest' },
    },
  })
  const worker = pond.client('worker', { properties: { receiveMaximum: 1 } })
  worker.subscribes(FILTER, 1)
  const alice = pond.client('alice')
  for (let job = 0; job < 12; job++) {
    alice.publishes(`t/${job % 4}`, `${job}`, { qos: 1, packetId: 1 })
  }

  const heard: string[] = []
  for (let round = 0; round < 12; round++) {
    for (const { payload, packetId } of worker.receivesMessages()) {
      heard.push(payload.toString())
      worker.acknowledges('puback', packetId)
    }
  }

  t.strictSame(heard, ['0', '6', '7', '8', '9', '10', '11'])
})

for (const strategy of ['hash-topic', 'hash-client'] as const) {
  test(`${strategy}: what is published after a stored member left does not overtake what lies in the store`, async t => {
    const pond = new Pond({
      share: { defaultStrategy: strategy },
      limits: { queuedInMemoryMax: 3 },
    })
    const stored = pond.client('stored', DURABLE)
    stored.subscribes(FILTER, 1)
    const worker = pond.client('worker', { properties: { receiveMaximum: 2 } })
    worker.subscribes(FILTER, 1)
    const alice = pond.client('alice')
    stored.vanishes()
    for (let job = 0; job < 50; job++) alice.publishes('t/1', `${job}`, { qos: 1, packetId: 1 })
    const back = pond.client('stored', DURABLE)
    back.unsubscribes(FILTER)

    for (let job = 50; job < 99; job++) alice.publishes('t/1', `${job}`, { qos: 1, packetId: 1 })
    const heard: number[] = []
    for (let round = 0; round < 200; round++) {
      for (const { payload, packetId } of worker.receivesMessages()) {
        heard.push(Number(payload.toString()))
        worker.acknowledges('puback', packetId)
      }
    }

    t.strictSame(
      heard,
      heard.toSorted((a, b) => a - b),
    )
    t.ok(heard.length >= 49, `${heard.length}`)
  })
}

for (const filter of ['t/#', FILTER]) {
  for (const queuedInMemoryMax of [256, 5, 1]) {
    for (const queueOverflow of ['drop-newest', 'drop-oldest'] as const) {
      test(`expired messages make room in a full queue of ${filter}, ${queuedInMemoryMax} in memory, ${queueOverflow}`, async t => {
        const bounds = { queuedMessagesMax: 100, queuedBytesMax: 1_000_000, queueOverflow }
        const pond = new Pond({
          limits: { queuedMessagesMax: 100, queuedInMemoryMax, queueOverflow },
          share: { bounds },
        })
        const bob = pond.client('bob', DURABLE)
        bob.subscribes(filter, 1)
        bob.vanishes()
        const alice = pond.client('alice')
        for (let job = 0; job < 100; job++) {
          const properties = job % 10 === 0 ? {} : { messageExpiryInterval: 1 }
          alice.publishes('t/1', 'old', { qos: 1, packetId: 1, properties })
        }
        pond.passes({ seconds: 3 })

        for (let job = 0; job < 50; job++) alice.publishes('t/1', 'new', { qos: 1, packetId: 1 })

        const { dropped } = pond.broker.statistics
        t.strictSame([dropped['queue-full'], dropped['message-expired']], [0, 90])
        const back = returns(pond, 'bob', { ...DURABLE, acknowledges: true })
        const heard = { old: 0, new: 0 }
        for (let round = 0; round < 100; round++) {
          for (const { payload } of back.receivesMessages()) {
            if (payload.toString() === 'new') heard.new += 1
            else heard.old += 1
          }
        }
        t.strictSame(heard, { old: 10, new: 50 })
      })
    }
  }
}

const ENDS: Readonly<Record<string, (pond: Pond, worker: PondClient) => void>> = {
  'settles it': (_pond, worker) => {
    for (const { packetId, qos } of worker.receivesMessages()) {
      worker.acknowledges(qos === 1 ? 'puback' : 'pubrec', packetId)
      if (qos === 2) worker.acknowledges('pubcomp', packetId)
    }
  },
  refuses: (_pond, worker) => {
    for (const { packetId, qos } of worker.receivesMessages()) {
      worker.acknowledges(qos === 1 ? 'puback' : 'pubrec', packetId, 0x80)
    }
  },
  'goes away': (_pond, worker) => worker.vanishes(),
  'has received it and goes away': (_pond, worker) => {
    for (const { packetId, qos } of worker.receivesMessages()) {
      if (qos === 2) worker.acknowledges('pubrec', packetId)
    }
    worker.vanishes()
  },
  'unsubscribes and goes away': (_pond, worker) => {
    worker.unsubscribes(FILTER)
    worker.vanishes()
  },
  'has its session taken over': (pond, worker) => {
    pond.client(worker.clientId, { acknowledges: true }).vanishes()
  },
}

for (const qos of [1, 2] as const) {
  for (const granted of [0, 1, 2] as const) {
    for (const options of [{}, DURABLE] as PondClientOptions[]) {
      for (const [end, happens] of Object.entries(ENDS)) {
        const who = options === DURABLE ? 'a stored member' : 'a member'
        test(`nothing of QoS ${qos} is kept after ${who} at QoS ${granted} ${end} and all has come right`, async t => {
          const store = new MemoryStore()
          const pond = new Pond({ store })
          const anchor = pond.client('anchor', DURABLE)
          anchor.subscribes(FILTER, 2)
          anchor.vanishes()
          const worker = pond.client('worker', options)
          worker.subscribes(FILTER, granted)
          const alice = pond.client('alice')
          for (let job = 0; job < 5; job++) {
            const packetId = alice.publishes(`t/${job}`, 'x', { qos })
            if (qos === 2) alice.acknowledges('pubrel', packetId)
          }

          happens(pond, worker)
          pond.client('worker', { acknowledges: true }).vanishes()
          const back = pond.client('anchor', { ...DURABLE, acknowledges: true })
          for (let round = 0; round < 20; round++) back.receives()

          const { groups, sessions } = await store.open()
          t.strictSame(groups, [])
          t.strictSame(
            sessions.flatMap(({ deliveries }) => deliveries),
            [],
          )
        })
      }
    }
  }
}
