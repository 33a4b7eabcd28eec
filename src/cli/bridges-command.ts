// `pondhawk bridges`: the bridges of a running broker to others, and how they are.

import type { BridgeRow } from '../api/contract/administration.ts'
import type { Config } from '../config/config-types.ts'
import { answerOf } from './admin-client.ts'
import type { Words } from './flags.ts'
import { shownName, shownSentence } from './shown-name.ts'
import { jsonLines, table } from './table.ts'
import { usageOf } from './usage-error.ts'
import type { CommandOutput } from './user-command.ts'

/** Throws UsageError, or an error with a sentence. */
export async function bridgesCommand(
  { values, positionals }: Words,
  config: Config,
): Promise<CommandOutput> {
  if (positionals.length > 0) throw usageOf('bridges')('pondhawk bridges takes flags only.')
  // Answers come from the broker itself, so their form is not checked.
  const { items } = JSON.parse(await answerOf(config, { path: '/bridges' })) as {
    readonly items: readonly BridgeRow[]
  }
  const connected = items.filter(({ state }) => state === 'connected').length
  const note = `${connected} of ${items.length} ${items.length === 1 ? 'bridge' : 'bridges'} connected\n`
  if (values['json'] === true) {
    return { output: jsonLines(items), note }
  }
  const rows = items.map(bridge => [
    shownName(bridge.name),
    bridge.state,
    bridge.since,
    bridge.address,
    String(bridge.queuedMessages),
    String(bridge.messagesSent),
    String(bridge.messagesReceived),
    bridge.cause === null ? '' : shownSentence(bridge.cause),
  ])
  const headings = ['BRIDGE', 'STATE', 'SINCE', 'ADDRESS', 'QUEUED', 'SENT', 'RECEIVED', 'CAUSE']
  return { output: table([headings, ...rows]), note }
}
