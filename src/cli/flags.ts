// Flags of the command line: they override the configuration.

import { parseArgs } from 'node:util'
import { ConfigError } from '../config/config-error.ts'
import type { Config, ListenerConfig } from '../config/config-types.ts'
import { remedyOf } from '../config/load.ts'
import { nearest } from '../config/nearest.ts'
import { parseConfig } from '../config/parse.ts'
import { type Command, type Flag, GLOBAL_FLAGS } from './commands.ts'

/** The command line is wrong; the message says how. */
export class UsageError extends Error {}

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

/** The configuration with the flags is checked like that of the file. Throws UsageError or ConfigError. */
export function withFlags(config: Config, values: Words['values'], file: string | null): Config {
  const ports = [
    { flag: 'port', what: 'MQTT', index: firstListener(config, 'mqtt'), text: values['port'] },
    {
      flag: 'ws-port',
      what: 'WebSocket',
      index: firstListener(config, 'ws'),
      text: values['ws-port'],
    },
  ].filter(({ text }) => text !== undefined)
  const listeners = [...config.listeners]
  for (const { flag, what, index, text } of ports) {
    const port = portOf(flag, String(text))
    const listener = listeners[index]
    if (listener === undefined) {
      throw new UsageError(`--${flag}: ${file ?? 'the configuration'} has no ${what} listener.`)
    }
    listeners[index] = { ...listener, port }
  }
  const { host, data } = values
  const hosted = listeners.map(each => (typeof host === 'string' ? { ...each, host } : each))
  const store = typeof data === 'string' ? { ...config.store, directory: data } : config.store
  const log = values['verbose'] === true ? { ...config.log, level: 'debug' as const } : config.log
  return checked({ ...config, listeners: hosted, store, log }, file)
}

function firstListener(config: Config, protocol: ListenerConfig['protocol']): number {
  return config.listeners.findIndex(each => each.protocol === protocol && each.path === undefined)
}

function portOf(flag: string, text: string): number {
  const isPort = /^\d{1,5}$/.test(text) && Number(text) <= 65_535
  const shown = text === '' || /\s/.test(text) ? `'${text}'` : text
  if (!isPort) throw new UsageError(`--${flag}: ${shown} is not a port (0 to 65535).`)
  return Number(text)
}

/** The configuration was valid before: each problem comes from a flag. */
function checked(config: Config, file: string | null): Config {
  try {
    return parseConfig(config)
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const sentences = error.problems.map(problem => {
      const key = problem.path.at(-1)
      const flag = key === 'host' ? '--host' : problem.path.join('.')
      return `${flag}: ${problem.sentence}${remedyOf(problem, file)}`
    })
    throw Object.assign(new Error([...new Set(sentences)].join('\n')), { code: error.code })
  }
}

function optionOf(flag: Flag): [string, { type: 'string' | 'boolean'; short?: string }] {
  return [
    flag.name,
    { type: flag.type, ...(flag.short === undefined ? {} : { short: flag.short }) },
  ]
}
