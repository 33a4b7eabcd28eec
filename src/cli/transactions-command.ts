// `pondhawk transactions`: the prepared transactions of a running broker, and how one is decided in place of its client.

import type { TransactionRow } from '../api/contract/transactions.ts'
import type { Config } from '../config/config-types.ts'
import { answerOf, rowsOf } from './admin-client.ts'
import type { Words } from './flags.ts'
import { shownName } from './shown-name.ts'
import { jsonLines, table } from './table.ts'
import { usageOf } from './usage-error.ts'
import type { CommandOutput } from './user-command.ts'

const path = '/transactions'

/** Throws UsageError, or an error with a sentence. */
export async function transactionsCommand(words: Words, config: Config): Promise<CommandOutput> {
  const [verb = 'list', clientId, id, more] = words.positionals
  if (verb === 'list' && clientId === undefined) return list(words.values['json'] === true, config)
  const isDecision = verb === 'commit' || verb === 'abort'
  if (isDecision && clientId !== undefined && id !== undefined && more === undefined) {
    return decide(verb, { clientId, id }, config)
  }
  throw usageOf('transactions')(
    'pondhawk transactions takes list, commit CLIENT_ID ID, or abort CLIENT_ID ID.',
  )
}

async function list(isJson: boolean, config: Config): Promise<CommandOutput> {
  const rows = await rowsOf<TransactionRow>(config, path)
  if (isJson) {
    return { output: jsonLines(rows), note: '' }
  }
  const cells = rows.map(({ clientId, id, messages, settles, preparedAt, decideBy }) => [
    shownName(clientId),
    id,
    String(messages),
    String(settles),
    preparedAt,
    decideBy,
  ])
  const headings = ['CLIENT', 'ID', 'MESSAGES', 'SETTLES', 'PREPARED', 'ABORTED AT']
  const count = rows.length.toLocaleString('en')
  const note = `${count} prepared ${rows.length === 1 ? 'transaction' : 'transactions'}\n`
  return { output: table([headings, ...cells], 2), note }
}

async function decide(
  verb: 'commit' | 'abort',
  body: { readonly clientId: string; readonly id: string },
  config: Config,
): Promise<CommandOutput> {
  const answer = await answerOf(config, { method: 'POST', path: `${path}/${verb}`, body })
  const { decided } = JSON.parse(answer) as { readonly decided: number }
  const which = `prepared transaction ${shownName(body.id)} of ${shownName(body.clientId)}`
  if (decided === 0) throw new Error(`there is no ${which}`)
  return { output: '', note: `the ${which} is ${verb === 'commit' ? 'committed' : 'aborted'}\n` }
}
