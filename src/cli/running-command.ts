// `pondhawk status` and `pondhawk kick`, which need a running broker.

import type { Config } from '../config/config-types.ts'
import { FIGURES, type Status } from '../observe/status.ts'
import { answerOf } from './admin-client.ts'
import { UsageError, type Words } from './flags.ts'
import { shownName } from './shown-name.ts'
import type { CommandOutput } from './user-command.ts'

/** Throws an error with a sentence when no broker runs. */
export async function statusCommand({ values }: Words, config: Config): Promise<CommandOutput> {
  const answer = await answerOf(config, { path: '/status' })
  if (values['json'] === true) return { output: answer, note: '' }
  return { output: linesOf(JSON.parse(answer) as Status), note: '' }
}

/** Ends the connection of a client; its session stays. */
export async function kickCommand(
  { positionals: [clientId, more] }: Words,
  config: Config,
): Promise<CommandOutput> {
  if (clientId === undefined || more !== undefined) {
    throw new UsageError('pondhawk kick takes one client id. Try pondhawk kick --help.')
  }
  const question = { method: 'POST', path: '/client/disconnect', body: { clientId } } as const
  const answer = JSON.parse(await answerOf(config, question)) as { disconnected: number }
  if (answer.disconnected > 0) {
    return { output: '', note: `${shownName(clientId)} is disconnected\n` }
  }
  throw new Error(`${shownName(clientId)} is not connected. Who is: pondhawk session list`)
}

/** Counters by name; those above 0 are printed. */
const GROUPS = [
  ['Dropped', ({ dropped }: Status) => dropped],
  ['Limits reached', ({ limited }: Status) => limited],
  ['Because of overload', ({ overloadActions }: Status) => overloadActions],
] as const

function linesOf(status: Status): string {
  const rows = [
    ['Running for', `${status.uptimeSeconds} s`],
    [
      'Acknowledged means',
      status.durability + (status.storeIsFull ? ', but the disk is full' : ''),
    ],
    ...FIGURES.map(({ name, label }) => [label, status[name].toLocaleString('en')] as const),
    ...GROUPS.flatMap(([label, countsOf]) => {
      const counted = Object.entries(countsOf(status)).filter(([, count]) => count > 0)
      return counted.map(([name, count]) => [label, `${name} ${count}`] as const)
    }),
  ] as const
  const width = rows.reduce((most, [label]) => Math.max(most, label.length), 0)
  return rows.map(([label, value]) => `${label.padEnd(width)}  ${value}\n`).join('')
}
