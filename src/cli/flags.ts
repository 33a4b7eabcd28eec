// Flags of the command line, and how to say that they are wrong.

import { parseArgs } from 'node:util'
import { nearest } from '../nearest.ts'
import { type Command, type Flag, GLOBAL_FLAGS } from './commands.ts'
import { UsageError } from './usage-error.ts'

export { UsageError }

export interface Words {
  readonly values: Readonly<Record<string, string | boolean | undefined>>
  readonly positionals: readonly string[]
}

/** Throws UsageError. */
export function wordsOf(command: Command, args: readonly string[]): Words {
  const flags = [...command.flags, ...GLOBAL_FLAGS]
  let words: Words
  try {
    words = parseArgs({
      args: [...args],
      options: Object.fromEntries(flags.map(optionOf)),
      allowPositionals: true,
    })
  } catch (error) {
    throw new UsageError(`${sentenceOf(error, command, flags)} Try pondhawk --help.`)
  }
  const [first] = words.positionals
  if (command.argument === undefined && first !== undefined) {
    throw new UsageError(
      `pondhawk ${command.name} takes flags only, and not ${JSON.stringify(first)}. Try pondhawk --help.`,
    )
  }
  for (const { name, value } of flags) {
    if (words.values[name] === '' && value !== 'PORT') {
      throw new UsageError(
        `--${name}: '' is no ${WHAT[value ?? ''] ?? 'value'}. Try pondhawk --help.`,
      )
    }
  }
  return words
}

const WHAT: Readonly<Record<string, string>> = { FILE: 'file', DIR: 'folder', HOST: 'address' }

function sentenceOf(error: unknown, command: Command, flags: readonly Flag[]): string {
  const { code, message } = error as NodeJS.ErrnoException
  const [, word = ''] = /'(-[^',\s]*)/.exec(message) ?? []
  if (code === 'ERR_PARSE_ARGS_UNKNOWN_OPTION') {
    const names = flags.map(({ name }) => name)
    const meant = word.startsWith('--') ? nearest(word.slice(2), names) : null
    const hint = meant === null ? '' : ` Did you mean --${meant}?`
    return `pondhawk ${command.name} has no flag ${word}.${hint}`
  }
  const flag = flags.find(({ name, short }) => word === `--${name}` || word === `-${short}`)
  if (flag?.type === 'string') return `--${flag.name} needs a value: --${flag.name} ${flag.value}.`
  if (flag !== undefined) return `--${flag.name} takes no value.`
  return `${message.replace(/\.?$/, '')}.`
}

function optionOf(flag: Flag): [string, { type: 'string' | 'boolean'; short?: string }] {
  return [
    flag.name,
    { type: flag.type, ...(flag.short === undefined ? {} : { short: flag.short }) },
  ]
}
