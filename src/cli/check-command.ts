// `pondhawk check`: what a configuration amounts to, where each value comes from, or every problem that would prevent a start.

import { stringify } from 'yaml'
import type { Config } from '../config/config-types.ts'
import { type ConfigOrigin, entriesOf } from '../config/entries.ts'
import { fileProblems, listenerProblems } from '../server/config-problems.ts'
import type { Words } from './flags.ts'
import { shownName } from './shown-name.ts'
import { table } from './table.ts'

/** The problems; without any, what to print. */
interface Checked {
  readonly problems: readonly string[]
  readonly output: string
}

export async function checkCommand(
  { values }: Words,
  config: Config,
  origin: ConfigOrigin,
): Promise<Checked> {
  const problems = [...listenerProblems(config, origin.file), ...(await fileProblems(config))]
  if (problems.length > 0) return { problems, output: '' }
  const isJson = values['json'] === true
  const bare = withoutHashes(config)
  if (values['explain'] !== true) {
    const output = isJson ? `${JSON.stringify(bare)}\n` : stringify(bare)
    return { problems, output }
  }
  const entries = entriesOf(config, origin)
  if (isJson) return { problems, output: `${JSON.stringify(entries)}\n` }
  const rows = entries.map(({ path, value, source }) => [path, textOf(value), source])
  return { problems, output: table([['KEY', 'VALUE', 'FROM'], ...rows]) }
}

const VALUE_LENGTH_MAX = 48

function textOf(value: unknown): string {
  const text = typeof value === 'string' ? shownName(value) : JSON.stringify(value)
  return text.length > VALUE_LENGTH_MAX ? `${text.slice(0, VALUE_LENGTH_MAX - 1)}…` : text
}

/** Hides secrets, because other people may see the output. */
function withoutHashes(config: Config): Config {
  const { users } = config.access
  if (users === undefined) return config
  const names = Object.keys(users).map(name => [name, '(a hash)'] as const)
  return { ...config, access: { ...config.access, users: Object.fromEntries(names) } }
}
