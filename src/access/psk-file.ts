// Reads a psk_file of mosquitto: `identity:key` in each line, the key in hexadecimal. With one wrong line the whole file is refused. No
// sentence repeats a key.

import { timingSafeEqual } from 'node:crypto'
import { AccessFileError, linesOf, type Problem, trimmed } from './access-file.ts'
import { nameProblem } from './password/password-file.ts'

/** Longer ones are refused by OpenSSL. */
const IDENTITY_BYTES_MAX = 256
const KEY_BYTES_MAX = 256
/** Shorter keys can be guessed. */
const KEY_BYTES_STRONG = 16

/** A key that a client and the broker share. Its bytes are a private field, so that no log line shows them. */
export class PreSharedKey {
  readonly identity: string
  readonly #key: Buffer

  constructor(identity: string, key: Buffer) {
    this.identity = identity
    this.#key = key
  }

  /** For OpenSSL only. */
  get bytes(): Buffer {
    return this.#key
  }

  get isWeak(): boolean {
    return this.#key.length < KEY_BYTES_STRONG
  }

  hasSameKeyAs(other: PreSharedKey): boolean {
    return this.#key.length === other.#key.length && timingSafeEqual(this.#key, other.#key)
  }
}

export interface PskFile {
  readonly keys: ReadonlyMap<string, PreSharedKey>
  readonly warnings: readonly Problem[]
}

/** Throws AccessFileError. `file` is the name of the file in error places. */
export function parsePskFile(bytes: Buffer, file: string): PskFile {
  const problems: Problem[] = []
  const warnings: Problem[] = []
  const keys = new Map<string, PreSharedKey>()
  for (const { text, place } of linesOf(bytes, file, problems)) {
    if (trimmed(text) === '' || text.startsWith('#')) continue
    const read = keyIn(text)
    if (typeof read === 'string') problems.push({ place, sentence: read })
    else if (keys.has(read.identity)) {
      problems.push({ place, sentence: 'this identity is in the file already' })
    } else {
      keys.set(read.identity, read)
      if (read.isWeak) warnings.push({ place, sentence: WEAK })
    }
  }
  if (problems.length > 0) throw new AccessFileError(problems)
  return { keys, warnings }
}

const WEAK = `a key of less than ${KEY_BYTES_STRONG} bytes can be guessed: openssl rand -hex 32 makes a strong one`

/** Returns the key of a line, or what is wrong with it. */
function keyIn(line: string): PreSharedKey | string {
  const colon = line.indexOf(':')
  if (colon === -1) return 'expected IDENTITY:KEY, but there is no colon'
  const identity = trimmed(line.slice(0, colon))
  const problem = nameProblem(identity)
  if (problem !== null) return problem
  if (Buffer.byteLength(identity) > IDENTITY_BYTES_MAX) {
    return `an identity has ${IDENTITY_BYTES_MAX} bytes at most`
  }
  const written = trimmed(line.slice(colon + 1))
  if (!/^(?:[0-9a-f]{2})+$/i.test(written)) {
    return 'the key is not hexadecimal: two digits for each byte, and nothing else'
  }
  if (written.length > 2 * KEY_BYTES_MAX) return `a key has ${KEY_BYTES_MAX} bytes at most`
  return new PreSharedKey(identity, Buffer.from(written, 'hex'))
}
