// The admin socket: a Unix socket in the directory of the store, by which the command line reaches the REST API of the running broker.
// Only its owner (and root) may open it, and whoever opens it may do everything.

import { createServer, type RequestListener, type Server as HttpServer } from 'node:http'
import { once } from 'node:events'
import { relative, resolve } from 'node:path'
import { later, writeProblem } from '../api/problem.ts'
import type { Log } from '../observe/log.ts'
import { thrownSentence } from '../thrown.ts'
import { listenWithMask, prepareSocketPath } from '../transport/unix-socket.ts'

const NAME = 'admin.sock'
/** Requests at a time: traces, of which there are four at most, leave places for others. */
const PLACES = 8
/** Those that wait for a place. */
const WAITING_MAX = 16
const WAIT_MS_MAX = 2_000
const FULL = `${PLACES} commands use the admin socket already: wait for one, or end a trace`
const REQUEST_MS_MAX = 10_000
const OWNER_ONLY_MASK = 0o177

interface AdminSocketSources {
  /** Answers the requests. */
  readonly onRequest: RequestListener
  readonly log: Log
  /** How long a request waits for a place. */
  readonly waitMs?: number
}

/** Returns the relative path or the absolute one, whichever is shorter: the system allows some hundred bytes for a socket's path. */
export function adminSocketIn(directory: string): string {
  const path = resolve(directory, NAME)
  const fromHere = relative('.', path)
  return fromHere.length < path.length ? fromHere : path
}

/** Opens the socket, and returns a function that closes it. If it cannot be opened, the log says why and the broker runs without. */
export async function openAdminSocket(
  { onRequest, log, waitMs = WAIT_MS_MAX }: AdminSocketSources,
  directory: string,
): Promise<() => Promise<void>> {
  const path = adminSocketIn(directory)
  const server = createServer({ requestTimeout: REQUEST_MS_MAX }, inPlaces(onRequest, waitMs))
  server.maxConnections = PLACES + WAITING_MAX
  try {
    await prepareSocketPath(path)
    listenWithMask(OWNER_ONLY_MASK, () => server.listen(path))
    await once(server, 'listening')
    server.on('error', ({ message }) => {
      log.error({ event: 'accept.failed', listener: path, cause: message }, 'accept failed')
    })
  } catch (error) {
    const cause = thrownSentence(error)
    log.warn({ event: 'admin.closed', cause }, 'the commands of pondhawk cannot reach this broker')
  }
  return () => closed(server)
}

/** Returns the same for so many requests at a time. One more waits, and is refused with a sentence if it waits in vain. */
function inPlaces(onRequest: RequestListener, waitMs: number): RequestListener {
  const waiting = new Set<() => void>()
  let used = 0
  return (incoming, outgoing) => {
    const start = (): void => {
      clearTimeout(timer)
      waiting.delete(start)
      used += 1
      outgoing.once('close', () => {
        used -= 1
        for (const next of waiting) return next()
      })
      onRequest(incoming, outgoing)
    }
    const refuse = (): void => {
      waiting.delete(start)
      writeProblem(outgoing, later(503, FULL, 1))
    }
    const timer = setTimeout(refuse, waitMs)
    if (used < PLACES) return start()
    waiting.add(start)
    outgoing.once('close', () => {
      clearTimeout(timer)
      waiting.delete(start)
    })
  }
}

async function closed(server: HttpServer): Promise<void> {
  if (!server.listening) return
  const ended = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await ended
}
