// Planted throws in the core's own code, and in the rights and observers that it calls: what a fault may end.

import { type Test, test } from 'tap'
import type { Access, Verdict } from '../../src/access/access.ts'
import { type Permissions, UNRESTRICTED } from '../../src/access/permissions.ts'
import { Pond, type PondOptions } from '../pond.ts'

const FAULT = new Error('planted')
const planted = (): never => {
  throw FAULT
}

/** Until it is called off, whoever calls the member of the object is thrown at. */
function plant(object: object, member: string, throwing: () => unknown = planted): () => void {
  const isOwn = Object.hasOwn(object, member)
  const before: unknown = Reflect.get(object, member)
  Object.defineProperty(object, member, { value: throwing, configurable: true, writable: true })
  return () => {
    if (isOwn) Object.defineProperty(object, member, { value: before, writable: true })
    else Reflect.deleteProperty(object, member)
  }
}

function isServed(pond: Pond, t: Test): void {
  const witness = pond.client('witness')
  witness.subscribes('w', 1)
  witness.publishes('w', 'x', { qos: 1, packetId: 7 })
  t.match(witness.hears().join(), /suback.*publish w x q1.*puback #7/)
}

function accessOf(permissions: unknown): Access {
  return {
    authenticate: () => ({ kind: 'allowed', permissions: permissions as Permissions }),
    beginExchange: () => null,
    permissionsOf: () => null,
  }
}

const NO_RIGHTS: Readonly<Record<string, () => unknown>> = {
  throws: planted,
  'throws no error': () => {
    throw 'words' // oxlint-disable-line no-throw-literal
  },
  'is a promise of true': () => Promise.resolve(true),
  'is a promise that is broken': () => Promise.reject(FAULT),
  'is 1': () => 1,
  'is undefined': () => undefined,
}

for (const [what, answer] of Object.entries(NO_RIGHTS)) {
  test(`a right that ${what} is no right, and is told`, async t => {
    const rights = { mayPublish: answer, maySubscribe: answer }
    const pond = new Pond({ access: accessOf(rights) })
    const client = pond.client('a')

    client.subscribes('a', 1)
    client.publishes('a', 'x', { qos: 1 })
    client.publishes('a', 'x', { qos: 2 })

    t.strictSame(client.hears(), ['suback #1 0x87', 'puback #2 0x87', 'pubrec #3 0x87'])
    t.equal(pond.broker.statistics.hookErrors, 3)
    t.match(pond.faults[0], { place: 'right', clientId: 'a' })
    const will = pond.stranger('b', { will: { topic: 'w' } })
    will.connects()
    t.strictSame(will.hears(), ['connack 0x87', 'closed'])
  })
}

test('a right that throws when a will is due keeps the will back', async t => {
  let mayPublish = (): boolean => true
  const access = accessOf({ mayPublish: () => mayPublish(), maySubscribe: () => true })
  const pond = new Pond({ access })
  const watcher = pond.client('watcher')
  watcher.subscribes('#')
  watcher.hears()
  const client = pond.client('a', { will: { topic: 'w' } })

  mayPublish = planted
  client.vanishes()

  t.strictSame(watcher.hears(), [])
  t.equal(pond.broker.statistics.dropped['not-authorized'], 1)
})

const NO_VERDICTS: Readonly<Record<string, () => unknown>> = {
  throws: planted,
  'is broken': () => Promise.reject(FAULT),
  'is nothing': () => undefined,
  'is null in time': () => Promise.resolve(null),
  'is true': () => true,
  'is of an unknown kind': () => ({ kind: 'perhaps' }),
  'allows without saying what': () => ({ kind: 'allowed' }),
  'allows with half of the rights': () => ({
    kind: 'allowed',
    permissions: { mayPublish: () => true },
  }),
  'allows with more data than a packet holds': () => ({
    kind: 'allowed',
    permissions: UNRESTRICTED,
    data: Buffer.alloc(65_536),
  }),
  'allows with words for data': () => ({
    kind: 'allowed',
    permissions: UNRESTRICTED,
    data: 'words',
  }),
  'refuses without a reason': () => ({ kind: 'refused', sentence: 'no' }),
  'refuses with success': () => ({ kind: 'refused', reason: 0, sentence: 'no' }),
  'refuses with a reason that is none': () => ({ kind: 'refused', reason: 999, sentence: 'no' }),
  'refuses without words': () => ({ kind: 'refused', reason: 0x87 }),
  'is made by another library': () => ({
    // oxlint-disable-next-line no-thenable
    then: (_resolve: unknown, reject: (error: Error) => void) => reject(FAULT),
  }),
  'throws when it is looked at': () => ({
    get kind(): string {
      return planted()
    },
  }),
}

for (const [what, answer] of Object.entries(NO_VERDICTS)) {
  test(`an authentication whose verdict ${what} lets nobody in`, async t => {
    const authenticate = answer as () => Verdict
    const pond = new Pond({
      access: { authenticate, beginExchange: () => null, permissionsOf: () => null },
    })
    const client = pond.stranger('a')
    client.connects()
    await new Promise(resolve => setImmediate(resolve))
    pond.settles()

    t.strictSame(client.hears(), ['connack 0x88', 'closed'])
    t.equal(pond.broker.statistics.hookErrors, 1)
    t.match(pond.faults, [{ place: 'authentication', clientId: 'a' }])
  })
}

test('an observer that throws in anything harms nobody, and is told of to itself once', async t => {
  const observer = {
    connected: planted,
    disconnected: planted,
    refused: planted,
    subscribed: planted,
    unsubscribed: planted,
    published: planted,
    publishRefused: planted,
    dropped: planted,
  }
  const pond = new Pond({ observer, bearsFaults: true })
  const client = pond.client('a')
  client.subscribes('a')
  client.publishes('a', 'x', { qos: 1 })
  client.unsubscribes('a')
  client.vanishes()
  pond.stranger('', { version: 4, cleanStart: false }).connects()

  isServed(pond, t)
  t.equal(pond.stateFaults.length, 0)
  t.ok(pond.broker.statistics.hookErrors >= 6)
})

/** A fault of ours before anything has changed, planted for one packet of one client. */
const BEFORE_ANY_CHANGE: Readonly<Record<string, (pond: Pond) => () => void>> = {
  'the count of packets': ({ broker }) => plantedGetter(broker.statistics, 'packetsReceived'),
  'the bound of levels': ({ broker }) => plantedGetter(broker.limits, 'topicLevelsMax'),
  'the room for retained messages': ({ broker }) => plant(broker.retained, 'limitFor'),
  'a number for the message': ({ broker }) => plant(broker, 'nextSequence'),
}

/** The same for whoever reads a field. */
function plantedGetter(object: object, field: string): () => void {
  const before: unknown = Reflect.get(object, field)
  Object.defineProperty(object, field, { get: planted, set: () => {}, configurable: true })
  return () => Object.defineProperty(object, field, { value: before, writable: true })
}

for (const [what, planting] of Object.entries(BEFORE_ANY_CHANGE)) {
  for (const version of [4, 5] as const) {
    test(`a throw in ${what} ends a connection of version ${version}, and nobody else's`, async t => {
      const pond = new Pond({ bearsFaults: true })
      const client = pond.client('a', { version })

      pond.inOneTurn(() => {
        const callOff = planting(pond)
        client.publishes('a', 'x', { qos: 1, retain: true })
        callOff()
      })

      t.ok(client.isClosed)
      if (version === 5) t.match(client.hears(), ['disconnect 0x83', 'closed'])
      t.equal(pond.broker.statistics.internalErrors, 1)
      t.match(pond.faults, [{ place: 'connection', clientId: 'a' }])
      t.equal(pond.stateFaults.length, 0)
      isServed(pond, t)
    })
  }
}

test('a packet that cannot be encoded for one client ends its connection as a broken socket would', async t => {
  const pond = new Pond({ bearsFaults: true })
  const durable = { cleanStart: false, properties: { sessionExpiryInterval: 60 } }
  const client = pond.client('a', durable)
  client.subscribes('a', 1)
  client.hears()
  const other = pond.client('other')
  other.subscribes('a', 1)
  other.hears()

  pond.inOneTurn(() => {
    other.publishes('a', 'owed', { qos: 1, packetId: 9 })
    const encodeNothing = plant(pond.encoder, 'encode')
    other.publishes('a', 'owed to both', { qos: 1, packetId: 10 })
    encodeNothing()
  })
  pond.passes({ seconds: 1 })

  t.equal(pond.stateFaults.length, 0)
  t.ok(client.isClosed)
  t.ok(other.isClosed)
  const back = pond.stranger('a', durable)
  back.connects()
  t.strictSame(
    back.receivesMessages().map(({ payload }) => payload.toString()),
    ['owed', 'owed to both'],
    'nothing that was owed is lost',
  )
  isServed(pond, t)
})

/** A fault of ours while a change was under way. */
const WITHIN_A_CHANGE: Readonly<Record<string, (pond: Pond) => void>> = {
  'a delivery': pond => {
    const session = pond.broker.sessions.get('a')
    if (session !== undefined) plant(session, 'deliver')
    pond.client('b').publishes('a', 'x', { qos: 1 })
  },
  'an acknowledgement': pond => {
    const session = pond.broker.sessions.get('a')
    if (session !== undefined) plant(session, 'settle')
    pond.client('b').publishes('a', 'x', { qos: 1 })
  },
  'a subscription': pond => {
    const session = pond.broker.sessions.get('a')
    if (session !== undefined) plant(session.subscriptions, 'set')
  },
  'the end of a session': pond => {
    const session = pond.broker.sessions.get('a')
    if (session !== undefined) plant(session, 'end')
  },
  'a deadline': pond => {
    pond.broker.deadlines.set({ expired: planted }, pond.now + 1_000)
    pond.passes({ seconds: 2 })
  },
  'room for more': pond => {
    const session = pond.broker.sessions.get('a')
    if (session !== undefined) plant(session, 'pump')
  },
}

for (const [what, planting] of Object.entries(WITHIN_A_CHANGE)) {
  test(`a throw in ${what} lets nothing more be said: the broker's state may be wrong`, async t => {
    const options: PondOptions = { bearsFaults: true }
    const pond = new Pond(options)
    const client = pond.client('a')
    client.subscribes('a', 1)
    client.hears()

    planting(pond)
    for (const { packetId } of client.receivesMessages()) client.acknowledges('puback', packetId)
    client.freezes()
    client.thaws()
    client.subscribes('b', 1)
    client.vanishes()

    t.equal(pond.stateFaults.length, 1)
    t.equal(pond.stateFaults[0], FAULT)
    const late = pond.stranger('late')
    late.connects()
    t.strictSame(late.hears(), [])
  })
}
