// What `pondhawk start` does with a mosquitto.conf: its notes, the exit statuses of mosquitto, its flags -d and --test-config.

import { spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import type { Config } from '../config/config-types.ts'
import { CONF_UNREADABLE, CONF_WRONG } from '../mosquitto/conf-file.ts'
import { fileProblems, listenerProblems } from '../server/config-problems.ts'
import type { LoadedConfig } from './loaded-config.ts'

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
