// The CPU time and memory of a process and all its descendants, from /proc.

import { readdirSync, readFileSync } from 'node:fs'

/** USER_HZ, which is 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100

/** Returns the process and all its descendants. */
export function processTree(root: number): readonly number[] {
  const childrenOf = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const parent = Number(statOf(Number(name))?.[1] ?? -1)
    const siblings = childrenOf.get(parent)
    if (siblings === undefined) childrenOf.set(parent, [Number(name)])
    else siblings.push(Number(name))
  }
  const tree = [root]
  for (const pid of tree) tree.push(...(childrenOf.get(pid) ?? []))
  return tree
}

/** Returns user and system time, also of children that have ended. */
export function cpuSeconds(tree: readonly number[]): number {
  let ticks = 0
  for (const pid of tree) {
    const stat = statOf(pid)
    // utime, stime, cutime, cstime are fields 14 to 17; `stat` begins with field 3.
    for (const field of [11, 12, 13, 14]) ticks += Number(stat?.[field] ?? 0)
  }
  return ticks / TICKS_PER_SECOND
}

export function rssBytes(tree: readonly number[]): number {
  return memoryOf(tree, 'VmRSS')
}

export function peakRssBytes(tree: readonly number[]): number {
  return memoryOf(tree, 'VmHWM')
}

function memoryOf(tree: readonly number[], field: string): number {
  let kibibytes = 0
  for (const pid of tree) {
    const match = new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(read(`/proc/${pid}/status`))
    kibibytes += Number(match?.[1] ?? 0)
  }
  return kibibytes * 1_024
}

/** Returns the fields behind the program name, which may contain spaces, or null for a process that has ended. */
function statOf(pid: number): readonly string[] | null {
  const text = read(`/proc/${pid}/stat`)
  const end = text.lastIndexOf(')')
  return end < 0 ? null : text.slice(end + 2).split(' ')
}

function read(path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    // The process ended between two readings, and has used nothing since.
    return ''
  }
}
