// How many front ends there are: by the configuration, or by the CPUs that this process may use.

import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import type { Config } from '../config/config-types.ts'
import { cpusIn } from './cpu-quota.ts'

/** One CPU is the core's, one that of the store and the system. */
const OTHER_CPUS = 2
const AUTO_MAX = 8
const CGROUPS = '/sys/fs/cgroup'

export function frontEndsOf({
  frontEnds,
  listeners,
}: Pick<Config, 'frontEnds' | 'listeners'>): number {
  if (listeners.length === 0) return 0
  return frontEnds === 'auto' ? automatic(allowedCpus()) : frontEnds
}

export function automatic(cpus: number): number {
  // Windows hands no sockets over to another process.
  if (process.platform === 'win32') return 0
  return Math.max(0, Math.min(AUTO_MAX, Math.floor(cpus) - OTHER_CPUS))
}

/** The CPUs that the scheduler gives this process, or the part of them that its control groups allow. */
function allowedCpus(): number {
  return Math.min(availableParallelism(), groupCpus(readOrNull))
}

/** `read` returns the content of a file, or null. Infinity for no bound. */
export function groupCpus(read: (file: string) => string | null): number {
  const path = /^0::(\/.*)$/m.exec(read('/proc/self/cgroup') ?? '')?.[1] ?? '/'
  let cpus = Infinity
  const names = path.split('/').filter(name => name !== '')
  for (let depth = names.length; depth >= 0; depth--) {
    const folder = [CGROUPS, ...names.slice(0, depth)].join('/')
    cpus = Math.min(cpus, cpusIn(read(`${folder}/cpu.max`) ?? ''))
  }
  return cpus
}

function readOrNull(file: string): string | null {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return null
  }
}
