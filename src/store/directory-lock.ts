// A lock file, so that only one process at a time uses a directory. The file names its holder: process id, start time of
// the process, and boot. A holder that was killed leaves the file behind; these values show that it has ended.

import { linkSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bootId } from './machine-time.ts'

interface Holder {
  readonly pid: number
  /** Clock ticks from the boot to the start of the process; 0 if unknown. */
  readonly startedAt: number
  readonly boot: string
}

export class DirectoryLock {
  readonly #path: string
  readonly #holder: string

  /** Locks the directory. Throws an error that names the holder when there is one. */
  constructor(directory: string) {
    this.#path = join(directory, 'lock')
    this.#holder = JSON.stringify(thisProcess())
    const draft = `${this.#path}.${process.pid}`
    writeFileSync(draft, this.#holder, { mode: 0o600 })
    try {
      this.#take(draft, directory)
    } finally {
      unlinkSync(draft)
    }
  }

  release(): void {
    if (readIfThere(this.#path) === this.#holder) unlinkSync(this.#path)
  }

  #take(draft: string, directory: string): void {
    for (let tries = 0; tries < 10; tries++) {
      if (couldLink(draft, this.#path)) return
      const text = readIfThere(this.#path)
      if (text === null) continue
      const holder = holderIn(text)
      if (holder !== null && isAlive(holder)) {
        const sentence = `Another Pondhawk (process ${holder.pid}) uses ${directory}.`
        throw Object.assign(new Error(sentence), { code: 'ERR_STORE_LOCKED' })
      }
      this.#setAside(text)
    }
    throw new Error(`${directory} cannot be locked: ${this.#path} comes back again and again`)
  }

  /** Removes a left-over file, but not one that another process has written meanwhile. */
  #setAside(stale: string): void {
    const aside = `${this.#path}.stale.${process.pid}`
    try {
      renameSync(this.#path, aside)
    } catch {
      // Another process was faster.
      return
    }
    if (readIfThere(aside) !== stale) couldLink(aside, this.#path)
    unlinkSync(aside)
  }
}

function couldLink(from: string, to: string): boolean {
  try {
    linkSync(from, to)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

function readIfThere(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null
  }
}

function holderIn(text: string): Holder | null {
  try {
    const { pid, startedAt, boot } = JSON.parse(text) as Partial<Holder>
    if (typeof pid !== 'number' || typeof startedAt !== 'number' || typeof boot !== 'string') {
      return null
    }
    return { pid, startedAt, boot }
  } catch {
    return null
  }
}

function thisProcess(): Holder {
  return { pid: process.pid, startedAt: startOf(process.pid), boot: bootId() }
}

function isAlive(holder: Holder): boolean {
  if (holder.boot !== bootId() || !isRunning(holder.pid)) return false
  return startOf(holder.pid) === holder.startedAt
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    // The process exists but belongs to another user.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false
  }
  return !isZombie(pid)
}

/** Whether the process is a zombie: it has ended, and its parent has not read its status (field 3 of /proc/PID/stat). */
function isZombie(pid: number): boolean {
  const fields = readIfThere(`/proc/${pid}/stat`)
  const state = fields?.slice(fields.lastIndexOf(')') + 2)[0]
  return state === 'Z' || state === 'X'
}

/** Returns the start time: field 22 of /proc/PID/stat. The name in field 2 may contain spaces and brackets. */
function startOf(pid: number): number {
  const fields = readIfThere(`/proc/${pid}/stat`)
  if (fields === null) return 0
  return Number(fields.slice(fields.lastIndexOf(')') + 2).split(' ')[19] ?? 0)
}
