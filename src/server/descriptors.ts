// Determines how many sockets the process may open, so that enough descriptors are left for files. Otherwise the store could
// not open its next file, and the process would end.

import { readdirSync, readFileSync } from 'node:fs'

/** The descriptors reserved for the store, reloaded certificates, the log, and name look-ups. */
const RESERVE = 32

interface SocketBound {
  /** The most open descriptors of the process. */
  readonly limit: number
  readonly socketsMax: number
}

/**
 * Must be called when the store is open and no client is connected. Returns null if the system has no /proc. The limit of the shell's
 * `ulimit -n` is in /proc/self/limits; Node raises the soft limit to the hard one at its start.
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
