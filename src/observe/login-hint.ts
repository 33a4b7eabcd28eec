// The command that lets a refused client in, for the log.

import type { ClientFacts } from '../broker/observer.ts'
import { BAD_USER_NAME_OR_PASSWORD, type ReasonCode } from '../packet/reason.ts'

/** Names that a shell takes as they are. Others are left to the reader. */
const PLAIN_NAME = /^\w[\w.@-]{0,63}$/

const ASSIGNED = /^auto-[\da-f]{24}$/

/** Returns what to type, or null where that would not help. It is the same for known and unknown users. */
export function loginHint({ username, clientId }: ClientFacts, reason: ReasonCode): string | null {
  if (reason !== BAD_USER_NAME_OR_PASSWORD) return null
  // An assigned client id is another one at the next try.
  if (username === null)
    return `pondhawk user add ${ASSIGNED.test(clientId) ? 'NAME' : plain(clientId)}`
  const name = plain(username)
  return `pondhawk user passwd ${name}, or for a new user pondhawk user add ${name}`
}

function plain(name: string): string {
  return PLAIN_NAME.test(name) ? name : 'NAME'
}
