import { test } from 'tap'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { ShareSettings } from '../../src/broker/share-groups.ts'
import { SHARE_STRATEGY_NAMES } from '../../src/routing/share-strategy.ts'
import type { PondClient } from '../pond-client.ts'
import { Pond } from '../pond.ts'

const DURABLE = { cleanStart: false, properties: { sessionExpiryInterval: 3_600 } }

function pondWith(strategy: ShareSettings['defaultStrategy']): Pond {
  return new Pond({ share: { defaultStrategy: strategy } })
}

/** Clients that have subscribed to `$share/g/jobs` at QoS 1. */
function members(pond: Pond, count: number, acknowledges = false): PondClient[] {
  return Array.from({ length: count }, (_, index) => {
    const member = pond.client(`member-${index}`, { acknowledges })
    member.subscribes('$share/g/jobs', 1)
    member.hears()
    return member
  })
}

function payloads(member: PondClient): string[] {
  return member.receivesMessages().map(message => message.payload.toString())
}

test('each message of a group goes to one member, in turn', async t => {
  const pond = pondWith('round-robin')
  const alice = pond.client('alice')
  const [one, two, three] = members(pond, 3)

  for (let job = 0; job < 6; job++) alice.publishes('jobs', `${job}`, { qos: 1 })

  t.strictSame(
    [one, two, three].map(member => (member === undefined ? [] : payloads(member))),
    [
      ['0', '3'],
      ['1', '4'],
      ['2', '5'],
    ],
  )
})

test('a client of 3.1.1 is a member like any other', async t => {
  const pond = new Pond()
  const alice = pond.client('alice', { version: 4 })
  const bob = pond.client('bob', { version: 4 })
  bob.subscribes('$share/g/jobs/#', 1)
  bob.hears()

  alice.publishes('jobs/1', 'x', { qos: 1 })

  t.strictSame(bob.hears(), ['publish jobs/1 x q1 #1'])
})

test('a weighted group of 3:1 receives 3:1 within 2 % over 10,000 messages', async t => {
  const pond = pondWith('weighted')
  const alice = pond.client('alice')
  const [heavy, light] = ['3', '1'].map(weight => {
    const member = pond.client(`weight-${weight}`, { acknowledges: true })
    const userProperties = [['weight', weight]] as const
    member.subscribes('$share/g/jobs', 1, { properties: { userProperties } })
    member.hears()
    return member
  })
  let heavyCount = 0
  let lightCount = 0
  const take = () => {
    heavyCount += heavy?.receivesMessages().length ?? 0
    lightCount += light?.receivesMessages().length ?? 0
  }

  for (let job = 0; job < 10_000; job++) {
    alice.publishes('jobs', `${job}`, { qos: 1 })
    if (job % 10 === 9) take()
  }
  take()

  t.equal(heavyCount + lightCount, 10_000)
  t.ok(Math.abs(heavyCount / 10_000 - 0.75) < 0.02, `${heavyCount} of 10,000`)
})

test('weights hold as well when all members are as busy as they can be', async t => {
  const pond = pondWith('weighted')
  const alice = pond.client('alice')
  const [heavy, light] = ['3', '1'].map(weight => {
    const member = pond.client(`weight-${weight}`)
    const userProperties = [['weight', weight]] as const
    member.subscribes('$share/g/jobs', 1, { properties: { userProperties } })
    member.hears()
    return member
  })
  pond.inOneTurn(() => {
    for (let job = 0; job < 10_000; job++) {
      alice.publishes('jobs', `${job}`, { qos: 1, packetId: 1 })
      if (job % 50 === 49) pond.turn.end()
    }
  })
  let heavyCount = 0
  let lightCount = 0
  // Each round both settle all that they have.
  while (heavyCount + lightCount < 10_000) {
    const heavyBatch = heavy?.receivesMessages() ?? []
    const lightBatch = light?.receivesMessages() ?? []
    if (heavyBatch.length + lightBatch.length === 0) break
    heavyCount += heavyBatch.length
    lightCount += lightBatch.length
    pond.inOneTurn(() => {
      for (const { packetId } of heavyBatch) heavy?.acknowledges('puback', packetId)
      for (const { packetId } of lightBatch) light?.acknowledges('puback', packetId)
    })
  }

  t.equal(heavyCount + lightCount, 10_000)
  t.ok(Math.abs(heavyCount / 10_000 - 0.75) < 0.02, `${heavyCount} of 10,000`)
})

test('a member that does not read delays nobody: the other members get its messages', async t => {
  const pond = pondWith('round-robin')
  const alice = pond.client('alice')
  const [frozen, lively] = members(pond, 2, true)
  frozen?.freezes()

  const heard: string[] = []
  for (let job = 0; job < 1_000; job++) {
    alice.publishes('jobs', `${job}`, { qos: 1 })
    heard.push(...(lively === undefined ? [] : payloads(lively)))
  }

  t.ok(heard.length >= 999, `${heard.length} of 1,000 were taken by the lively one`)
  t.equal(pond.broker.sessions.get('member-0')?.exchanges.count, 1)
})

test('QoS 1 in flight moves to another member when its member leaves', async t => {
  const pond = pondWith('round-robin')
  const alice = pond.client('alice')
  const [one, two] = members(pond, 2)
  for (let job = 0; job < 4; job++) alice.publishes('jobs', `${job}`, { qos: 1 })
  two?.hears()

  one?.vanishes()

  t.strictSame(two === undefined ? [] : payloads(two), ['0', '2'])
})

test('QoS 2 in flight stays with its member, and is sent again when the member returns', async t => {
  const pond = pondWith('round-robin')
  const alice = pond.client('alice')
  const one = pond.client('one', DURABLE)
  one.subscribes('$share/g/jobs', 2)
  const two = pond.client('two')
  two.subscribes('$share/g/jobs', 2)
  two.hears()
  alice.publishes('jobs', 'x', { qos: 2 })
  t.match(one.hears().at(-1), 'publish jobs x q2 #1')

  one.vanishes()
  t.strictSame(two.hears(), [])
  const back = pond.stranger('one', DURABLE)
  back.connects()

  t.strictSame(back.hears(), ['connack 0x0 present', 'publish jobs x q2 #1 dup'])
})

test('a member that comes back alone hears its own message again under the same identifier', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const one = pond.client('one', DURABLE)
  one.subscribes('$share/g/jobs', 1)
  alice.publishes('jobs', 'x', { qos: 1 })
  one.hears()
  one.vanishes()

  const back = pond.stranger('one', DURABLE)
  back.connects()

  t.strictSame(back.hears(), ['connack 0x0 present', 'publish jobs x q1 #1 dup'])
})

test('a new member takes what an absent one has left in flight', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const one = pond.client('one', DURABLE)
  one.subscribes('$share/g/jobs', 1)
  alice.publishes('jobs', 'x', { qos: 1 })
  one.vanishes()

  const two = pond.client('two')
  two.subscribes('$share/g/jobs', 1)

  t.strictSame(two.hears(), ['suback #1 0x1', 'publish jobs x q1 #1'])
})

test('messages wait in the group while all its members are away', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const one = pond.client('one', DURABLE)
  one.subscribes('$share/g/jobs', 1)
  one.vanishes()
  for (const job of ['1', '2', '3']) alice.publishes('jobs', job, { qos: 1 })
  t.equal([...pond.broker.subscriptions.groups.all][0]?.queue.messages, 3)

  const two = pond.client('two')
  two.subscribes('$share/g/jobs', 1)

  t.strictSame(payloads(two), ['1', '2', '3'])
})

test('a message that a member refuses is offered to nobody else', async t => {
  const pond = pondWith('round-robin')
  const alice = pond.client('alice')
  const [one, two] = members(pond, 2)
  alice.publishes('jobs', 'x', { qos: 1 })
  one?.hears()

  one?.acknowledges('puback', 1, 0x80)
  one?.vanishes()

  t.strictSame(two?.hears(), [])
})

test('nothing is lost and nothing sticks while members come and go', async t => {
  for (const strategy of SHARE_STRATEGY_NAMES) {
    const pond = pondWith(strategy)
    const alice = pond.client('alice')
    const heard = new Set<string>()
    const present = new Map<number, PondClient>()
    const listen = (): void => {
      for (const member of present.values()) {
        for (const { payload } of member.receivesMessages()) heard.add(payload.toString())
      }
    }
    const anchor = pond.client('anchor', { ...DURABLE, acknowledges: true })
    anchor.subscribes('$share/g/jobs/#', 1)
    present.set(-1, anchor)

    for (let job = 0; job < 2_000; job++) {
      alice.publishes(`jobs/${job % 7}`, `${job}`, { qos: 1 })
      const index = Math.floor(pond.random() * 5)
      const member = present.get(index)
      if (pond.random() < 0.1 && member === undefined) {
        const arrival = pond.client(`member-${index}`, { acknowledges: true })
        arrival.subscribes('$share/g/jobs/#', 1)
        present.set(index, arrival)
      } else if (pond.random() < 0.1 && member !== undefined) {
        present.delete(index)
        member.vanishes()
      }
      if (pond.random() < 0.3) listen()
    }
    listen()
    listen()

    t.equal(heard.size, 2_000, strategy)
    t.equal([...pond.broker.subscriptions.groups.all][0]?.queue.messages, 0, strategy)
  }
})

test('the first subscriber chooses the strategy by a user property', async t => {
  const pond = new Pond()
  const alice = pond.client('alice')
  const userProperties = [['strategy', 'sticky']] as const
  const [one, two] = ['one', 'two'].map(name => {
    const member = pond.client(name, { acknowledges: true })
    member.subscribes('$share/g/jobs', 1, { properties: { userProperties } })
    member.hears()
    return member
  })

  const counts = [0, 0]
  for (let job = 0; job < 10; job++) {
    alice.publishes('jobs', `${job}`, { qos: 1 })
    counts[0] = (counts[0] ?? 0) + (one?.receivesMessages().length ?? 0)
    counts[1] = (counts[1] ?? 0) + (two?.receivesMessages().length ?? 0)
  }

  t.strictSame(
    counts.sort((a, b) => a - b),
    [0, 10],
  )
})

test('each member has its own QoS', async t => {
  const pond = pondWith('round-robin')
  const alice = pond.client('alice')
  const one = pond.client('one')
  const two = pond.client('two')
  one.subscribes('$share/g/jobs', 0)
  two.subscribes('$share/g/jobs', 2)
  one.hears()
  two.hears()

  alice.publishes('jobs', '1', { qos: 1 })
  alice.publishes('jobs', '2', { qos: 1 })

  t.strictSame(one.hears(), ['publish jobs 1 q0'])
  t.strictSame(two.hears(), ['publish jobs 2 q1 #1'])
})

test('a bound on what waits in a group is counted when it is reached', async t => {
  const pond = new Pond({
    share: {
      bounds: { queuedMessagesMax: 2, queuedBytesMax: 1_000_000, queueOverflow: 'drop-newest' },
    },
  })
  const alice = pond.client('alice')
  const one = pond.client('one', DURABLE)
  one.subscribes('$share/g/jobs', 1)
  one.vanishes()

  for (const job of ['1', '2', '3']) alice.publishes('jobs', job, { qos: 1 })

  t.equal(pond.broker.statistics.dropped['queue-full'], 1)
})

test('queued messages are stored as soon as a durable member joins', async t => {
  const store = new MemoryStore()
  const pond = new Pond({ store })
  const carol = pond.client('carol', { properties: { receiveMaximum: 1 } })
  carol.subscribes('$share/g/a', 2)
  const alice = pond.client('alice')
  alice.publishes('a', 'one', { qos: 2 })
  alice.publishes('a', 'two', { qos: 2 })

  const properties = { sessionExpiryInterval: 3_600 }
  const bob = pond.client('bob', { cleanStart: false, properties })
  bob.subscribes('$share/g/a', 2)

  t.strictSame(bob.hears(), ['suback #1 0x2', 'publish a two q2 #1'])
  const { sessions } = await store.open()
  t.match(sessions[0]?.deliveries, [{ packetId: 1, message: { topic: 'a' } }])
})
