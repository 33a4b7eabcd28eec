// A list that is kept in a file of the data folder, or in memory if there is none.

import { readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { z as zod } from 'zod'
import { replaceFile } from '../access/edit-file.ts'
import type { Log } from '../observe/log.ts'

export class KeptList<Entry> {
  readonly #name: string
  readonly #lost: string
  readonly #schema: zod.ZodType<readonly Entry[]>
  readonly #log: Log
  /** Null: only in memory. */
  #file: string | null = null

  /** `lost`: what to do if the file cannot be read, for the log. */
  constructor(name: string, lost: string, schema: zod.ZodType<readonly Entry[]>, log: Log) {
    this.#name = name
    this.#lost = lost
    this.#schema = schema
    this.#log = log
  }

  get isKept(): boolean {
    return this.#file !== null
  }

  /** The directory must be locked by the store. Returns what was kept there. */
  open(directory: string): readonly Entry[] {
    const file = join(directory, this.#name)
    this.#file = file
    try {
      return this.#schema.parse(JSON.parse(readFileSync(file, 'utf8')))
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return []
      const cause = error instanceof SyntaxError ? 'it is damaged' : causeOf(error)
      const aside = `${file}.unreadable`
      const kept = couldRename(file, aside) ? { aside } : {}
      this.#log.error(
        { event: 'api.unreadable', file, cause, ...kept },
        `the file cannot be read: ${this.#lost}`,
      )
      return []
    }
  }

  /** Returns false if the file cannot be written. */
  keep(entries: readonly Entry[]): boolean {
    const file = this.#file
    if (file === null) return true
    try {
      replaceFile(file, `${JSON.stringify(entries)}\n`)
      return true
    } catch (error) {
      const cause = causeOf(error)
      this.#log.error({ event: 'api.not-kept', file, cause }, 'the file cannot be written')
      return false
    }
  }
}

/** So that the next entry does not overwrite what somebody may still mend. */
function couldRename(file: string, aside: string): boolean {
  try {
    renameSync(file, aside)
    return true
  } catch {
    return false
  }
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error ? String(error.code) : 'it has another form'
}
