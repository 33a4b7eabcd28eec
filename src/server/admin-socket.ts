// The admin socket: a Unix socket in the directory of the store, by which the command line reaches the running broker. It speaks HTTP.
// Only its owner (and root) may open it, and whoever opens it may do everything.

import {
  createServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from 'node:http'
import { once } from 'node:events'
import { relative, resolve } from 'node:path'
import type { Log } from '../observe/log.ts'
import type { Status } from '../observe/status.ts'
import { type SessionFigures, sessionFiguresOf } from '../observe/session-figures.ts'
import { listenWithMask, prepareSocketPath } from '../transport/unix-socket.ts'
import type { Core } from './core.ts'

const NAME = 'admin.sock'
export const CLIENTS_PATH = '/api/v1/clients'
export const CLIENT_PATH = '/api/v1/client'
export const DISCONNECT_PATH = '/api/v1/client/disconnect'
export const STATUS_PATH = '/api/v1/status'
/** How many sessions are written at once. Between two writes the broker serves its clients. */
const PIECE_SESSIONS = 256
const CONNECTIONS_MAX = 4
const REQUEST_MS_MAX = 10_000
const OWNER_ONLY_MASK = 0o177
/** What the log says of a session that was ended. */
export const ENDED = 'an administrator has ended the session'
const DISCONNECTED = 'an administrator has disconnected the client'

interface AdminSocketSources {
  readonly core: Core
  readonly status: () => Status
  readonly log: Log
}

/** Returns the relative path or the absolute one, whichever is shorter: the system allows some hundred bytes for a socket's path. */
export function adminSocketIn(directory: string): string {
  const path = resolve(directory, NAME)
  const fromHere = relative('.', path)
  return fromHere.length < path.length ? fromHere : path
}

/** Opens the socket, and returns a function that closes it. If it cannot be opened, the log says why and the broker runs without. */
export async function openAdminSocket(
  sources: AdminSocketSources,
  directory: string,
): Promise<() => Promise<void>> {
  const { log } = sources
  const path = adminSocketIn(directory)
  const server = createServer({ requestTimeout: REQUEST_MS_MAX }, (request, response) => {
    void answer(sources, request, response).catch(() => response.destroy())
  })
  server.maxConnections = CONNECTIONS_MAX
  try {
    await prepareSocketPath(path)
    listenWithMask(OWNER_ONLY_MASK, () => server.listen(path))
    await once(server, 'listening')
    server.on('error', ({ message }) => {
      log.error({ event: 'accept.failed', listener: path, cause: message }, 'accept failed')
    })
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error)
    log.warn(
      { event: 'admin.closed', cause },
      'pondhawk session, status and kick cannot reach this broker',
    )
  }
  return () => closed(server)
}

async function closed(server: HttpServer): Promise<void> {
  if (!server.listening) return
  const ended = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await ended
}

async function answer(
  { core, status, log }: AdminSocketSources,
  { method, url = '' }: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname, searchParams } = new URL(url, 'http://localhost')
  const clientId = searchParams.get('clientId')
  if (method === 'GET' && pathname === CLIENTS_PATH) {
    await sendSessions(sessionFiguresOf(core.broker), response)
  } else if (method === 'GET' && pathname === STATUS_PATH) {
    sendJson(response, 200, status())
  } else if (method === 'POST' && pathname === DISCONNECT_PATH && clientId !== null) {
    const isDone = await core.commands.disconnectClient(clientId, DISCONNECTED)
    sendJson(response, 200, { disconnected: isDone ? 1 : 0 })
  } else if (method === 'DELETE' && pathname === CLIENT_PATH && clientId !== null) {
    const isEnded = await core.commands.endSession(clientId, ENDED)
    if (isEnded) log.info({ event: 'session.ended', clientId, cause: ENDED }, 'session ended')
    sendJson(response, 200, { deleted: isEnded ? 1 : 0 })
  } else {
    sendJson(response, 404, { status: 404, detail: `there is no ${method} ${pathname}` })
  }
}

/** Writes one line of JSON for each session, no faster than they are read. */
async function sendSessions(
  sessions: Iterable<SessionFigures>,
  response: ServerResponse,
): Promise<void> {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  let piece: string[] = []
  for (const session of sessions) {
    piece.push(`${JSON.stringify(session)}\n`)
    if (piece.length < PIECE_SESSIONS) continue
    if (response.destroyed) return
    const isTaken = response.write(piece.join(''))
    piece = []
    await (isTaken ? new Promise(settle => setImmediate(settle)) : drained(response))
  }
  response.end(piece.join(''))
}

function drained(response: ServerResponse): Promise<void> {
  return new Promise(settle => {
    const goOn = (): void => {
      response.off('drain', goOn).off('close', goOn)
      settle()
    }
    response.on('drain', goOn).on('close', goOn)
  })
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  const type = status < 400 ? 'application/json' : 'application/problem+json'
  response.writeHead(status, { 'content-type': type }).end(`${JSON.stringify(body)}\n`)
}
