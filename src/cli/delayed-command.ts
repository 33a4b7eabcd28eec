// `pondhawk delayed`: the delayed messages of a running broker, and how one is cancelled.

import type { DelayedRow } from '../api/contract/delayed.ts'
import type { Config } from '../config/config-types.ts'
import { answerOf, rowsOf } from './admin-client.ts'
import type { Words } from './flags.ts'
import { shownName } from './shown-name.ts'
import { jsonLines, table } from './table.ts'
import { usageOf } from './usage-error.ts'
import type { CommandOutput } from './user-command.ts'

const path = '/delayed'

/** Throws UsageError, or an error with a sentence. */
export async function delayedCommand(words: Words, config: Config): Promise<CommandOutput> {
  const [verb = 'list', id, more] = words.positionals
  if (verb === 'list' && id === undefined) return list(words.values['json'] === true, config)
  if (verb === 'cancel' && id !== undefined && more === undefined) return cancel(id, config)
  throw usageOf('delayed')('pondhawk delayed takes list, or cancel ID.')
}

async function list(isJson: boolean, config: Config): Promise<CommandOutput> {
  const rows = await rowsOf<DelayedRow>(config, path)
  if (isJson) {
    return { output: jsonLines(rows), note: '' }
  }
  const cells = rows.map(({ id, dueAt, topic, publisher, payloadBytes }) => [
    String(id),
    dueAt,
    shownName(topic),
    publisher === null ? '' : shownName(publisher),
    String(payloadBytes),
  ])
  const headings = ['ID', 'DUE', 'TOPIC', 'PUBLISHER', 'BYTES']
  const count = rows.length.toLocaleString('en')
  const note = `${count} delayed ${rows.length === 1 ? 'message' : 'messages'}\n`
  return { output: table([headings, ...cells], 4), note }
}

async function cancel(id: string, config: Config): Promise<CommandOutput> {
  if (!/^[1-9][0-9]{0,15}$/.test(id)) {
    throw usageOf('delayed')('pondhawk delayed cancel takes the ID of pondhawk delayed list.')
  }
  const answer = await answerOf(config, { method: 'DELETE', path, query: { id } })
  const { deleted } = JSON.parse(answer) as { readonly deleted: number }
  if (deleted === 0) throw new Error(`there is no delayed message ${id}`)
  return { output: '', note: `the delayed message ${id} is cancelled\n` }
}
