// What every store must do: the contract that each adapter's tests run. `make` gives a store on one and the same
// place each time, so that what one has committed is there for the next.

import { type Test, test } from 'tap'
import type { Message } from '../../src/message.ts'
import { NO_PROPERTIES } from '../../src/packet/packet.ts'
import type { Change } from '../../src/store/change.ts'
import type { Snapshot, Store } from '../../src/store/store.ts'

export interface StorePlace {
  /** A store that has not been opened yet. */
  store(): Store
}

const OPENED: Change = { kind: 'session-opened', clientId: 'bob', expiryIntervalSeconds: 60 }
const BOB = { kind: 'session', clientId: 'bob' } as const
const GROUP = { kind: 'group', shareName: 'g', topicFilter: 'jobs/#' } as const

export function messageOf(sequence: number, parts: Partial<Message> = {}): Message {
  return {
    topic: `topic/${sequence}`,
    payload: Buffer.from(`payload ${sequence}`),
    qos: 2,
    retain: false,
    properties: NO_PROPERTIES,
    publisher: 'alice',
    expiresAt: Infinity,
    sequence,
    ...parts,
  }
}

export function stored(sequence: number, parts: Partial<Message> = {}): Change {
  return { kind: 'message-stored', message: messageOf(sequence, parts) }
}

export function owed(
  delivery: number,
  sequence: number,
  owner: typeof BOB | typeof GROUP = BOB,
): Change {
  return { kind: 'owed', delivery, owner, sequence, qos: 2, retain: false, identifiers: [7] }
}

function committed(store: Store, ...changes: readonly Change[]): Promise<void> {
  return new Promise((resolve, reject) => {
    store.commit(changes, error => (error === null ? resolve() : reject(error)))
  })
}

/** What a store that is opened after these commits tells. */
async function after(
  place: StorePlace,
  ...groups: readonly (readonly Change[])[]
): Promise<Snapshot> {
  const store = place.store()
  await store.open()
  for (const changes of groups) await committed(store, ...changes)
  await store.close()
  const next = place.store()
  const snapshot = await next.open()
  await next.close()
  return snapshot
}

const RULES: Readonly<Record<string, (t: Test, place: StorePlace) => Promise<void>>> = {
  'a new store is empty': async (t, place) => {
    t.strictSame(await after(place), {
      sessions: [],
      groups: [],
      retained: [],
      lastSequence: 0,
      lastDelivery: 0,
    })
  },

  'a session comes back with its subscriptions, its expiry and its will': async (t, place) => {
    const subscription = {
      filter: '$share/g/a/+',
      topicFilter: 'a/+',
      shareName: 'g',
      qos: 1,
      noLocal: false,
      retainAsPublished: true,
      retainHandling: 2,
      identifier: 5,
    } as const
    const will = {
      topic: 'will',
      payload: Buffer.from([0, 255]),
      qos: 1,
      retain: true,
      properties: { willDelayInterval: 5, userProperties: [['a', 'b']] },
    } as const
    const { sessions } = await after(place, [
      OPENED,
      { kind: 'subscribed', clientId: 'bob', subscription },
      { kind: 'subscribed', clientId: 'bob', subscription: { ...subscription, filter: 'gone' } },
      { kind: 'unsubscribed', clientId: 'bob', filter: 'gone' },
      { kind: 'will-set', clientId: 'bob', will },
      { kind: 'session-left', clientId: 'bob', expiresAt: 123_456 },
    ])
    t.strictSame(sessions, [
      {
        clientId: 'bob',
        expiryIntervalSeconds: 60,
        expiresAt: 123_456,
        will,
        subscriptions: [subscription],
        deliveries: [],
        incoming: [],
      },
    ])
  },

  'a session that was resumed has no end until it is left again': async (t, place) => {
    const { sessions } = await after(place, [
      OPENED,
      { kind: 'session-left', clientId: 'bob', expiresAt: 1 },
      { kind: 'session-resumed', clientId: 'bob', expiryIntervalSeconds: 90 },
    ])
    t.match(sessions, [{ expiryIntervalSeconds: 90, expiresAt: null }])
  },

  'what is owed comes back in order, what was sent before what waits, under the same identifiers':
    async (t, place) => {
      const { sessions, lastSequence, lastDelivery } = await after(
        place,
        [OPENED, stored(1), owed(11, 1), stored(2), owed(12, 2), stored(3), owed(13, 3)],
        [
          { kind: 'sent', delivery: 12, clientId: 'bob', packetId: 1 },
          { kind: 'sent', delivery: 11, clientId: 'bob', packetId: 2 },
        ],
      )
      t.match(sessions[0]?.deliveries, [
        { delivery: 12, packetId: 1, message: messageOf(2), identifiers: [7], group: null },
        { delivery: 11, packetId: 2, message: messageOf(1) },
        { delivery: 13, packetId: 0, message: messageOf(3) },
      ])
      t.strictSame([lastSequence, lastDelivery], [3, 13])
    },

  'after PUBREC only the identifier is kept, and after settling nothing': async (t, place) => {
    const { sessions } = await after(place, [
      OPENED,
      stored(1),
      owed(1, 1),
      owed(2, 1),
      { kind: 'sent', delivery: 1, clientId: 'bob', packetId: 1 },
      { kind: 'received', delivery: 1 },
      { kind: 'settled', delivery: 2 },
    ])
    t.match(sessions[0]?.deliveries, [{ delivery: 1, packetId: 1, message: null }])
    t.equal(sessions[0]?.deliveries.length, 1)
  },

  'QoS 2 identifiers from a client come back until they are released': async (t, place) => {
    const { sessions } = await after(place, [
      OPENED,
      { kind: 'incoming-opened', clientId: 'bob', packetId: 5 },
      { kind: 'incoming-opened', clientId: 'bob', packetId: 6 },
      { kind: 'incoming-released', clientId: 'bob', packetId: 5 },
    ])
    t.strictSame(sessions[0]?.incoming, [6])
  },

  'retained messages come back whole, the last one of each topic': async (t, place) => {
    const properties = {
      contentType: 'größe',
      correlationData: Buffer.from([1, 0, 255]),
      payloadFormatIndicator: 1,
      responseTopic: 'r',
      userProperties: [
        ['b', ''],
        ['a', '2'],
      ],
    } as const
    const whole = {
      topic: 'a',
      retain: true,
      properties,
      expiresAt: 99,
      publisher: null,
      qos: 0,
    } as const
    const { retained } = await after(place, [
      stored(1, { topic: 'a' }),
      { kind: 'retained-set', topic: 'a', sequence: 1 },
      stored(2, whole),
      { kind: 'retained-set', topic: 'a', sequence: 2 },
      stored(3, { topic: 'b' }),
      { kind: 'retained-set', topic: 'b', sequence: 3 },
      { kind: 'retained-cleared', topic: 'b' },
    ])
    t.strictSame(retained, [messageOf(2, whole)])
  },

  'a group keeps what it owes, gets back what a member returns, and what a lost member had at QoS 1':
    async (t, place) => {
      const { groups, sessions } = await after(place, [
        OPENED,
        stored(1),
        owed(1, 1, GROUP),
        owed(2, 1, GROUP),
        { ...owed(3, 1, GROUP), qos: 1 } as Change,
        owed(4, 1, GROUP),
        { kind: 'sent', delivery: 1, clientId: 'bob', packetId: 1 },
        { kind: 'returned', delivery: 1, owner: GROUP },
        { kind: 'sent', delivery: 2, clientId: 'bob', packetId: 2 },
        // A member whose own session is not stored.
        { kind: 'sent', delivery: 3, clientId: 'transient', packetId: 1 },
        { kind: 'sent', delivery: 4, clientId: 'transient', packetId: 2 },
      ])
      t.strictSame(
        groups.map(({ shareName, topicFilter }) => [shareName, topicFilter]),
        [['g', 'jobs/#']],
      )
      t.strictSame(
        [...(groups[0]?.deliveries ?? [])]
          .map(({ delivery, packetId }) => [delivery, packetId])
          .sort(),
        [
          [1, 0],
          [3, 0],
        ],
      )
      t.match(sessions[0]?.deliveries, [
        { delivery: 2, packetId: 2, group: { shareName: 'g', topicFilter: 'jobs/#' } },
      ])
    },

  'a session that ended is gone with all that it was owed, and so is what nobody refers to': async (
    t,
    place,
  ) => {
    const { sessions, retained } = await after(place, [
      OPENED,
      stored(1),
      owed(1, 1),
      { kind: 'session-ended', clientId: 'bob' },
      { kind: 'settled', delivery: 1 },
    ])
    t.strictSame([sessions, retained], [[], []])
  },

  'a message that one owner settles at once can be owed by another in the same commit': async (
    t,
    place,
  ) => {
    const { sessions } = await after(place, [
      OPENED,
      stored(1),
      owed(1, 1, GROUP),
      { kind: 'settled', delivery: 1 },
      owed(2, 1),
    ])
    t.match(sessions[0]?.deliveries, [{ delivery: 2, message: messageOf(1) }])
  },

  'the will of a client without a session comes back as well': async (t, place) => {
    const will = {
      topic: 'w',
      payload: Buffer.alloc(0),
      qos: 0,
      retain: false,
      properties: NO_PROPERTIES,
    } as const
    const { sessions } = await after(place, [
      { kind: 'will-set', clientId: 'gone', will },
      { kind: 'will-set', clientId: 'polite', will },
      { kind: 'will-cleared', clientId: 'polite' },
    ])
    t.match(sessions, [{ clientId: 'gone', expiryIntervalSeconds: 0, will: { topic: 'w' } }])
  },

  'names that are odd are kept as they are': async (t, place) => {
    const names = ['__proto__', '', '../../x', 'a\u0000b', '$share/g/a', 'x'.repeat(65_535)]
    const { sessions } = await after(
      place,
      names.map(
        clientId => ({ kind: 'session-opened', clientId, expiryIntervalSeconds: 1 }) as const,
      ),
    )
    t.strictSame(sessions.map(({ clientId }) => clientId).sort(), [...names].sort())
  },

  'commits are in order, and each is whole': async (t, place) => {
    const store = place.store()
    await store.open()
    const order: number[] = []
    for (let count = 1; count <= 50; count++) {
      await new Promise<void>(resolve => {
        store.commit(
          [stored(count), { kind: 'retained-set', topic: 'a', sequence: count }],
          error => {
            t.equal(error, null)
            order.push(count)
            resolve()
          },
        )
      })
    }
    await store.close()
    const next = place.store()
    const { retained, lastSequence } = await next.open()
    await next.close()
    t.strictSame(
      order,
      Array.from({ length: 50 }, (_, index) => index + 1),
    )
    t.strictSame([retained.length, retained[0]?.sequence, lastSequence], [1, 50, 50])
  },

  'a second opening while the first is open is refused': async (t, place) => {
    const store = place.store()
    await store.open()
    await t.rejects(place.store().open(), /open/)
    await store.close()
  },
}

/** Runs every rule against fresh places. */
export function storeContract(name: string, make: (t: Test) => StorePlace): void {
  for (const [sentence, show] of Object.entries(RULES)) {
    test(`${name}: ${sentence}`, async t => show(t, make(t)))
  }
}
