// The rules of stores about delayed messages and about transactions.

import { is } from './checks.ts'
import { after, messageOf, queued, type StorePlace, stored } from './changes.ts'

export const HELD_RULES: Readonly<Record<string, (place: StorePlace) => Promise<void>>> = {
  'a delayed message comes back whole with its time and its key, until it is released':
    async place => {
      const { held, lastSequence } = await after(
        place,
        [
          stored(1),
          { kind: 'held', sequence: 1, due: 5_000, key: '' },
          stored(2),
          { kind: 'held', sequence: 2, due: 4_000, key: 'alice\0alarm' },
          stored(3),
          { kind: 'held', sequence: 3, due: 3_000, key: '' },
        ],
        [
          { kind: 'released', sequence: 1 },
          { kind: 'released', sequence: 9 },
        ],
      )

      is.strictSame(
        held.map(({ message, ...rest }) => [message.topic, message.payload, rest]),
        [2, 3].map(sequence => {
          const { topic, payload } = messageOf(sequence)
          const key = sequence === 2 ? 'alice\0alarm' : ''
          return [topic, payload, { due: 6_000 - 1_000 * sequence, key }]
        }),
      )
      is.strictSame(lastSequence, 3)
    },

  'the ids that clients gave their messages are kept with their times, until they are forgotten':
    async place => {
      const { messageIds } = await after(
        place,
        [
          { kind: 'message-identified', clientId: 'alice', id: 'a', at: 1_000 },
          { kind: 'message-identified', clientId: 'alice', id: 'b', at: 1_001 },
          { kind: 'message-identified', clientId: 'bob', id: 'b', at: 1_002 },
        ],
        [
          { kind: 'message-id-forgotten', clientId: 'alice', id: 'b' },
          { kind: 'message-id-forgotten', clientId: 'carol', id: 'b' },
          { kind: 'message-identified', clientId: 'alice', id: 'a', at: 2_000 },
        ],
      )

      is.strictSame(
        [...messageIds].sort((one, other) => one.at - other.at),
        [
          { clientId: 'bob', id: 'b', at: 1_002 },
          { clientId: 'alice', id: 'a', at: 2_000 },
        ],
      )
    },

  'how far the log of a partition is applied is kept, and what is owed to a partition':
    async place => {
      const reached = { kind: 'partition-reached', partition: 2, log: 2 ** 48, number: 7 } as const
      const partition = { kind: 'partition', partition: 1 } as const
      const { partitions = [], lastDelivery } = await after(
        place,
        [reached, { ...reached, partition: 3, log: 5, number: 1 }],
        [stored(1), queued(4, 1, partition), stored(2), queued(5, 2, partition)],
        [
          { kind: 'settled', delivery: 4, owner: partition },
          { ...reached, number: 9 },
        ],
      )

      is.strictSame(
        [...partitions]
          .sort((one, other) => one.partition - other.partition)
          .map(({ deliveries, partition: of, log, number }) => [
            { partition: of, log, number },
            deliveries.map(({ delivery }) => delivery),
          ]),
        [
          [{ partition: 1, log: 0, number: 0 }, [5]],
          [{ partition: 2, log: 2 ** 48, number: 9 }, []],
          [{ partition: 3, log: 5, number: 1 }, []],
        ],
      )
      is.strictSame(lastDelivery, 5)
    },

  'what a share group has handed to a partition is owed to that, and says whom it is for':
    async place => {
      const group = { kind: 'group', shareName: 'g', topicFilter: 'a' } as const
      const partition = { kind: 'partition', partition: 1 } as const
      const change = { owner: group, to: partition, handOuts: 0 } as const
      const { partitions = [], groups } = await after(
        place,
        [stored(1), queued(4, 1, group), stored(2), queued(5, 2, group)],
        [
          { kind: 'moved', ...change, delivery: 4, moved: 6, reason: 'alice\0g/a' },
          { kind: 'moved', ...change, delivery: 5, moved: 7, reason: 'bob\0g/a' },
        ],
        [{ kind: 'settled', delivery: 6, owner: partition }],
      )

      const owed = partitions.flatMap(({ deliveries }) =>
        deliveries.map(({ delivery, message, handOuts }) => ({
          ...{ delivery, payload: message?.payload, reason: handOuts?.reason },
        })),
      )
      is.strictSame(owed, [{ delivery: 7, payload: messageOf(2).payload, reason: 'bob\0g/a' }])
      is.strictSame(
        groups.flatMap(({ deliveries }) => deliveries),
        [],
      )
    },

  'what became of a transaction is kept until it is dropped, and the last word counts':
    async place => {
      const at = 1_700_000_000_000
      const prepared = {
        clientId: 'alice',
        name: 'orders',
        number: 9_007_199_254_740_991,
        count: 1_000,
        checksum: 9_007_199_254_740_990,
        outcome: 'prepared',
        at,
      } as const
      const aborted = { ...prepared, number: 8, outcome: 'aborted', count: 0 } as const
      const other = { ...aborted, clientId: 'bob' }
      const { decisions } = await after(
        place,
        [
          { kind: 'decided', ...prepared, dropped: null },
          { kind: 'decided', ...aborted, dropped: null },
          { kind: 'decided', ...other, dropped: null },
          { kind: 'decided', ...other, number: 10, dropped: null },
        ],
        [
          { kind: 'decision-dropped', clientId: 'bob', name: 'orders', number: 8 },
          { kind: 'decision-dropped', clientId: 'bob', name: 'orders', number: 9 },
          { kind: 'decided', ...prepared, outcome: 'committed', at: at + 1, dropped: null },
          { kind: 'decided', ...other, number: 11, dropped: 10 },
          { kind: 'decision-dropped', clientId: 'bob', name: 'orders', number: 11 },
        ],
      )

      is.strictSame(
        [...decisions].sort((one, other) => one.number - other.number),
        [aborted, { ...prepared, outcome: 'committed', at: at + 1 }],
      )
    },
}
