// The key that decoys for SCRAM are made with, where no password file has it: a file beside the store, made at the first start.

import { randomBytes } from 'node:crypto'
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const NAME = 'scram-decoys.key'
const KEY_BYTES = 32
const OWNER_ONLY = 0o600

/** The directory must be locked by the store. Throws the error of the system if the key can be neither read nor written. */
export function decoyKeyIn(directory: string): Buffer {
  const file = join(directory, NAME)
  const kept = keptIn(file)
  if (kept !== null) return kept
  const key = randomBytes(KEY_BYTES)
  // One that is half written is never there under its name.
  const temporary = `${file}.new`
  writeFileSync(temporary, key, { mode: OWNER_ONLY, flush: true })
  renameSync(temporary, file)
  return key
}

/** Null for none, and for a file that is no key: it is replaced. */
function keptIn(file: string): Buffer | null {
  try {
    const key = readFileSync(file)
    return key.length === KEY_BYTES ? key : null
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}
