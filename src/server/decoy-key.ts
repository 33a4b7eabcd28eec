// The key for the decoys of SCRAM where no password file has one. It is a file in the directory of the store, made at the first start.

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
  // The rename makes the complete file appear at once.
  const temporary = `${file}.new`
  writeFileSync(temporary, key, { mode: OWNER_ONLY, flush: true })
  renameSync(temporary, file)
  return key
}

/** Returns null if there is no file, or if it does not hold a key. Then it is made anew. */
function keptIn(file: string): Buffer | null {
  try {
    const key = readFileSync(file)
    return key.length === KEY_BYTES ? key : null
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}
