// `pondhawk status`, `pondhawk kick` and `pondhawk drain`, which need a running broker.

import { setTimeout as wait } from 'node:timers/promises'
import { DRAIN_SECONDS_MAX, type DrainAnswer } from '../api/contract/drain.ts'
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
  { values, positionals: [clientId, more] }: Words,
  config: Config,
): Promise<CommandOutput> {
  const refuseSeconds = Number(values['refuse'] ?? 0)
  if (clientId === undefined || more !== undefined) {
    throw new UsageError('pondhawk kick takes one client id. Try pondhawk kick --help.')
  }
  const question = {
    method: 'POST',
    path: '/client/disconnect',
    body: { clientId, refuseSeconds },
  } as const
  const answer = JSON.parse(await answerOf(config, question)) as { disconnected: number }
  if (answer.disconnected > 0 || refuseSeconds > 0) {
    const output = values['json'] === true ? `${JSON.stringify(answer)}\n` : ''
    const was = answer.disconnected > 0 ? 'is disconnected' : 'was not connected'
    const isKept = refuseSeconds > 0 ? `, and refused for ${refuseSeconds} s` : ''
    return { output, note: `${shownName(clientId)} ${was}${isKept}\n` }
  }
  throw new Error(`${shownName(clientId)} is not connected. Who is: pondhawk session list`)
}

const DRAIN_LOOK_MS = 1_000

/** Empties the broker before a planned stop, and waits until no client is connected. */
export async function drainCommand(
  { values: { seconds = '0', json } }: Words,
  config: Config,
): Promise<CommandOutput> {
  const isNumber = typeof seconds === 'string' && /^\d{1,5}$/.test(seconds)
  if (!isNumber || Number(seconds) > DRAIN_SECONDS_MAX) {
    throw new UsageError(
      `pondhawk drain takes --seconds, 0 to ${DRAIN_SECONDS_MAX}. Try pondhawk drain --help.`,
    )
  }
  const body = { seconds: Number(seconds) }
  const answer = await answerOf(config, { method: 'POST', path: '/drain', body })
  const { clientsConnected } = JSON.parse(answer) as DrainAnswer
  let left = clientsConnected
  while (left > 0) {
    process.stderr.write(`${left.toLocaleString('en')} clients are left\n`)
    await wait(DRAIN_LOOK_MS)
    left = (JSON.parse(await answerOf(config, { path: '/status' })) as Status).clientsConnected
  }
  const output = json === true ? `${JSON.stringify({ clientsConnected: left })}\n` : ''
  return { output, note: 'no client is connected any more: the broker can be stopped\n' }
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
