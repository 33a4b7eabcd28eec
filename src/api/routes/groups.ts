// Share groups and their members.

import type { ShareGroup } from '../../session/share-group.ts'
import {
  type GroupRow,
  groupDetail,
  groupQuery,
  groupsAnswer,
  weightAnswer,
  weightRequest,
} from '../contract/administration.ts'
import { PAGE_MAX } from '../contract/fields.ts'
import type { ApiParts } from '../parts.ts'
import { Problem } from '../problem.ts'
import { OPERATORS, READERS, type Route, route } from '../route.ts'

const CLIENTS_MAX = 1_000

export function groupRoutes({ core }: ApiParts): readonly Route[] {
  const { groups } = core.broker.subscriptions
  const groupNamed = (shareName: string, filter: string): ShareGroup => {
    const group = groups.get(shareName, filter)
    if (group !== null) return group
    throw new Problem(404, 'there is no such share group: it ends with its last member')
  }
  return [
    route({
      method: 'GET',
      path: '/groups',
      roles: READERS,
      summary: `Share groups, those with the longest queues first; ${PAGE_MAX} at most`,
      answer: groupsAnswer,
      handle() {
        const rows = [...groups.all].map(rowOf)
        rows.sort((one, other) => other.queuedMessages - one.queuedMessages)
        return { items: rows.slice(0, PAGE_MAX), total: rows.length }
      },
    }),
    route({
      method: 'GET',
      path: '/group',
      roles: READERS,
      summary: `One share group with its members; ${CLIENTS_MAX} at most`,
      query: groupQuery,
      answer: groupDetail,
      handle({ query: { shareName, filter } }) {
        const group = groupNamed(shareName, filter)
        const clients = [...group.members].slice(0, CLIENTS_MAX).map(member => ({
          clientId: member.clientId,
          state: member.isHere ? ('connected' as const) : ('away' as const),
          weight: member.weight,
          qos: member.subscription.qos,
          inFlight: member.inFlightOfGroup,
        }))
        return { ...rowOf(group), clients }
      },
    }),
    route({
      method: 'PUT',
      path: '/group/weight',
      roles: OPERATORS,
      summary:
        'Changes the weight of a member, for the weighted strategy, until it subscribes again',
      body: weightRequest,
      answer: weightAnswer,
      async handle({ body: { shareName, filter, clientId, weight } }) {
        groupNamed(shareName, filter)
        const isDone = await core.commands.setWeight({ shareName, filter }, clientId, weight)
        return { changed: isDone ? 1 : 0 }
      },
    }),
  ]
}

function rowOf(group: ShareGroup): GroupRow {
  const { owner, queue, memberCount, members, chosen } = group
  return {
    shareName: owner.shareName,
    filter: owner.topicFilter,
    strategy: chosen.name,
    members: memberCount,
    membersConnected: [...members].filter(({ isHere }) => isHere).length,
    queuedMessages: queue.messages,
    queuedBytes: queue.bytes,
  }
}
