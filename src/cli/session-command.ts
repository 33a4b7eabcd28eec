// `pondhawk session …`: lists and ends sessions, of a running broker over its socket, or of a store whose broker is stopped.

import { existsSync } from 'node:fs'
import { request } from 'node:http'
import type { Config } from '../config/config-types.ts'
import { expirySecondsOf, type SessionFigures } from '../observe/session-figures.ts'
import { adminSocketIn, CLIENT_PATH, CLIENTS_PATH } from '../server/admin-door.ts'
import { storeDirectory } from '../server/create-store.ts'
import { startServer } from '../server/server.ts'
import { FileDisk } from '../store/file-disk.ts'
import { storedSessions } from '../store/maintenance/stored-sessions.ts'
import { UsageError, type Words } from './flags.ts'
import type { CommandOutput } from './user-command.ts'

const ENDED = 'an administrator has ended the session'
const SILENT = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

/** Throws UsageError, or an error with a sentence. */
export async function sessionCommand(
  { values, positionals }: Words,
  config: Config,
): Promise<CommandOutput> {
  const [verb, clientId, more] = positionals
  if (more !== undefined) throw usage(`pondhawk session ${verb} takes fewer arguments.`)
  switch (verb) {
    case 'list': {
      if (clientId !== undefined) throw usage('pondhawk session list takes no argument.')
      const sessions = await sessionsOf(config)
      const output = values['json'] === true ? jsonOf(sessions) : tableOf(sessions)
      return { output, note: `${sessions.length} sessions\n` }
    }
    case 'end': {
      if (clientId === undefined) throw usage('pondhawk session end needs a client id.')
      if (await endSession(clientId, config)) {
        return { output: '', note: `the session of ${shown(clientId)} has ended\n` }
      }
      throw new Error(`there is no session of ${shown(clientId)}: pondhawk session list`)
    }
    default:
      throw usage('pondhawk session takes list, or end CLIENT_ID.')
  }
}

async function sessionsOf(config: Config): Promise<readonly SessionFigures[]> {
  const directory = directoryOf(config)
  const answer = await asked(directory, 'GET', CLIENTS_PATH)
  // What the broker says about itself.
  if (answer !== null) return linesOf(answer).map(line => JSON.parse(line) as SessionFigures)
  const disk = new FileDisk(directory)
  try {
    return storedSessions(disk).map(session => ({
      clientId: session.clientId,
      username: session.identity?.username ?? null,
      state: 'away',
      address: session.identity?.address ?? '',
      sessionExpirySeconds: expirySecondsOf(session.expiryIntervalSeconds),
      subscriptions: session.subscriptions,
      queuedMessages: session.queuedMessages,
      inFlight: session.inFlight,
    }))
  } finally {
    disk.close()
  }
}

/** Returns false when there is no such session. */
async function endSession(clientId: string, config: Config): Promise<boolean> {
  const path = `${CLIENT_PATH}?${new URLSearchParams({ clientId }).toString()}`
  const answer = await asked(directoryOf(config), 'DELETE', path)
  if (answer !== null) return (JSON.parse(answer) as { deleted: number }).deleted > 0
  // A broker that listens nowhere: it publishes the will, and gives back what the session has of share groups.
  const server = await startServer({ ...config, listeners: [] }, SILENT)
  try {
    return await server.core.commands.endSession(clientId, ENDED)
  } finally {
    await server.close()
  }
}

function directoryOf(config: Config): string {
  if (config.store.durability === 'memory') {
    throw new Error('a broker with store.durability: memory has no directory to reach it by')
  }
  const directory = storeDirectory(config)
  if (!existsSync(directory)) throw new Error(`there is no store in ${directory}`)
  return directory
}

/** Returns the answer of the running broker, or null when none runs. */
function asked(directory: string, method: string, path: string): Promise<string | null> {
  const socketPath = adminSocketIn(directory)
  return new Promise((settle, failed) => {
    const question = request({ socketPath, method, path }, response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('end', () => {
        if (response.statusCode === 200) settle(text)
        else failed(new Error(`the broker answers ${response.statusCode}: ${text.trim()}`))
      })
      response.on('error', failed)
    })
    question.on('error', (error: NodeJS.ErrnoException) => {
      const { code } = error
      // A socket that nobody listens on is left by a broker that was killed.
      if (code === 'ENOENT' || code === 'ECONNREFUSED') settle(null)
      else failed(new Error(`${socketPath} cannot be opened (${code ?? error.message})`))
    })
    question.end()
  })
}

function linesOf(text: string): readonly string[] {
  return text.split('\n').filter(line => line !== '')
}

function jsonOf(sessions: readonly SessionFigures[]): string {
  return sessions.map(session => `${JSON.stringify(session)}\n`).join('')
}

const HEADINGS = ['CLIENT', 'USER', 'STATE', 'ADDRESS', 'SUBSCRIPTIONS', 'QUEUED', 'IN FLIGHT']

function tableOf(sessions: readonly SessionFigures[]): string {
  const rows = sessions.map(session => [
    shown(session.clientId),
    session.username === null ? '-' : shown(session.username),
    session.state,
    session.address === '' ? '-' : session.address,
    String(session.subscriptions),
    String(session.queuedMessages),
    String(session.inFlight),
  ])
  const lines = [HEADINGS, ...rows]
  const widths = HEADINGS.map((_, column) =>
    lines.reduce((most, line) => Math.max(most, line[column]?.length ?? 0), 0),
  )
  const padded = (line: readonly string[]): string =>
    line.map((word, column) => word.padEnd(widths[column] ?? 0)).join('  ')
  return lines.map(line => `${padded(line).trimEnd()}\n`).join('')
}

/** Clients choose their names: nothing in one moves the cursor, or looks like several words. */
function shown(name: string): string {
  if (!/[\p{C}\s"\\]/u.test(name) && name !== '') return name
  return JSON.stringify(name).replaceAll(/\p{C}/gu, sign => {
    const code = sign.codePointAt(0) ?? 0
    return `\\u{${code.toString(16)}}`
  })
}

function usage(sentence: string): UsageError {
  return new UsageError(`${sentence} Try pondhawk session --help.`)
}
