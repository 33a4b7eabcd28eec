// The version of a text file that is changed over the API, for ETag and If-Match.

import { createHash } from 'node:crypto'
import { Problem } from './problem.ts'

export function versionOf(text: string): string {
  return `"${createHash('sha256').update(text).digest('base64url').slice(0, 22)}"`
}

/** Returns the version that the request is about. `from`: where it is read. Throws Problem. */
export function askedVersion(asked: Headers, from: string): string {
  const match = asked.get('if-match')
  if (match !== null) return match
  throw new Problem(428, `send If-Match with the version of GET ${from}`)
}

/** Throws Problem if the file is another one by now. */
export function checkVersion(text: string, version: string, what: string): void {
  if (versionOf(text) === version) return
  throw new Problem(412, `somebody has changed ${what} meanwhile: read it again`)
}
