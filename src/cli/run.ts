// The `pondhawk` command: arguments in, exit status out. What only `start`, `check` and `doctor` need is loaded for them alone: it takes half of the time
// of a short command.

import { existsSync } from 'node:fs'
import { delimiter, relative } from 'node:path'
import { AccessFileError } from '../access/access-file.ts'
import { EditError } from '../access/edit-file.ts'
import type { Config } from '../config/config-types.ts'
import { ConfError } from '../mosquitto/conf-file.ts'
import { codeOf } from '../server/start-error.ts'
import { thrownSentence } from '../thrown.ts'
import { dashboardCommand, keyCommand } from './api-command.ts'
import type { checkCommand } from './check-command.ts'
import { clientsCommand, retainedCommand } from './clients-command.ts'
import { type Command, commandNamed } from './commands.ts'
import { completionCommand } from './completion-command.ts'
import type { doctorCommand } from './doctor/doctor-command.ts'
import { type Words, wordsOf } from './flags.ts'
import { FILES_VARIABLE } from '../config/environment.ts'
import { type LoadedConfig, loadedConfig } from './loaded-config.ts'
import { USAGE, UsageError } from './usage-error.ts'
import { groupsCommand } from './groups-command.ts'
import { bridgesCommand } from './bridges-command.ts'
import { delayedCommand } from './delayed-command.ts'
import { transactionsCommand } from './transactions-command.ts'
import { queueCommand } from './queue-command.ts'
import { helpOf, helpText } from './help.ts'
import { importCommand } from './import-command.ts'
import { initCommand } from './init-command.ts'
import { flagsFirst, passwdCommand } from './passwd-command.ts'
import { explainCommand, logLevelCommand, traceCommand } from './record-command.ts'
import { drainCommand, kickCommand, statusCommand } from './running-command.ts'
import { sessionCommand } from './session-command.ts'
import { fileStoreDirectory } from './file-store-directory.ts'
import type { startCommand } from './start-command.ts'
import type {
  becomeUser,
  importedFirst,
  startInBackground,
  startProblem,
} from './start-mosquitto.ts'
import { storeCommand } from './store-command.ts'
import { topCommand } from './top-command.ts'
import { serviceCommand } from './service-command.ts'
import { type CommandOutput, userCommand, USERS_FILE, type UsersFile } from './user-command.ts'

const DEFAULT_FILE = 'pondhawk.yaml'
/** The exit status of sysexits.h for a wrong configuration. */
const CONFIG_ERROR = 78

/** Returns the exit status, or null while a broker runs. */
export async function run(argv: readonly string[], version: string): Promise<number | null> {
  try {
    return await execute(argv, version)
  } catch (error) {
    if (error instanceof UsageError) return complain(error.message, USAGE)
    if (error instanceof ConfError) return complain(error.message, error.status)
    if (codeOf(error) === 'ERR_CONFIG') return complain((error as Error).message, CONFIG_ERROR)
    throw error
  }
}

async function execute(argv: readonly string[], version: string): Promise<number | null> {
  const [first] = argv
  // What people type who know `session list` as something of several.
  if (first === 'sessions') return execute(['session', 'list', ...argv.slice(1)], version)
  const isNamed = first !== undefined && !first.startsWith('-')
  const command = commandNamed(isNamed ? first : 'start')
  const args = argv.slice(isNamed ? 1 : 0)
  const words = wordsOf(command, command.name === 'passwd' ? flagsFirst(args) : args)
  const { values } = words
  if (values['help'] === true) return say(isNamed ? helpOf(command) : helpText(version))
  if (values['version'] === true) return say(`pondhawk ${version}\n`)
  return perform(command, words, version)
}

/** Commands that ask a running broker. */
const ASKING = {
  top: topCommand,
  clients: clientsCommand,
  groups: groupsCommand,
  bridges: bridgesCommand,
  delayed: delayedCommand,
  transactions: transactionsCommand,
  queue: queueCommand,
  retained: retainedCommand,
  status: statusCommand,
  dashboard: dashboardCommand,
  key: keyCommand,
  session: sessionCommand,
  drain: drainCommand,
  kick: kickCommand,
  trace: traceCommand,
  explain: explainCommand,
  'log-level': logLevelCommand,
} as const

/** A command that is neither in the table above nor a case does not compile. */
function perform(command: Command, words: Words, version: string): Promise<number | null> | number {
  const { values, positionals } = words
  const file = fileOf(command, values, positionals)
  const load = (): LoadedConfig => loadedConfig(file, values)
  const config = (): Config => load().config
  const { name } = command
  if (asksBroker(name)) return askBroker(() => ASKING[name](words, config()))
  switch (name) {
    case 'passwd':
      return keepUsers(() => passwdCommand(words))
    case 'user':
      return keepUsers(() => userCommand(words, usersFileOf(values, file)))
    case 'check':
      return check(words, load())
    case 'init':
      return askBroker(async () => initCommand(words))
    case 'service':
      return askBroker(async () => serviceCommand(words))
    case 'import':
      return askBroker(async () => importCommand(words, config))
    case 'doctor':
      return doctor(words, config, file)
    case 'completion':
      return say(completionCommand(words))
    case 'help':
      return help(words, version)
    case 'store':
      return keepStore(() => storeCommand(words, fileStoreDirectory(config())))
    case 'pub':
    case 'sub':
      throw new Error('client/run-client.ts runs them')
    case 'start':
      return startBroker(load(), words, version)
  }
}

function asksBroker(name: Command['name']): name is keyof typeof ASKING {
  return Object.hasOwn(ASKING, name)
}

function fileOf(
  command: Command,
  values: Words['values'],
  positionals: readonly string[],
): string | null {
  const [argument, more] = command.name === 'check' ? positionals : []
  if (more !== undefined)
    throw new UsageError('pondhawk check takes one FILE. Try pondhawk --help.')
  const named = argument ?? values['config']
  if (typeof named === 'string') return named
  return defaultFile(process.env[FILES_VARIABLE])
}

/** Returns the first file of the variable that is there, or the one in this folder; null if there is none. Throws UsageError. */
function defaultFile(files: string | undefined): string | null {
  if (files === undefined || files === '') return existsSync(DEFAULT_FILE) ? DEFAULT_FILE : null
  const found = files.split(delimiter).find(file => existsSync(file))
  if (found !== undefined) return found
  throw new UsageError(`${FILES_VARIABLE} names no file that is there: ${files}`)
}

interface Ways {
  readonly startProblem: typeof startProblem
  readonly importedFirst: typeof importedFirst
  readonly becomeUser: typeof becomeUser
  readonly startInBackground: typeof startInBackground
}

async function startBroker(
  loaded: LoadedConfig,
  { values }: Words,
  version: string,
): Promise<number | null> {
  const ways: Ways = await import('./start-mosquitto.ts')
  const { listenerProblems } = await import('../server/config-problems.ts')
  const starting: { readonly startCommand: typeof startCommand } =
    await import('./start-command.ts')
  const { config, conf, origin, notes } = loaded
  const isTest = values['test-config'] === true
  process.stderr.write([...(conf?.notes ?? []), ...notes].map(note => `${note}\n`).join(''))
  const rights = isTest ? null : ways.becomeUser(loaded)
  if (rights !== null) return complain(rights.sentence, rights.status)
  if (conf !== null || isTest) {
    const problem = await ways.startProblem(loaded)
    if (problem !== null) return complain(problem.sentence, problem.status)
    if (isTest) return say(`${origin.file ?? 'the defaults'}: nothing is wrong\n`)
  }
  const problems = listenerProblems(config, origin.file)
  if (problems.length > 0) return complain(problems.join('\n'), CONFIG_ERROR)
  const first = await ways.importedFirst(loaded)
  if (first.problem !== null) return complain(first.problem.sentence, first.problem.status)
  process.stderr.write(first.note)
  if (values['daemon'] === true) {
    return say(ways.startInBackground(process.argv.slice(2), conf?.logFile ?? null, config))
  }
  try {
    return await starting.startCommand(config, {
      version,
      origin,
      isForLan: values['lan'] === true,
    })
  } catch (error) {
    const sentence = thrownSentence(error)
    return complain(sentence, error instanceof AccessFileError ? CONFIG_ERROR : 1)
  }
}

async function check(words: Words, { config, origin, conf }: LoadedConfig): Promise<number> {
  const checking: { readonly checkCommand: typeof checkCommand } =
    await import('./check-command.ts')
  process.stderr.write((conf?.notes ?? []).map(note => `${note}\n`).join(''))
  const { problems, output } = await checking.checkCommand(words, config, origin)
  return problems.length > 0 ? complain(problems.join('\n'), CONFIG_ERROR) : say(output)
}

async function doctor(words: Words, load: () => Config, file: string | null): Promise<number> {
  const examining: { readonly doctorCommand: typeof doctorCommand } =
    await import('./doctor/doctor-command.ts')
  const { output, status } = await examining.doctorCommand(words, load, file)
  say(output)
  return status
}

function help({ positionals: [name] }: Words, version: string): number {
  return say(name === undefined ? helpText(version) : helpOf(commandNamed(name)))
}

function keepStore(command: () => string): number {
  try {
    return say(command())
  } catch (error) {
    return complainOfStore(error)
  }
}

async function askBroker(command: () => Promise<CommandOutput>): Promise<number> {
  try {
    const { output, note } = await command()
    process.stderr.write(note)
    return say(output)
  } catch (error) {
    if (isTold(error)) throw error
    return complainOfStore(error)
  }
}

/** Whether `run` knows the exit status of the error. */
function isTold(error: unknown): boolean {
  const isOfFile = error instanceof ConfError || codeOf(error) === 'ERR_CONFIG'
  return isOfFile || error instanceof UsageError
}

function complainOfStore(error: unknown): number {
  const sentence = thrownSentence(error)
  const isLocked = codeOf(error) === 'ERR_STORE_LOCKED'
  return complain(
    isLocked ? `${sentence} Stop it, or give another folder: --data DIR` : sentence,
    1,
  )
}

/** Returns the file of --file, or else the file of the configuration. */
function usersFileOf(values: Words['values'], file: string | null): UsersFile {
  const named = values['file']
  if (typeof named === 'string') return { path: named, isRead: true }
  const { usersFile } = loadedConfig(file, {}).config.access
  return usersFile === undefined
    ? { path: USERS_FILE, isRead: false }
    : { path: relative('.', usersFile), isRead: true }
}

async function keepUsers(command: () => Promise<CommandOutput> | CommandOutput): Promise<number> {
  try {
    const { output, note } = await command()
    process.stderr.write(note)
    return say(output)
  } catch (error) {
    if (error instanceof EditError || error instanceof AccessFileError) {
      return complain(error.message, 1)
    }
    throw error
  }
}

function say(words: string): number {
  process.stdout.write(words)
  return 0
}

function complain(sentence: string, status: number): number {
  process.stderr.write(`${sentence}\n`)
  return status
}
