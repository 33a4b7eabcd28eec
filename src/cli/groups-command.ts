// `pondhawk groups`: the share groups of a running broker, or the members of one.

import type { GroupDetail, GroupRow } from '../api/contract/administration.ts'
import type { Config } from '../config/config-types.ts'
import { parseFilter } from '../routing/topic.ts'
import { answerOf } from './admin-client.ts'
import type { Words } from './flags.ts'
import { shownName, terminalSafe } from './shown-name.ts'
import { table } from './table.ts'
import type { CommandOutput } from './user-command.ts'
import { type UsageError, usageOf } from './usage-error.ts'

/** Throws UsageError, or an error with a sentence. */
export async function groupsCommand(
  { values, positionals: [group, more] }: Words,
  config: Config,
): Promise<CommandOutput> {
  if (more !== undefined) throw usage('takes one group.')
  const isJson = values['json'] === true
  return group === undefined ? allGroups(isJson, config) : oneGroup(group, isJson, config)
}

async function allGroups(isJson: boolean, config: Config): Promise<CommandOutput> {
  // Answers come from the broker itself, so their form is not checked.
  const { items, total } = JSON.parse(await answerOf(config, { path: '/groups' })) as {
    readonly items: readonly GroupRow[]
    readonly total: number
  }
  const rows = items.map(row => [
    shownName(row.shareName),
    shownName(row.filter),
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

async function oneGroup(name: string, isJson: boolean, config: Config): Promise<CommandOutput> {
  const found = parseFilter(name.startsWith('$share/') ? name : `$share/${name}`)
  if (found === null || found.shareName === null) {
    throw usage(`takes a group as NAME/FILTER, and not ${JSON.stringify(name)}.`)
  }
  const query = { shareName: found.shareName, filter: found.topicFilter }
  const group = JSON.parse(await answerOf(config, { path: '/group', query })) as GroupDetail
  const rows = group.clients.map(({ clientId, state, weight, qos, inFlight }) => [
    shownName(clientId),
    state,
    ...[weight, qos, inFlight].map(String),
  ])
  const headings = ['CLIENT', 'STATE', 'WEIGHT', 'QOS', 'IN FLIGHT']
  const note = `${group.strategy}, ${group.queuedMessages.toLocaleString('en')} messages wait\n`
  return { output: isJson ? jsonLines([group]) : table([headings, ...rows], 2), note }
}

function jsonLines(rows: readonly object[]): string {
  return rows.map(row => `${terminalSafe(JSON.stringify(row))}\n`).join('')
}

function usage(sentence: string): UsageError {
  return usageOf('groups')(`pondhawk groups ${sentence}`)
}
