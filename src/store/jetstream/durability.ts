// What an acknowledged message survives in a stream: never more is said than is known of the engine.

import type { Durability } from '../store.ts'

/** Earlier ones cannot sync before they answer. */
const SYNCING_SINCE = [2, 10] as const

interface EngineFacts {
  readonly replicas: number
  /** Whether the configuration states that all servers have `sync_interval: always`, which no client of NATS can see. */
  readonly syncsAlways: boolean
  /** The version of the server. */
  readonly version: string
}

export function durabilityOf({ replicas, syncsAlways, version }: EngineFacts): Durability {
  if (syncsAlways && canSync(version)) return 'fsync'
  return replicas > 1 ? 'replicated' : 'os'
}

/** Returns why the engine cannot do what the configuration states, or null. */
export function syncProblem({ syncsAlways, version }: EngineFacts): string | null {
  if (!syncsAlways || canSync(version)) return null
  return `store.jetstream.syncsAlways is true, and nats-server ${version} cannot sync before it answers: 2.10 is the first that can`
}

function canSync(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [sinceMajor, sinceMinor] = SYNCING_SINCE
  return major > sinceMajor || (major === sinceMajor && minor >= sinceMinor)
}
