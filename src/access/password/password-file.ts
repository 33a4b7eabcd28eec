// mosquitto's password files: `name:hash`, one user a line. One wrong line makes the file wrong. For SCRAM there is a comment with a key.

import { randomBytes } from 'node:crypto'
import { AccessFileError, linesOf, type Problem, trimmed } from '../access-file.ts'
import { isWeak, parseHash, type PasswordHash, WrongHash } from './password-hash.ts'

export interface PasswordUser {
  readonly name: string
  readonly hash: PasswordHash
  /** The hash as written in the file. A new password has another one. */
  readonly written: string
  readonly line: number
  readonly place: string
  /** The only client id that the user may have. Left out: any. */
  readonly clientId?: string
}

export interface PasswordFile {
  readonly users: ReadonlyMap<string, PasswordUser>
  /** The key that decoys for SCRAM are made with. Null if the file has none. */
  readonly decoyKey: Buffer | null
  readonly warnings: readonly Problem[]
}

/** Begins the line with the key. To mosquitto it is a comment. */
const DECOY_KEY = '#scram-decoys: '
const DECOY_KEY_BYTES = 32

/** Throws AccessFileError. `file` is the name of the file in error places. */
export function parsePasswordFile(bytes: Buffer, file: string): PasswordFile {
  const problems: Problem[] = []
  const users = new Map<string, PasswordUser>()
  let decoyKey: Buffer | null = null
  for (const { text, number, place } of linesOf(bytes, file, problems)) {
    if (trimmed(text) === '' || (text.startsWith('#') && !text.startsWith(DECOY_KEY))) continue
    try {
      if (text.startsWith('#')) {
        if (decoyKey !== null) throw new WrongHash('a second line with a key for decoys')
        decoyKey = decoyKeyIn(text)
        continue
      }
      const user = userIn(text, number, place)
      const earlier = users.get(user.name)
      if (earlier !== undefined)
        throw new WrongHash(`${nameOf(user)} stands in ${earlier.place} already`)
      users.set(user.name, user)
    } catch (error) {
      if (!(error instanceof WrongHash)) throw error
      problems.push({ place, sentence: error.message })
    }
  }
  if (problems.length > 0) throw new AccessFileError(problems)
  return {
    users,
    decoyKey,
    warnings: [...weaknesses(users, file), ...lacking(users, decoyKey, file)],
  }
}

/** Makes a line with a new key, for a file without one. */
export function newDecoyKeyLine(): string {
  return `${DECOY_KEY}${randomBytes(DECOY_KEY_BYTES).toString('base64')}\n`
}

/** Throws WrongHash. */
function decoyKeyIn(text: string): Buffer {
  const written = text.slice(DECOY_KEY.length)
  const key = Buffer.from(written, 'base64')
  if (key.length === DECOY_KEY_BYTES && key.toString('base64') === written) return key
  throw new WrongHash(`expected ${DECOY_KEY}KEY, of ${DECOY_KEY_BYTES} bytes in base64`)
}

/** Returns why a password file cannot contain this name; null if it can. */
export function nameProblem(name: string): string | null {
  if (name === '') return 'a user needs a name'
  if (name.includes(':')) return 'a name has no colon: the hash stands behind one'
  if (name.startsWith('#')) return 'a name does not begin with #: the line would be a comment'
  if (trimmed(name) !== name) return 'a name has no blanks at its ends'
  if (/\p{Cc}/u.test(name)) return 'a name has no control characters'
  return Buffer.byteLength(name) > NAME_BYTES_MAX
    ? `a name has ${NAME_BYTES_MAX} bytes at most`
    : null
}

/** The longest user name in CONNECT, in bytes. */
const NAME_BYTES_MAX = 65_535

function userIn(text: string, line: number, place: string): PasswordUser {
  const [name = '', hash] = text.split(':', 2)
  if (hash === undefined) throw new WrongHash('expected NAME:HASH, and there is no colon')
  // Text behind a second colon is ignored, as in mosquitto.
  return passwordUser(trimmed(name), trimmed(hash), line, place)
}

/** Throws WrongHash. */
export function passwordUser(
  name: string,
  written: string,
  line: number,
  place: string,
): PasswordUser {
  const problem = nameProblem(name)
  if (problem !== null) throw new WrongHash(problem)
  // The name is not told: it may be a hash whose line lacks its name.
  if (written === '') throw new WrongHash('the user has no password')
  return { name, hash: parseHash(written), written, line, place }
}

function nameOf({ name }: PasswordUser): string {
  return JSON.stringify(name)
}

/** Returns a warning if hashes are weak. */
export function weaknesses(
  users: ReadonlyMap<string, PasswordUser>,
  file: string,
): readonly Problem[] {
  const weak = [...users.values()].filter(({ hash }) => isWeak(hash)).length
  if (weak === 0) return []
  const sentence = `${weak} of ${users.size} hashes are weak: pondhawk user passwd NAME makes a strong one`
  return [{ place: file, sentence }]
}

function lacking(
  users: ReadonlyMap<string, PasswordUser>,
  decoyKey: Buffer | null,
  file: string,
): readonly Problem[] {
  const hasScram = [...users.values()].some(({ hash }) => hash.kind === 'scram')
  if (!hasScram || decoyKey !== null) return []
  const sentence = `no line ${DECOY_KEY}KEY: whoever compares the salts of SCRAM before and after a restart can find out who is a user. pondhawk user passwd NAME --scram writes it`
  return [{ place: file, sentence }]
}
