// The admin socket: a Unix socket in the directory of the store, by which the command line reaches the REST API of the running broker.
// Only its owner (and root) may open it, and whoever opens it may do everything.

import { createServer, type RequestListener, type Server as HttpServer } from 'node:http'
import { once } from 'node:events'
import { relative, resolve } from 'node:path'
import type { Log } from '../observe/log.ts'
import { listenWithMask, prepareSocketPath } from '../transport/unix-socket.ts'

const NAME = 'admin.sock'
const CONNECTIONS_MAX = 4
const REQUEST_MS_MAX = 10_000
const OWNER_ONLY_MASK = 0o177

interface AdminSocketSources {
  /** Answers the requests. */
  readonly onRequest: RequestListener
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
  { onRequest, log }: AdminSocketSources,
  directory: string,
): Promise<() => Promise<void>> {
  const path = adminSocketIn(directory)
  const server = createServer({ requestTimeout: REQUEST_MS_MAX }, onRequest)
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
    log.warn({ event: 'admin.closed', cause }, 'the commands of pondhawk cannot reach this broker')
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
