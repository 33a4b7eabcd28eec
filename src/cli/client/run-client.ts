// `pondhawk pub` and `pondhawk sub`. They read their flags as mosquitto's clients do, so that -h is the host.

import { commandNamed } from '../commands.ts'
import { helpOf } from '../help.ts'
import { UsageError, USAGE } from '../usage-error.ts'
import { pubCommand } from './pub-command.ts'
import { subCommand } from './sub-command.ts'

/** Returns the exit status, or null when the command is another one. */
export async function runClient(argv: readonly string[]): Promise<number | null> {
  const [name, ...args] = argv
  if (name !== 'pub' && name !== 'sub') return null
  if (args.includes('--help')) {
    process.stdout.write(helpOf(commandNamed(name)))
    return 0
  }
  try {
    return await (name === 'pub' ? pubCommand(args) : subCommand(args))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    process.stderr.write(`${error.message}\n`)
    return USAGE
  }
}
