// The rules of stores about share groups.

import type { Change } from '../store/change.ts'
import { is } from './checks.ts'
import { after, GROUP, OPENED, queued, sent, stored, type StorePlace } from './changes.ts'

export const GROUP_RULES: Readonly<Record<string, (place: StorePlace) => Promise<void>>> = {
  'a group keeps what is queued there, gets back what a member returns, and what a lost member had at QoS 1':
    async place => {
      const { groups, sessions } = await after(place, [
        OPENED,
        stored(1),
        queued(1, 1, GROUP),
        queued(2, 1, GROUP),
        { ...queued(3, 1, GROUP), qos: 1 } as Change,
        queued(4, 1, GROUP),
        sent(1, 1, GROUP),
        { kind: 'returned', delivery: 1, clientId: 'bob', owner: GROUP },
        sent(2, 2, GROUP),
        // A member without a stored session.
        { ...sent(3, 1, GROUP, 'transient'), qos: 1 } as Change,
        sent(4, 2, GROUP, 'transient'),
      ])
      is.strictSame(
        groups.map(({ shareName, topicFilter }) => [shareName, topicFilter]),
        [['g', 'jobs/#']],
      )
      is.strictSame(
        groups[0]?.deliveries.map(({ delivery, packetId }) => [delivery, packetId]),
        [
          [1, 0],
          [3, 0],
        ],
      )
      is.match(sessions[0]?.deliveries, [
        { delivery: 2, packetId: 2, group: { shareName: 'g', topicFilter: 'jobs/#' } },
      ])
    },

  'what a member of a group was sent bears its QoS, RETAIN and identifier until it is returned':
    async place => {
      const asQueued = { qos: 2, retain: true, identifiers: [] } as const
      const asSent = { qos: 1, retain: false, identifiers: [9] } as const
      const { groups, sessions } = await after(
        place,
        [OPENED, stored(1), stored(2)],
        [1, 2].flatMap(each => [
          stored(each),
          { ...queued(each, each, GROUP), ...asQueued } as Change,
          { ...sent(each, each, GROUP), ...asSent } as Change,
        ]),
        [{ kind: 'returned', delivery: 2, clientId: 'bob', owner: GROUP }],
      )
      is.match(sessions[0]?.deliveries, [{ delivery: 1, packetId: 1, ...asSent }])
      is.equal(groups[0]?.deliveries.length, 1)
      is.match(groups[0]?.deliveries, [{ delivery: 2, packetId: 0, qos: 2, retain: true }])
      is.strictSame(groups[0]?.deliveries[0]?.identifiers, [])
    },

  'what a group sent is what its member subscribed to: a lower QoS comes back, and is not given up':
    async place => {
      const { groups, sessions } = await after(place, [
        OPENED,
        stored(1),
        { ...queued(1, 1, GROUP), retain: true } as Change,
        queued(2, 1, GROUP),
        { ...sent(1, 1, GROUP), qos: 1 } as Change,
        { ...sent(2, 1, GROUP, 'transient'), qos: 1 } as Change,
      ])
      is.match(sessions[0]?.deliveries, [{ delivery: 1, packetId: 1, qos: 1, retain: false }])
      is.match(groups[0]?.deliveries, [{ delivery: 2, packetId: 0 }])
    },

  'a group that has ended has nothing queued any more': async place => {
    const { groups } = await after(place, [
      stored(1),
      queued(1, 1, GROUP),
      queued(2, 1, GROUP),
      { kind: 'group-ended', owner: GROUP },
      { kind: 'settled', delivery: 1, owner: GROUP },
    ])
    is.strictSame(groups, [])
  },
}
