// A list of certificates: a fingerprint a line, and behind it the user, if the certificate itself does not say who that is.
// One wrong line makes the file wrong.

import { AccessFileError, linesOf, type Problem, trimmed } from './access-file.ts'
import { plainFingerprint } from './certificate-users.ts'
import { isUserName, NO_USER_NAME } from './user-name.ts'

/** The users by fingerprint; null where the certificate says who it is. */
export type FingerprintFile = ReadonlyMap<string, string | null>

const FINGERPRINT = /^[0-9a-f]{2}(?::?[0-9a-f]{2}){31}$/i

/** Throws AccessFileError. `file` is the name of the file in error places. */
export function parseFingerprintFile(bytes: Buffer, file: string): FingerprintFile {
  const problems: Problem[] = []
  const users = new Map<string, string | null>()
  for (const { text, place } of linesOf(bytes, file, problems)) {
    const line = trimmed(text)
    if (line === '' || line.startsWith('#')) continue
    const [written = '', name = null] = parted(line)
    const fingerprint = plainFingerprint(written)
    const sentence = problemOf(written, name, users.has(fingerprint))
    if (sentence === null) users.set(fingerprint, name)
    else problems.push({ place, sentence })
  }
  if (problems.length > 0) throw new AccessFileError(problems)
  return users
}

/** The fingerprint, and the name behind the first blank. */
function parted(line: string): readonly string[] {
  const blank = line.search(/[ \t]/)
  return blank === -1 ? [line] : [line.slice(0, blank), trimmed(line.slice(blank))]
}

function problemOf(written: string, name: string | null, isThere: boolean): string | null {
  if (!FINGERPRINT.test(written))
    return 'expected SHA-256 in hexadecimal, and then a user name or nothing'
  if (isThere) return 'this fingerprint stands in the file already'
  if (name === null || isUserName(name)) return null
  return `${JSON.stringify(name)} ${NO_USER_NAME}`
}
