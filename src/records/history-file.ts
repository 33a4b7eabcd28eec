// The history in a small file beside the store, so that charts survive a restart. It is written anew each time, and renamed when it
// is complete; a damaged one, or one of another version, is ignored.

import { readFileSync } from 'node:fs'
import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { thrownSentence } from '../thrown.ts'
import { type History, RANGES, SERIES, VALUES } from './history.ts'

const NAME = 'history.bin'
const HEAD = Buffer.from('pondhawk history 1\n')
/** Another list of series or ranges makes another file. */
const SHAPE = crc32(JSON.stringify([SERIES, RANGES]))
const RANGES_COUNT = Object.keys(RANGES).length
const OWNER_ONLY = 0o600
const FLOAT_BYTES = 8
const BODY_BYTES = (RANGES_COUNT + VALUES) * FLOAT_BYTES
const FILE_BYTES = HEAD.length + 8 + BODY_BYTES

export class HistoryFile {
  readonly #path: string

  constructor(directory: string) {
    this.#path = join(directory, NAME)
  }

  /** Continues the history of the file. Returns why it cannot; null if it can, or if there is no file. */
  readInto(history: History): string | null {
    let bytes: Buffer
    try {
      bytes = readFileSync(this.#path)
    } catch (error) {
      return isMissing(error) ? null : thrownSentence(error)
    }
    if (bytes.length !== FILE_BYTES || !bytes.subarray(0, HEAD.length).equals(HEAD)) {
      return `${NAME} is no history of this version`
    }
    const body = Buffer.from(bytes.subarray(HEAD.length + 8))
    if (bytes.readUInt32LE(HEAD.length) !== SHAPE) return `${NAME} has other series`
    if (bytes.readUInt32LE(HEAD.length + 4) !== crc32(body)) return `${NAME} is damaged`
    const numbers = Float64Array.from({ length: RANGES_COUNT + VALUES }, (_, index) =>
      body.readDoubleLE(index * FLOAT_BYTES),
    )
    history.restore(numbers.subarray(RANGES_COUNT), [...numbers.subarray(0, RANGES_COUNT)])
    return null
  }

  /** Returns why it could not be written, or null. */
  async write(history: History): Promise<string | null> {
    try {
      const isNew = `${this.#path}.new`
      await writeFile(isNew, bytesOf(history), { mode: OWNER_ONLY })
      await rename(isNew, this.#path)
      return null
    } catch (error) {
      return thrownSentence(error)
    }
  }
}

function bytesOf(history: History): Buffer {
  const body = Buffer.alloc(BODY_BYTES)
  let at = 0
  for (const step of history.steps) at = body.writeDoubleLE(step, at)
  for (const value of history.values) at = body.writeDoubleLE(value, at)
  const sums = Buffer.alloc(8)
  sums.writeUInt32LE(SHAPE, 0)
  sums.writeUInt32LE(crc32(body), 4)
  return Buffer.concat([HEAD, sums, body])
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
