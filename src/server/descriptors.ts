// How many sockets the process may open, with descriptors left for the files that it needs: without them the store could
// not open its next file, and the process would end.

import { readdirSync, readFileSync } from 'node:fs'

/** For the files of the store, reloaded certificates, the log, and look-ups of names. */
const RESERVE = 32

interface SocketBound {
  /** Descriptors that the process may have open. */
  readonly limit: number
  readonly socketsMax: number
}

/**
 * To be called when the store is open and no client is connected. Null where the system has no /proc. What the shell's
 * `ulimit -n` allows stands in /proc/self/limits; Node raises the soft limit to the hard one as it starts.
 */
export function socketBound(listeners: number): SocketBound | null {
  const limit = descriptorLimit()
  if (limit === null) return null
  const inUse = readdirSync('/proc/self/fd').length + listeners
  return { limit, socketsMax: Math.max(1, limit - inUse - RESERVE) }
}

function descriptorLimit(): number | null {
  try {
    const limits = readFileSync('/proc/self/limits', 'utf8')
    const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1]
    return soft === undefined ? null : Number(soft)
  } catch {
    return null
  }
}
