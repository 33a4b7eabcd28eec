// `pondhawk groups`: the share groups of a running broker, the members of one, and what is set for them.

import { setTimeout as sleep } from 'node:timers/promises'
import type { GroupDetail, GroupMember, GroupRow } from '../api/contract/administration.ts'
import type { Config } from '../config/config-types.ts'
import { parseFilter } from '../routing/topic.ts'
import { answerOf } from './admin-client.ts'
import type { Words } from './flags.ts'
import { shownName } from './shown-name.ts'
import { jsonLines, table } from './table.ts'
import type { CommandOutput } from './user-command.ts'
import { type UsageError, usageOf } from './usage-error.ts'

/** How often `drain` asks whether the client has settled all that it had. */
const DRAIN_POLL_MS = 250

/** Throws UsageError, or an error with a sentence. */
export async function groupsCommand(words: Words, config: Config): Promise<CommandOutput> {
  const { values, positionals } = words
  const [verb, ...names] = positionals
  if (verb === 'set') return setGroup(names, values, config)
  if (verb === 'drain' || verb === 'undrain') return drainMember(verb, names, values, config)
  if (verb === 'reset') return resetGroup(names, values, config)
  if (names.length > 0) throw usage('takes one group, or set, drain, undrain or reset.')
  const isJson = values['json'] === true
  return verb === undefined ? allGroups(isJson, config) : oneGroup(verb, values, config)
}

async function setGroup(
  [name, clientId, more]: readonly string[],
  { strategy, weight, json, where }: Words['values'],
  config: Config,
): Promise<CommandOutput> {
  const query = groupNamed(name, where, 'set')
  if (more !== undefined) throw usage('set takes a group, and perhaps one client id.')
  if (clientId === undefined) {
    if (typeof strategy !== 'string') throw usage('set NAME/FILTER needs --strategy NAME.')
    const body = { strategy }
    const answer = await answerOf(config, { method: 'PUT', path: '/group', query, body })
    const { strategySource } = JSON.parse(answer) as GroupDetail
    const note = `${shownGroup(query)} chooses by ${strategy} now (${strategySource})\n`
    return { output: json === true ? answer : '', note }
  }
  if (typeof weight !== 'string' || !/^\d{1,4}$/.test(weight)) {
    throw usage('set NAME/FILTER CLIENT_ID needs --weight N, from 1 to 1000.')
  }
  const answer = await setMember(config, query, clientId, { weight: Number(weight) })
  const { weight: counts } = JSON.parse(answer) as GroupMember
  const isUnused = counts !== Number(weight)
  const note = `${shownName(clientId)} has the weight ${weight} now${isUnused ? ', which counts when the strategy is weighted' : ''}\n`
  return { output: json === true ? answer : '', note }
}

async function drainMember(
  verb: 'drain' | 'undrain',
  [name, clientId, more]: readonly string[],
  values: Words['values'],
  config: Config,
): Promise<CommandOutput> {
  const query = groupNamed(name, values['where'], verb)
  if (clientId === undefined || more !== undefined) {
    throw usage(`${verb} takes a group and a client id.`)
  }
  const isDrained = verb === 'drain'
  const isJson = values['json'] === true
  let answer = await setMember(config, query, clientId, { isDrained })
  let { inFlight } = JSON.parse(answer) as GroupMember
  const who = shownName(clientId)
  if (!isDrained) {
    return { output: isJson ? answer : '', note: `${who} gets messages again\n` }
  }
  while (inFlight > 0 && values['no-wait'] !== true) {
    await sleep(DRAIN_POLL_MS)
    const group = JSON.parse(await answerOf(config, { path: '/group', query })) as GroupDetail
    const member = group.clients.find(each => each.clientId === clientId)
    // It has left, and its messages went back to the group.
    if (member === undefined) break
    inFlight = member.inFlight
    answer = `${JSON.stringify(member)}\n`
  }
  const rest = inFlight > 0 ? `, and still has ${inFlight} to settle` : ', and has settled all'
  return { output: isJson ? answer : '', note: `${who} gets no new messages${rest}\n` }
}

async function resetGroup(
  [name, more]: readonly string[],
  { where }: Words['values'],
  config: Config,
): Promise<CommandOutput> {
  const query = groupNamed(name, where, 'reset')
  if (more !== undefined) throw usage('reset takes one group.')
  const path = '/group/settings'
  const { deleted } = JSON.parse(await answerOf(config, { method: 'DELETE', path, query })) as {
    readonly deleted: number
  }
  const what = deleted > 0 ? 'is as the configuration and the clients say' : 'had no settings'
  return { output: '', note: `${shownGroup(query)} ${what}\n` }
}

interface GroupQuery extends Readonly<Record<string, string>> {
  readonly shareName: string
  readonly filter: string
}

function setMember(
  config: Config,
  group: GroupQuery,
  clientId: string,
  body: { readonly weight?: number; readonly isDrained?: boolean },
): Promise<string> {
  const query = { ...group, clientId }
  return answerOf(config, { method: 'PUT', path: '/group/member', query, body })
}

function groupNamed(
  name: string | undefined,
  where: string | boolean | undefined,
  verb = '',
): GroupQuery {
  const found = parseFilter(name?.startsWith('$share/') === true ? name : `$share/${name ?? ''}`)
  if (name === undefined || found === null || found.shareName === null) {
    const said = name === undefined ? '' : `, and not ${JSON.stringify(name)}`
    throw usage(`${verb === '' ? '' : `${verb} `}takes a group as NAME/FILTER${said}.`)
  }
  const { shareName, topicFilter: filter } = found
  return typeof where === 'string' ? { shareName, filter, where } : { shareName, filter }
}

function shownGroup({ shareName, filter }: GroupQuery): string {
  return shownName(`$share/${shareName}/${filter}`)
}

async function allGroups(isJson: boolean, config: Config): Promise<CommandOutput> {
  // Answers come from the broker itself, so their form is not checked.
  const { items, total } = JSON.parse(await answerOf(config, { path: '/groups' })) as {
    readonly items: readonly GroupRow[]
    readonly total: number
  }
  const rows = items.map(row => [
    shownName(row.shareName),
    shownName(row.filter) + (row.where === null ? '' : ` where ${shownName(row.where)}`),
    row.strategy,
    `${row.membersConnected} of ${row.members}`,
    String(row.queuedMessages),
    String(row.queuedBytes),
  ])
  const headings = ['GROUP', 'FILTER', 'STRATEGY', 'CONNECTED', 'QUEUED', 'BYTES']
  const all = `${total.toLocaleString('en')} ${total === 1 ? 'group' : 'groups'}`
  return {
    output: isJson ? jsonLines(items) : table([headings, ...rows], 3),
    note:
      items.length < total ? `the ${items.length} with the longest queues of ${all}\n` : `${all}\n`,
  }
}

async function oneGroup(
  name: string,
  { json, where }: Words['values'],
  config: Config,
): Promise<CommandOutput> {
  const query = groupNamed(name, where)
  const group = JSON.parse(await answerOf(config, { path: '/group', query })) as GroupDetail
  const rows = group.clients.map(({ clientId, state, isDrained, weight, qos, inFlight }) => [
    shownName(clientId),
    isDrained ? `${state}, drained` : state,
    ...[weight, qos, inFlight].map(String),
  ])
  const headings = ['CLIENT', 'STATE', 'WEIGHT', 'QOS', 'IN FLIGHT']
  const note = `${group.strategy}, ${group.queuedMessages.toLocaleString('en')} messages wait\n`
  return { output: json === true ? jsonLines([group]) : table([headings, ...rows], 2), note }
}

function usage(sentence: string): UsageError {
  return usageOf('groups')(`pondhawk groups ${sentence}`)
}
