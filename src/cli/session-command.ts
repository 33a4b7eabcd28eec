// `pondhawk session …`: lists and ends sessions, of a running broker over its socket, or of a store whose broker is stopped.

import { ENDED, LINES } from '../api/parts.ts'
import type { Config } from '../config/config-types.ts'
import { SILENT } from '../observe/log.ts'
import { expirySecondsOf, type SessionFigures } from '../observe/session-figures.ts'
import type { startServer } from '../server/server.ts'
import { FileDisk } from '../store/file-disk.ts'
import { storedSessions } from '../store/maintenance/stored-sessions.ts'
import { asked, directoryOf } from './admin-client.ts'
import type { Words } from './flags.ts'
import { shownName } from './shown-name.ts'
import { jsonLines, table } from './table.ts'
import type { CommandOutput } from './user-command.ts'
import { usageOf } from './usage-error.ts'

const usage = usageOf('session')

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
      const output = values['json'] === true ? jsonLines(sessions) : tableOf(sessions)
      return {
        output,
        note: `${sessions.length} ${sessions.length === 1 ? 'session' : 'sessions'}\n`,
      }
    }
    case 'end': {
      if (clientId === undefined) throw usage('pondhawk session end needs a client id.')
      if (await endSession(clientId, config)) {
        return { output: '', note: `the session of ${shownName(clientId)} has ended\n` }
      }
      throw new Error(
        `there is no session of ${shownName(clientId)}. All sessions: pondhawk session list`,
      )
    }
    default:
      throw usage('pondhawk session takes list, or end CLIENT_ID.')
  }
}

async function sessionsOf(config: Config): Promise<readonly SessionFigures[]> {
  const directory = directoryOf(config)
  const answer = await asked(directory, { path: '/clients', accept: LINES })
  // The answer comes from the broker itself, so its form is not checked.
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
  const question = { method: 'DELETE', path: '/client', query: { clientId } } as const
  const answer = await asked(directoryOf(config), question)
  if (answer !== null) return (JSON.parse(answer) as { deleted: number }).deleted > 0
  // A broker without listeners ends it, because that publishes the will and gives messages back to share groups.
  const starting: { readonly startServer: typeof startServer } = await import('../server/server.ts')
  const server = await starting.startServer({ ...config, listeners: [] }, SILENT)
  try {
    return await server.core.commands.endSession(clientId, ENDED)
  } finally {
    await server.close()
  }
}

function linesOf(text: string): readonly string[] {
  return text.split('\n').filter(line => line !== '')
}

const HEADINGS = ['CLIENT', 'USER', 'STATE', 'ADDRESS', 'SUBSCRIPTIONS', 'QUEUED', 'IN FLIGHT']

function tableOf(sessions: readonly SessionFigures[]): string {
  const rows = sessions.map(session => [
    shownName(session.clientId),
    session.username === null ? '-' : shownName(session.username),
    session.state,
    session.address === '' ? '-' : session.address,
    String(session.subscriptions),
    String(session.queuedMessages),
    String(session.inFlight),
  ])
  return table([HEADINGS, ...rows])
}
