// What `pondhawk start` does with a mosquitto.conf: its notes, the exit statuses of mosquitto, its flags -d and --test-config.

import { execFileSync, spawn } from 'node:child_process'
import { accessSync, constants, existsSync, openSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import type { Config } from '../config/config-types.ts'
import { CONF_UNREADABLE, CONF_WRONG } from '../mosquitto/conf-file.ts'
import { importInto, isFree } from '../mosquitto/imported-store.ts'
import { fileProblems, listenerProblems } from '../server/config-problems.ts'
import { storeDirectory } from '../server/create-store.ts'
import { thrownSentence } from '../thrown.ts'
import { portFindings } from './doctor/ports.ts'
import { countLines } from './import-command.ts'
import type { LoadedConfig } from './loaded-config.ts'
import { shownName } from './shown-name.ts'

interface Problem {
  readonly sentence: string
  readonly status: number
}

const BIND_FAILED = 1
/** The exit status of sysexits.h for a wrong configuration. */
const CONFIG_ERROR = 78

/** Returns what would prevent a start, with the exit status; null for nothing. */
export async function startProblem({
  config,
  origin,
  conf,
}: LoadedConfig): Promise<Problem | null> {
  const places = listenerProblems(config, origin.file)
  if (conf === null) {
    const all = [...places, ...(await fileProblems(config))]
    return all.length === 0 ? null : { sentence: all.join('\n'), status: CONFIG_ERROR }
  }
  if (places.length > 0) return { sentence: places.join('\n'), status: BIND_FAILED }
  const files = await fileProblems(config)
  if (files.length === 0) return null
  return { sentence: files.join('\n'), status: statusOf(files) }
}

function statusOf(problems: readonly string[]): number {
  if (problems.some(each => each.startsWith('store.directory'))) return BIND_FAILED
  return problems.some(each => each.includes('cannot be read')) ? CONF_UNREADABLE : CONF_WRONG
}

const DEFAULT_USER = 'mosquitto'

/**
 * Gives up the rights of root as mosquitto does, before any file is opened. Returns what prevents it; null for nothing. A user `mosquitto` that
 * no line names need not exist.
 */
export function becomeUser({ conf }: LoadedConfig): Problem | null {
  const user = conf?.user ?? DEFAULT_USER
  if (conf === null || process.getuid?.() !== 0 || user === 'root') return null
  try {
    // The first one is that of the user.
    const words = execFileSync('id', ['-G', '--', user], { encoding: 'utf8', stdio: 'pipe' })
    const groups = words.trim().split(' ').map(Number)
    process.setgroups?.(groups)
    process.setgid?.(groups[0] ?? 0)
    process.setuid?.(user)
  } catch {
    if (conf.user === null) return null
    const sentence = `user: ${shownName(user)} cannot be become: see id ${shownName(user)}`
    return { sentence, status: BIND_FAILED }
  }
  return unreadable(user)
}

/** The threads of the broker read its program again. */
function unreadable(user: string): Problem | null {
  const program = fileURLToPath(import.meta.url)
  try {
    accessSync(program, constants.R_OK)
    return null
  } catch {
    const sentence = `user: ${shownName(user)} may not read ${program}: install Pondhawk where all may read it, or say user root`
    return { sentence, status: BIND_FAILED }
  }
}

interface FirstStart {
  /** What was done; empty for nothing. */
  readonly note: string
  readonly problem: Problem | null
}

/**
 * Imports the database of the configuration, once: when there is no store yet. A database counts only when mosquitto has stopped, and whoever
 * has the ports may be it.
 */
export async function importedFirst({ config, conf }: LoadedConfig): Promise<FirstStart> {
  const file = conf?.databaseFile ?? null
  const directory = storeDirectory(config)
  if (file === null || config.store.durability === 'memory') return NOTHING
  if (!isFree(directory)) return { note: newerNote(file, directory), problem: null }
  const taken = (await portFindings(config, false)).filter(({ level }) => level === 'problem')
  if (taken.length > 0) {
    const sentences = taken.map(({ sentence, mend }) => `${sentence}: ${mend}`)
    const sentence = `${sentences.join('\n')}\n${file} is imported when mosquitto has stopped`
    return { note: '', problem: { sentence, status: BIND_FAILED } }
  }
  // mosquitto writes it when it stops.
  if (!existsSync(file)) return NOTHING
  try {
    const { counts, notes } = importInto(directory, file, Date.now())
    const lines = [`${file} is imported, this one time, into ${directory}:`, ...countLines(counts)]
    return {
      note: [...lines, ...notes].map(line => `${line}\n`).join(''),
      problem: null,
    }
  } catch (error) {
    const sentence = thrownSentence(error)
    return { note: '', problem: { sentence, status: BIND_FAILED } }
  }
}

const NOTHING: FirstStart = { note: '', problem: null }

/** mosquitto has run again since the store was made: what it has kept meanwhile is not in the store. */
function newerNote(file: string, directory: string): string {
  const written = statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0
  if (written <= statSync(directory).birthtimeMs) return ''
  return `${file} was written after ${directory} was made, and is not imported again: what it has since is not there\n`
}

/** Starts another process with the same arguments, which goes on when this one ends. Returns what to say. */
export function startInBackground(
  argv: readonly string[],
  logFile: string | null,
  config: Config,
): string {
  const args = argv.filter(word => word !== '-d' && word !== '--daemon')
  const log = logFile === null ? 'ignore' : openSync(logFile, 'a')
  const child = spawn(process.execPath, [...process.execArgv, process.argv[1] ?? '', ...args], {
    detached: true,
    stdio: ['ignore', log, log],
  })
  child.unref()
  const where =
    logFile === null ? 'its log is not kept: name a file by log_dest' : `its log is in ${logFile}`
  return `pondhawk runs as process ${child.pid ?? 0}; ${where} (log.level: ${config.log.level})\n`
}
