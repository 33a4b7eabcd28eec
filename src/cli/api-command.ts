// `pondhawk dashboard` and `pondhawk key …`: who may use the dashboard and the REST API of a running broker.

import type { KeyAnswer, KeysAnswer, LinkAnswer } from '../api/contract/sign-in.ts'
import type { Config } from '../config/config-types.ts'
import { answerOf } from './admin-client.ts'
import type { Words } from './flags.ts'
import { shownName } from './shown-name.ts'
import { table } from './table.ts'
import type { CommandOutput } from './user-command.ts'
import { UsageError, usageOf } from './usage-error.ts'

const usage = usageOf('key')

/** Prints a link that signs a browser in once. */
export async function dashboardCommand(
  { values, positionals }: Words,
  config: Config,
): Promise<CommandOutput> {
  if (positionals.length > 0) throw new UsageError('pondhawk dashboard takes flags only.')
  const role = values['role'] ?? 'operator'
  const answer = await answerOf(config, { method: 'POST', path: '/sign-ins', body: { role } })
  const { url, expiresAt } = JSON.parse(answer) as LinkAnswer
  if (!url.startsWith('http')) {
    throw new Error('no listener has protocol: ws, so nothing serves the dashboard')
  }
  if (values['json'] === true) return { output: answer, note: '' }
  return { output: `${url}\n`, note: `signs a browser in once, until ${expiresAt}\n` }
}

export async function keyCommand(
  { values, positionals: [verb, name, more] }: Words,
  config: Config,
): Promise<CommandOutput> {
  if (more !== undefined) throw usage(`pondhawk key ${verb} takes fewer arguments.`)
  switch (verb) {
    case 'list':
      if (name !== undefined) throw usage('pondhawk key list takes no argument.')
      return keyList(config, values['json'] === true)
    case 'add': {
      if (name === undefined) throw usage('pondhawk key add needs a name.')
      const { role = 'viewer', username, days } = values
      const body = {
        ...{ name, role },
        ...(username !== undefined && { username }),
        ...(typeof days === 'string' && { validDays: Number(days) }),
      }
      const answer = await answerOf(config, { method: 'POST', path: '/keys', body })
      if (values['json'] === true) return { output: answer, note: '' }
      const { key } = JSON.parse(answer) as KeyAnswer
      return { output: `${key}\n`, note: 'shown this one time: Authorization: Bearer KEY\n' }
    }
    case 'remove': {
      if (name === undefined) throw usage('pondhawk key remove needs a name.')
      const question = { method: 'DELETE', path: '/keys', query: { id: name } } as const
      const { deleted } = JSON.parse(await answerOf(config, question)) as { deleted: number }
      if (deleted > 0) return { output: '', note: `the key ${shownName(name)} counts no more\n` }
      throw new Error(`there is no key ${shownName(name)}. All keys: pondhawk key list`)
    }
    default:
      throw usage('pondhawk key takes list, add NAME, or remove NAME.')
  }
}

async function keyList(config: Config, isJson: boolean): Promise<CommandOutput> {
  const { items } = JSON.parse(await answerOf(config, { path: '/keys' })) as KeysAnswer
  if (isJson) return { output: `${JSON.stringify(items)}\n`, note: '' }
  const rows = items.map(({ name, role, username, lastUsedAt, expiresAt }) => [
    name,
    role,
    username === null ? '-' : shownName(username),
    lastUsedAt ?? 'never',
    expiresAt ?? 'never',
  ])
  const note = `${items.length} ${items.length === 1 ? 'key' : 'keys'}\n`
  return { output: table([['NAME', 'ROLE', 'USER', 'LAST USED', 'EXPIRES'], ...rows]), note }
}
