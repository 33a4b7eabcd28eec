// The key for the decoys of SCRAM where no password file has one. It is a file in the directory of the store, made at the first start.

import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { replaceFile } from '../access/edit-file.ts'

const NAME = 'scram-decoys.key'
const KEY_BYTES = 32

/** The directory must be locked by the store. Throws the error of the system if the key can be neither read nor written. */
export function decoyKeyIn(directory: string): Buffer {
  const file = join(directory, NAME)
  const kept = keptIn(file)
  if (kept !== null) return kept
  const key = randomBytes(KEY_BYTES)
  replaceFile(file, key)
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
