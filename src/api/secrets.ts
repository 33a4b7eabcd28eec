// Secrets that are given out once and kept as hashes, in a file of the data folder or in memory.

import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { z as zod } from 'zod'
import type { Log } from '../observe/log.ts'

const OWNER_ONLY = 0o600

export function newSecret(bytes: number): string {
  return randomBytes(bytes).toString('base64url')
}

/** A secret has so many random bits that one SHA-256 of it tells nothing. */
export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}

export class KeptList<Entry> {
  readonly #name: string
  readonly #schema: zod.ZodType<readonly Entry[]>
  readonly #log: Log
  /** Null: only in memory. */
  #file: string | null = null

  constructor(name: string, schema: zod.ZodType<readonly Entry[]>, log: Log) {
    this.#name = name
    this.#schema = schema
    this.#log = log
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
      this.#log.error(
        { event: 'api.unreadable', file, cause },
        'the file cannot be read: sign in again, and make keys again',
      )
      return []
    }
  }

  /** Returns false if the file cannot be written. */
  keep(entries: readonly Entry[]): boolean {
    const file = this.#file
    if (file === null) return true
    try {
      const temporary = `${file}.new`
      // The rename makes the complete file appear at once.
      writeFileSync(temporary, `${JSON.stringify(entries)}\n`, { mode: OWNER_ONLY, flush: true })
      renameSync(temporary, file)
      return true
    } catch (error) {
      const cause = causeOf(error)
      this.#log.error({ event: 'api.not-kept', file, cause }, 'the file cannot be written')
      return false
    }
  }
}

function causeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return 'code' in error ? String(error.code) : 'it has another form'
}
