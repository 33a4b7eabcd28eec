// The rules of stores about named queues.

import type { Change } from '../store/change.ts'
import { is } from './checks.ts'
import { after, OPENED, QUEUE, queued, sent, stored, type StorePlace } from './changes.ts'

const SET = { kind: 'queue-set', name: 'jobs', settings: '{"order":"fifo"}' } as const
const DEAD = { kind: 'queue', name: 'jobs.dead' } as const

export const QUEUE_RULES: Readonly<Record<string, (place: StorePlace) => Promise<void>>> = {
  'a named queue keeps its settings, also when nothing waits, until it is deleted': async place => {
    const first = await after(place, [SET], [{ ...SET, settings: '{}' }])
    is.strictSame(
      first.queues.map(({ name, settings }) => [name, settings]),
      [['jobs', '{}']],
    )

    const then = await after(place, [
      stored(1),
      inQueue(1, 1),
      { kind: 'queue-ended', name: 'jobs' },
      { kind: 'settled', delivery: 1, owner: QUEUE },
    ])
    is.strictSame(then.queues, [])
  },

  'a delivery of a named queue knows how often it was handed out, to whomever': async place => {
    const { queues, sessions } = await after(place, [
      OPENED,
      SET,
      ...[1, 2, 3].flatMap(each => [stored(each), inQueue(each, each)]),
      handedOut(1, 'bob'),
      { kind: 'returned', delivery: 1, clientId: 'bob', owner: QUEUE },
      handedOut(1, 'bob'),
      // A consumer without a stored session.
      handedOut(2, 'transient'),
    ])
    is.strictSame(
      queues[0]?.deliveries.map(({ delivery, handOuts }) => [delivery, handOuts?.count ?? 0]),
      [
        [2, 1],
        [3, 0],
      ],
    )
    is.match(sessions[0]?.deliveries, [{ delivery: 1, group: QUEUE, handOuts: { count: 2 } }])
  },

  'a delivery that is locked is out of its queue until it is settled or unlocked, and ends with the queue':
    async place => {
      const lock = { owner: QUEUE, clientId: 'bob', transaction: 't.1' } as const
      const { queues, locked } = await after(
        place,
        [
          SET,
          ...[1, 2, 3, 4].flatMap(each => [stored(each), inQueue(each, each)]),
          handedOut(2, ''),
          ...[1, 2, 3].map(delivery => ({ kind: 'locked', delivery, ...lock }) as const),
        ],
        [
          { kind: 'settled', delivery: 1, owner: QUEUE },
          { kind: 'unlocked', delivery: 3, owner: QUEUE },
          { kind: 'unlocked', delivery: 4, owner: QUEUE },
        ],
      )
      is.strictSame(
        queues[0]?.deliveries.map(({ delivery }) => delivery),
        [3, 4],
      )
      is.match(locked, [
        { clientId: 'bob', transaction: 't.1', delivery: { delivery: 2, handOuts: { count: 1 } } },
      ])

      const then = await after(place, [{ kind: 'queue-ended', name: 'jobs' }])
      is.strictSame(then.locked, [])
    },

  'a dead letter waits at the end of another queue, with its reason, and comes back without':
    async place => {
      const dead = { kind: 'moved', owner: QUEUE, to: DEAD, reason: 'expired' } as const
      const back = { kind: 'moved', owner: DEAD, to: QUEUE, reason: '', handOuts: 0 } as const
      const { queues, lastDelivery } = await after(place, [
        SET,
        { ...SET, name: 'jobs.dead' },
        ...[1, 2, 3].flatMap(each => [stored(each), inQueue(each, each)]),
        { ...dead, delivery: 1, moved: 4, handOuts: 16 },
        { ...dead, delivery: 2, moved: 5, handOuts: 0 },
        handedOut(4, 'transient', DEAD),
        { ...back, delivery: 5, moved: 6 },
      ])
      is.strictSame(lastDelivery, 6)
      is.strictSame(
        queues
          .toSorted((one, other) => one.name.localeCompare(other.name))
          .map(({ deliveries }) => deliveries.map(each => [each.delivery, each.handOuts])),
        [
          [
            [3, null],
            [6, null],
          ],
          [[4, { count: 16, reason: 'expired', queue: 'jobs' }]],
        ],
      )
    },
}

function inQueue(delivery: number, sequence: number): Change {
  return { ...queued(delivery, sequence, QUEUE), qos: 1 } as Change
}

function handedOut(
  delivery: number,
  clientId: string,
  owner: typeof QUEUE | typeof DEAD = QUEUE,
): Change {
  return { ...sent(delivery, 1, owner, clientId), qos: 1 } as Change
}
