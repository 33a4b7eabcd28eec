// The file of a Unix socket. The file of a broker that has ended is removed; the file of a running broker is not.

import { chmod, lstat, unlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { isMainThread } from 'node:worker_threads'

/** Owner and group may connect. */
const SOCKET_MODE = 0o660

/** The longest path of a socket in bytes. The system silently cuts longer paths. */
export const PATH_BYTES_MAX = 107

/** Prepares the path. Rejects with a sentence when it is in use. */
export async function prepareSocketPath(path: string): Promise<void> {
  if (Buffer.byteLength(path) > PATH_BYTES_MAX) {
    throw new Error(
      `${path} is longer than the ${PATH_BYTES_MAX} bytes that a Unix socket may have`,
    )
  }
  const found = await lstat(path).catch(() => null)
  if (found === null) return
  if (!found.isSocket()) throw new Error(`${path} is there already and is no socket`)
  if (await isAnswered(path)) {
    const sentence = `another program listens on ${path}`
    throw Object.assign(new Error(sentence), { code: 'EADDRINUSE' })
  }
  await unlink(path)
}

export async function restrictSocketPath(path: string): Promise<void> {
  await chmod(path, SOCKET_MODE)
}

/** Listens so that others cannot open the socket even before its mode is set, whatever the umask of the process is. */
export function listenWithMask(mask: number, listen: () => void): void {
  // Threads have no umask to set.
  if (!isMainThread) {
    listen()
    return
  }
  const before = process.umask(mask)
  try {
    listen()
  } finally {
    process.umask(before)
  }
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise(resolve => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', () => resolve(false))
  })
}
