// The rules that every store must keep.

import { NO_PROPERTIES } from '../packet/packet.ts'
import type { Change } from '../store/change.ts'
import { is } from './checks.ts'
import { GROUP_RULES } from './group-rules.ts'
import { HELD_RULES } from './held-rules.ts'
import { QUEUE_RULES } from './queue-rules.ts'
import { RANDOM_RULES } from './random-rules.ts'
import {
  after,
  BOB,
  committed,
  GROUP,
  LOST,
  messageOf,
  OPENED,
  queued,
  pageOf,
  sent,
  stored,
  subscribedWithReplay,
  type StorePlace,
  wholeOf,
  identityOf,
} from './changes.ts'

export const RULES: Readonly<Record<string, (place: StorePlace) => Promise<void>>> = {
  ...GROUP_RULES,
  ...QUEUE_RULES,
  ...RANDOM_RULES,
  ...HELD_RULES,

  'a new store is empty': async place => {
    is.strictSame(await after(place), {
      sessions: [],
      groups: [],
      queues: [],
      retained: [],
      held: [],
      decisions: [],
      messageIds: [],
      locked: [],
      partitions: [],
      lastSequence: 0,
      lastDelivery: 0,
    })
  },

  'a session comes back with its subscriptions, its expiry and its will': async place => {
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
    is.strictSame(sessions, [
      {
        clientId: 'bob',
        identity: null,
        expiryIntervalSeconds: 60,
        expiresAt: 123_456,
        will,
        willAt: null,
        subscriptions: [subscription],
        deliveries: [],
        remainder: { messages: 0, bytes: 0 },
        replays: [],
        incoming: [],
      },
    ])
  },

  'what a subscription is still to be sent of retained messages is known until it was sent, and no longer than the subscription':
    async place => {
      const { sessions } = await after(
        place,
        [OPENED, ...['a', 'b', 'c', 'd'].flatMap(subscribedWithReplay)],
        [
          { kind: 'replayed', clientId: 'bob', filter: 'a' },
          { kind: 'unsubscribed', clientId: 'bob', filter: 'b' },
          { kind: 'replay-begun', clientId: 'bob', filter: 'c', sequenceMax: 2 ** 40 },
          { kind: 'replay-begun', clientId: 'bob', filter: 'none', sequenceMax: 1 },
        ],
      )
      is.strictSame(sessions[0]?.replays, [
        { filter: 'd', sequenceMax: 1 },
        { filter: 'c', sequenceMax: 2 ** 40 },
      ])
    },

  'who a client is comes back with its session, and with a will that has none': async place => {
    const will = { topic: 'w', payload: Buffer.from('x'), qos: 1, retain: false } as const
    const set = { kind: 'will-set', will: { ...will, properties: {} } } as const
    const { sessions } = await after(
      place,
      [OPENED, { kind: 'identified', clientId: 'bob', identity: identityOf('bob', null) }],
      [
        { kind: 'session-resumed', clientId: 'bob', expiryIntervalSeconds: 90 },
        { kind: 'identified', clientId: 'bob', identity: identityOf('bob') },
        { ...set, clientId: 'carol' },
        { kind: 'identified', clientId: 'carol', identity: identityOf('carol') },
        { ...set, clientId: 'erin' },
      ],
      [
        { kind: 'session-opened', clientId: 'dave', expiryIntervalSeconds: 1 },
        { kind: 'identified', clientId: 'dave', identity: identityOf('dave') },
        { ...set, clientId: 'dave' },
        { kind: 'session-ended', clientId: 'dave' },
        { kind: 'identified', clientId: 'gone', identity: identityOf('gone') },
      ],
    )
    is.strictSame(
      Object.fromEntries(sessions.map(({ clientId, identity }) => [clientId, identity])),
      {
        bob: identityOf('bob'),
        carol: identityOf('carol'),
        dave: identityOf('dave'),
        erin: null,
      },
    )
  },

  'a session that was resumed has no end until it is left again': async place => {
    const { sessions } = await after(place, [
      OPENED,
      { kind: 'session-left', clientId: 'bob', expiresAt: 1 },
      { kind: 'session-resumed', clientId: 'bob', expiryIntervalSeconds: 90 },
    ])
    is.match(sessions, [{ expiryIntervalSeconds: 90, expiresAt: null }])
  },

  'what is queued comes back in order, what was sent before what waits, under the same identifiers':
    async place => {
      const { sessions, lastSequence, lastDelivery } = await after(
        place,
        [OPENED, stored(1), queued(11, 1), stored(2), queued(12, 2), stored(3), queued(13, 3)],
        [sent(12, 1), sent(11, 2)],
      )
      is.match(sessions[0]?.deliveries, [
        { delivery: 12, packetId: 1, message: messageOf(2), identifiers: [7], group: null },
        { delivery: 11, packetId: 2, message: messageOf(1) },
        { delivery: 13, packetId: 0, message: messageOf(3) },
      ])
      is.strictSame([lastSequence, lastDelivery], [3, 13])
    },

  'what was sent as it was queued comes back as sent': async place => {
    const { sessions } = await after(place, [
      OPENED,
      stored(1),
      { ...queued(1, 1), packetId: 5 } as Change,
      queued(2, 1),
      { ...queued(3, 1), packetId: 6 } as Change,
      { kind: 'settled', delivery: 3, owner: BOB },
    ])
    is.match(sessions[0]?.deliveries, [
      { delivery: 1, packetId: 5, message: messageOf(1) },
      { delivery: 2, packetId: 0 },
    ])
  },

  'after PUBREC only the identifier is kept, and after settling nothing': async place => {
    const { sessions } = await after(place, [
      OPENED,
      stored(1),
      queued(1, 1),
      queued(2, 1),
      sent(1, 1),
      { kind: 'received', delivery: 1, clientId: 'bob' },
      { kind: 'settled', delivery: 2, owner: BOB },
    ])
    is.match(sessions[0]?.deliveries, [{ delivery: 1, packetId: 1, message: null }])
    is.equal(sessions[0]?.deliveries.length, 1)
  },

  // [MQTT-4.6.0-4]
  'what waits for PUBCOMP comes back in the order of PUBREC, behind what waits for PUBREC':
    async place => {
      const { sessions } = await after(place, [
        OPENED,
        ...[1, 2, 3].flatMap(each => [stored(each), queued(each, each), sent(each, each)]),
        { kind: 'received', delivery: 2, clientId: 'bob' },
        { kind: 'received', delivery: 1, clientId: 'bob' },
      ])
      is.strictSame(
        sessions[0]?.deliveries.map(({ packetId }) => packetId),
        [3, 2, 1],
      )
    },

  'QoS 2 identifiers from a client come back until they are released': async place => {
    const { sessions } = await after(place, [
      OPENED,
      { kind: 'incoming-opened', clientId: 'bob', packetId: 5 },
      { kind: 'incoming-opened', clientId: 'bob', packetId: 6 },
      { kind: 'incoming-released', clientId: 'bob', packetId: 5 },
    ])
    is.strictSame(sessions[0]?.incoming, [6])
  },

  'retained messages come back whole, the last one of each topic': async place => {
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
    is.strictSame(retained, [messageOf(2, whole)])
  },

  'a session that ended is gone with all that was queued for it, and so is what nobody refers to':
    async place => {
      const { sessions, retained } = await after(place, [
        OPENED,
        stored(1),
        queued(1, 1),
        { kind: 'session-ended', clientId: 'bob' },
        { kind: 'settled', delivery: 1, owner: BOB },
      ])
      is.strictSame([sessions, retained], [[], []])
    },

  'a message that one owner settles at once can be queued for another in the same commit':
    async place => {
      const { sessions } = await after(place, [
        OPENED,
        stored(1),
        queued(1, 1, GROUP),
        { kind: 'settled', delivery: 1, owner: GROUP },
        queued(2, 1),
      ])
      is.match(sessions[0]?.deliveries, [{ delivery: 2, message: messageOf(1) }])
    },

  'the will of a client without a session comes back as well': async place => {
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
    is.match(sessions, [{ clientId: 'gone', expiryIntervalSeconds: 0, will: { topic: 'w' } }])
  },

  'names that are odd are kept as they are': async place => {
    const names = ['__proto__', '', '../../x', 'a\u0000b', '$share/g/a', 'x'.repeat(65_535)]
    const { sessions } = await after(
      place,
      names.map(
        clientId => ({ kind: 'session-opened', clientId, expiryIntervalSeconds: 1 }) as const,
      ),
    )
    is.strictSame(sessions.map(({ clientId }) => clientId).sort(), [...names].sort())
  },

  'a will that is delayed comes back with the time at which it is due': async place => {
    const will = {
      topic: 'w',
      payload: Buffer.from('x'),
      qos: 0,
      retain: false,
      properties: { willDelayInterval: 9 },
    } as const
    const { sessions } = await after(place, [
      { kind: 'will-set', clientId: 'late', will },
      { kind: 'will-delayed', clientId: 'late', at: 77 },
    ])
    is.match(sessions, [{ clientId: 'late', willAt: 77, will: { topic: 'w' } }])
  },

  'how a member of a share group wants it to choose comes back': async place => {
    const subscription = {
      filter: '$share/g/a',
      topicFilter: 'a',
      shareName: 'g',
      qos: 1,
      noLocal: false,
      retainAsPublished: false,
      retainHandling: 0,
      identifier: 0,
      strategy: 'weighted',
      weight: 3,
    } as const
    const { sessions } = await after(place, [
      OPENED,
      { kind: 'subscribed', clientId: 'bob', subscription },
    ])
    is.strictSame(sessions[0]?.subscriptions, [subscription])
  },

  'a long waiting line comes back page by page, and a snapshot may have its first': async place => {
    const count = 3_000
    const store = place.store()
    await store.open()
    await committed(store, OPENED)
    for (let first = 1; first <= count; first += 100) {
      const numbers = Array.from({ length: 100 }, (_, index) => first + index)
      await committed(store, ...numbers.flatMap(number => [stored(number), queued(number, number)]))
    }
    await committed(store, { kind: 'settled', delivery: 2_000, owner: BOB })
    const read: number[] = []
    for (;;) {
      const page = await pageOf(store, BOB, read.at(-1) ?? 0)
      if (page.length === 0) break
      for (const { delivery, message } of page) {
        is.strictSame(message, messageOf(delivery))
        read.push(delivery)
      }
    }
    await store.close()
    const expected = Array.from({ length: count }, (_, index) => index + 1)
    is.strictSame(
      read,
      expected.filter(number => number !== 2_000),
    )

    const next = place.store()
    const { sessions } = await next.open()
    const { deliveries, remainder } = sessions[0] ?? { deliveries: [], remainder: null }
    is.strictSame(
      deliveries.map(({ delivery }) => delivery),
      expected.slice(0, deliveries.length),
    )
    is.equal(deliveries.length + (remainder?.messages ?? 0), count - 1)
    const followers = await pageOf(next, BOB, deliveries.length)
    is.equal(followers[0]?.delivery, deliveries.length + 1)
    await next.close()
  },

  'nobody waits, so a page is empty': async place => {
    const store = place.store()
    await store.open()
    await committed(store, OPENED, stored(1), queued(1, 1), sent(1, 1))
    is.strictSame(await pageOf(store, BOB, 0), [])
    is.strictSame(await pageOf(store, LOST, 0), [])
    is.strictSame(await pageOf(store, GROUP, 0), [])
    await store.close()
  },

  'what is recorded while a commit is outstanding belongs to the next': async place => {
    const store = place.store()
    await store.open()
    store.record(OPENED)
    const first = committed(store)
    store.record(stored(1))
    await first
    store.record(queued(1, 1))
    await committed(store)
    // This change is never committed.
    store.record(stored(2))
    store.record(queued(2, 2))
    await store.close()
    const next = place.store()
    const { sessions } = await wholeOf(next)
    await next.close()
    is.match(sessions[0]?.deliveries, [{ delivery: 1, message: messageOf(1) }])
  },

  'commits are in order, and each is whole': async place => {
    const store = place.store()
    await store.open()
    const order: number[] = []
    for (let count = 1; count <= 50; count++) {
      await new Promise<void>(resolve => {
        store.record(stored(count))
        store.record({ kind: 'retained-set', topic: 'a', sequence: count })
        store.commit(error => {
          is.equal(error, null)
          order.push(count)
          resolve()
        })
      })
    }
    await store.close()
    const next = place.store()
    const { retained, lastSequence } = await next.open()
    await next.close()
    is.strictSame(
      order,
      Array.from({ length: 50 }, (_, index) => index + 1),
    )
    is.strictSame([retained.length, retained[0]?.sequence, lastSequence], [1, 50, 50])
  },

  'a second opening while the first is open is refused with a sentence, or the first commits nothing more':
    async place => {
      const store = place.store()
      await store.open()
      const second = place.store()
      const opening = second.open()
      const isRefused = await opening.then(
        () => false,
        () => true,
      )
      if (isRefused) await is.rejects(opening, /\w+ \w+/)
      else {
        await is.rejects(committed(store, OPENED), /\w+ \w+/)
        await second.close()
      }
      await store.close()
    },
}
