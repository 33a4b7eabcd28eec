// The `pondhawk` command: arguments in, exit status out.

import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { stringify } from 'yaml'
import type { Config } from '../config/config.ts'
import { loadConfig } from '../config/load.ts'
import { parseConfig } from '../config/parse.ts'
import { nearest } from '../config/nearest.ts'
import { createLog } from '../observe/create-log.ts'
import { banner } from './banner.ts'
import { COMMANDS, type Flag, GLOBAL_FLAGS, helpText } from './commands.ts'
import { storeDirectory } from '../server/create-store.ts'
import { startServer } from '../server/server.ts'
import { storeCommand } from './store-command.ts'

const DEFAULT_FILE = 'pondhawk.yaml'
/** sysexits.h: wrong usage is 2 by habit, a wrong configuration 78, a fault of ours 70. */
const USAGE = 2
const CONFIG_ERROR = 78
const SOFTWARE_ERROR = 70

/** Returns the exit status, or null while a broker runs. */
export async function run(argv: readonly string[], version: string): Promise<number | null> {
  const [first] = argv
  const isNamed = first !== undefined && !first.startsWith('-')
  const name = isNamed ? first : 'start'
  const command = COMMANDS.find(each => each.name === name)
  if (command === undefined) {
    const best = nearest(
      name,
      COMMANDS.map(each => each.name),
    )
    const hint = best === null ? '' : ` Did you mean ${best}?`
    return complain(`pondhawk has no command ${name}.${hint} Try pondhawk --help.`, USAGE)
  }
  let parsed
  try {
    const flags = [...command.flags, ...GLOBAL_FLAGS]
    parsed = parseArgs({
      args: argv.slice(isNamed ? 1 : 0),
      options: Object.fromEntries(flags.map(optionOf)),
      allowPositionals: command.argument !== undefined,
    })
  } catch (error) {
    return complain(
      `${error instanceof Error ? error.message : String(error)} Try pondhawk --help.`,
      USAGE,
    )
  }
  const values: Readonly<Record<string, string | boolean | undefined>> = parsed.values
  if (values['help'] === true) return say(helpText(version))
  if (values['version'] === true) return say(`pondhawk ${version}\n`)
  const argument = command.name === 'check' ? parsed.positionals[0] : undefined
  const file =
    argument ?? text(values['config']) ?? (existsSync(DEFAULT_FILE) ? DEFAULT_FILE : null)
  let config: Config
  try {
    const loaded = loadConfig({ file, environment: process.env, overrides: {} })
    // What the flags make of it must be as safe as what the file says.
    config = parseConfig(withFlags(loaded, values))
  } catch (error) {
    return complain(error instanceof Error ? error.message : String(error), CONFIG_ERROR)
  }
  if (command.name === 'check') return say(stringify(config))
  if (command.name === 'store') return keepStore(parsed.positionals, config)
  return start(config, version)
}

function keepStore(words: readonly string[], config: Config): number {
  try {
    return say(storeCommand(words, storeDirectory(config)))
  } catch (error) {
    return complain(error instanceof Error ? error.message : String(error), 1)
  }
}

async function start(config: Config, version: string): Promise<number | null> {
  const startedAt = performance.now()
  const { log, output } = createLog(config.log, process.stdout)
  process.once('uncaughtException', error => {
    log.fatal(
      { event: 'broker.fault', error: error.stack },
      'a fault of the broker itself: it ends',
    )
    process.exit(SOFTWARE_ERROR)
  })
  let server
  try {
    server = await startServer(config, log, { logOutput: output })
  } catch (error) {
    return complain(error instanceof Error ? error.message : String(error), 1)
  }
  const milliseconds = Math.round(performance.now() - startedAt)
  const { listeners } = server
  if (process.stdout.isTTY && config.log.format !== 'json')
    output.write(banner(version, milliseconds, listeners))
  else
    log.info(
      {
        event: 'broker.ready',
        version,
        milliseconds,
        listeners: listeners.map(({ name }) => name),
      },
      'ready',
    )

  const stop = async (signal: string): Promise<void> => {
    process.once('SIGINT', () => process.exit(1))
    process.once('SIGTERM', () => process.exit(1))
    log.info({ event: 'broker.stopping', signal }, 'stopping')
    await server.close()
    log.info({ event: 'broker.stopped' }, 'stopped')
    process.exit(0)
  }
  process.once('SIGINT', () => void stop('SIGINT'))
  process.once('SIGTERM', () => void stop('SIGTERM'))
  process.on('SIGHUP', () => {
    server.reloadCertificates().then(
      () => log.info({ event: 'certificates.reloaded' }, 'certificates were read anew'),
      (error: Error) =>
        log.error(
          { event: 'certificates.kept', cause: error.message },
          'the old certificates stay',
        ),
    )
  })
  return null
}

/** What the command line says goes before all else. */
function withFlags(
  config: Config,
  values: Readonly<Record<string, string | boolean | undefined>>,
): Config {
  const port = text(values['port'])
  const host = text(values['host'])
  const firstMqtt = config.listeners.findIndex(
    each => each.protocol === 'mqtt' && each.path === undefined,
  )
  const listeners = config.listeners.map((listener, index) => ({
    ...listener,
    ...(host === undefined ? {} : { host }),
    ...(port !== undefined && index === firstMqtt ? { port: Number(port) } : {}),
  }))
  const directory = text(values['data']) ?? config.store.directory
  const store = { ...config.store, ...(directory === undefined ? {} : { directory }) }
  const log = values['verbose'] === true ? { ...config.log, level: 'debug' as const } : config.log
  return { ...config, listeners, store, log }
}

function optionOf(flag: Flag): [string, { type: 'string' | 'boolean'; short?: string }] {
  return [
    flag.name,
    { type: flag.type, ...(flag.short === undefined ? {} : { short: flag.short }) },
  ]
}

function text(value: string | boolean | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function say(words: string): number {
  process.stdout.write(words)
  return 0
}

function complain(sentence: string, status: number): number {
  process.stderr.write(`${sentence}\n`)
  return status
}
