// Share groups and their members, and what an operator sets for them.

import type { GroupName } from '../../broker/share-overrides.ts'
import type { ShareGroup } from '../../session/share-group/share-group.ts'
import type { ShareMember } from '../../session/share-group/share-member.ts'
import {
  type GroupDetail,
  type GroupMember,
  type GroupRow,
  groupDetail,
  groupMember,
  groupQuery,
  groupRequest,
  groupsAnswer,
  groupSettingsAnswer,
  memberQuery,
  memberRequest,
} from '../contract/administration.ts'
import { deletedAnswer } from '../contract/clients.ts'
import { PAGE_MAX } from '../contract/fields.ts'
import type { ApiParts } from '../parts.ts'
import { Problem } from '../problem.ts'
import { OPERATORS, READERS, type Route, route } from '../route.ts'

const CLIENTS_MAX = 1_000

export function groupRoutes(parts: ApiParts): readonly Route[] {
  return [...lookingRoutes(parts), ...changingRoutes(parts)]
}

function lookingRoutes(parts: ApiParts): readonly Route[] {
  const { groups } = parts.core.broker.subscriptions
  return [
    route({
      method: 'GET',
      path: '/groups',
      roles: READERS,
      summary: `Share groups, those with the longest queues first; ${PAGE_MAX} at most`,
      answer: groupsAnswer,
      handle() {
        const rows = [...groups.all].map(group => rowOf(parts, group))
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
      handle: ({ query }) => detailOf(parts, query),
    }),
    route({
      method: 'GET',
      path: '/group/settings',
      roles: READERS,
      summary:
        'What operators have set for share groups at run time, also for those without a member',
      answer: groupSettingsAnswer,
      handle: () => ({
        survivesRestart: parts.shareSettings.isKept,
        items: groups.overrides.all.map(({ strategy, members, ...name }) => ({
          ...{ shareName: name.shareName, filter: name.topicFilter, where: name.where ?? null },
          ...{ strategy, members: [...members] },
          isPresent: groups.get(name) !== null,
        })),
      }),
    }),
  ]
}

function changingRoutes(parts: ApiParts): readonly Route[] {
  const { commands } = parts.core
  return [
    route({
      method: 'PUT',
      path: '/group',
      roles: OPERATORS,
      summary:
        'Changes how a share group chooses. Messages in flight stay; queued ones keep their order',
      query: groupQuery,
      body: groupRequest,
      answer: groupDetail,
      async handle({ query, body: { strategy } }) {
        check(await commands.setStrategy(nameOf(query), strategy), NO_GROUP)
        keep(parts)
        return detailOf(parts, query)
      },
    }),
    route({
      method: 'PUT',
      path: '/group/member',
      roles: OPERATORS,
      summary: 'Changes the weight of a member, or whether it gets new messages',
      query: memberQuery,
      body: memberRequest,
      answer: groupMember,
      async handle({ query, body: { weight, isDrained } }) {
        const change = {
          ...(weight !== undefined && { weight }),
          ...(isDrained !== undefined && { isDrained }),
        }
        check(await commands.setMember(nameOf(query), query.clientId, change), NO_MEMBER)
        keep(parts)
        const member = groupNamed(parts, query).memberOf(query.clientId)
        if (member === undefined) throw new Problem(404, NO_MEMBER)
        return memberRow(member)
      },
    }),
    route({
      method: 'DELETE',
      path: '/group/settings',
      roles: OPERATORS,
      summary: 'Forgets what was set for a share group and its members at run time',
      query: groupQuery,
      answer: deletedAnswer,
      async handle({ query }) {
        const isDone = await commands.resetGroup(nameOf(query))
        if (isDone) keep(parts)
        return { deleted: isDone ? 1 : 0 }
      },
    }),
  ]
}

const NO_GROUP = 'there is no such share group: it ends with its last member'
const NO_MEMBER = 'the share group has no such member: it leaves with its subscription'

/** Throws Problem. */
function check(outcome: 'done' | 'unknown' | 'no-room', unknown: string): void {
  if (outcome === 'done') return
  if (outcome === 'unknown') throw new Problem(404, unknown)
  throw new Problem(
    409,
    'too many groups and members have settings: remove those of groups that are gone (group/settings)',
  )
}

/** Throws Problem. */
function keep({ shareSettings }: ApiParts): void {
  if (shareSettings.keep()) return
  throw new Problem(
    507,
    'the change is in use, but ends with a restart, because it cannot be stored: the log says why',
  )
}

interface Named {
  readonly shareName: string
  readonly filter: string
  readonly where?: string | undefined
}

function nameOf({ shareName, filter, where }: Named): GroupName {
  return { shareName, topicFilter: filter, ...(where !== undefined && { where }) }
}

/** Throws Problem. */
function groupNamed({ core }: ApiParts, name: Named): ShareGroup {
  const group = core.broker.subscriptions.groups.get(nameOf(name))
  if (group !== null) return group
  throw new Problem(404, NO_GROUP)
}

function detailOf(parts: ApiParts, name: Named): GroupDetail {
  const group = groupNamed(parts, name)
  const clients = [...group.members].slice(0, CLIENTS_MAX).map(memberRow)
  return { ...rowOf(parts, group), clients }
}

function memberRow(member: ShareMember): GroupMember {
  return {
    clientId: member.clientId,
    state: member.isHere ? 'connected' : 'away',
    weight: member.weight,
    isDrained: member.isDrained,
    qos: member.subscription.qos,
    inFlight: member.inFlightOfGroup,
  }
}

function rowOf({ core }: ApiParts, group: ShareGroup): GroupRow {
  const { owner, queue, memberCount, chosen } = group
  const members = [...group.members]
  return {
    shareName: owner.shareName,
    filter: owner.topicFilter,
    where: owner.where ?? null,
    strategy: chosen.name,
    strategySource: core.broker.subscriptions.groups.sourceOf(group),
    members: memberCount,
    membersConnected: members.filter(({ isHere }) => isHere).length,
    membersDrained: members.filter(({ isDrained }) => isDrained).length,
    queuedMessages: queue.messages,
    queuedBytes: queue.bytes,
  }
}
