// What an acknowledged message survives in a stream: never more is said than is known of the engine.

import type { Durability } from '../store.ts'

/** Earlier servers cannot sync before they answer, and lose messages of replicated streams. One replica is safe from kills with them. */
const SUPPORTED_SINCE = [2, 10] as const

interface EngineFacts {
  readonly replicas: number
  /** Whether the configuration states that all servers have `sync_interval: always`, which no client of NATS can see. */
  readonly syncsAlways: boolean
  /** The version of the server. */
  readonly version: string
}

export function durabilityOf({ replicas, syncsAlways, version }: EngineFacts): Durability {
  if (syncsAlways && isSupported(version)) return 'fsync'
  return replicas > 1 ? 'replicated' : 'os'
}

/** Returns why the engine cannot be what the configuration says, or null. */
export function engineProblem({ replicas, syncsAlways, version }: EngineFacts): string | null {
  if (isSupported(version)) return null
  // The crash test shows it: after a purge and a kill, the server that led has lost all messages before the purge.
  if (replicas > 1) {
    return `store.jetstream.replicas is ${replicas}, and nats-server ${version} loses messages of replicated streams when it is killed: 2.10 or newer is needed`
  }
  if (!syncsAlways) return null
  return `store.jetstream.syncsAlways is true, and nats-server ${version} cannot sync before it answers: 2.10 is the first that can`
}

function isSupported(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [sinceMajor, sinceMinor] = SUPPORTED_SINCE
  return major > sinceMajor || (major === sinceMajor && minor >= sinceMinor)
}
