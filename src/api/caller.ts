// Who asks: whoever opened the admin socket, a browser that is signed in, a program with a key, or nobody.

import type { IncomingMessage } from 'node:http'
import type { ApiKeys } from './api-keys.ts'
import type { Role } from './contract/sign-in.ts'
import { later, Problem } from './problem.ts'
import type { RequestRates } from './request-rates.ts'
import { checkOfCookie } from './request-checks.ts'
import type { Source } from './route.ts'
import { expiryOf, type SignIns } from './sign-ins.ts'

export interface Caller {
  readonly role: Role
  /** For the log: `key metrics`, `sign-in 8sKq2x1_`. */
  readonly name: string
  /** The user of MQTT whose rules count; null for other roles than `user`. */
  readonly username: string | null
  /** The sign-in of a cookie. */
  readonly signInId: string | null
  readonly expiresAt: number | null
  /** Whether it may still ask: a stream looks again and again. */
  readonly isValid: () => boolean
}

const OWNER: Caller = {
  role: 'operator',
  name: 'admin socket',
  username: null,
  signInId: null,
  expiresAt: null,
  isValid: () => true,
}

const NOT_PRIVATE =
  'keys and sign-ins are taken over TLS only, or from this machine: give the listener tls, or set dashboard.plain: true'

interface Doors {
  readonly keys: ApiKeys
  readonly signIns: SignIns
  readonly rates: RequestRates
  readonly isPlainAllowed: boolean
}

/** Returns null for nobody. Throws Problem for a wrong key. */
export function callerOf(incoming: IncomingMessage, source: Source, doors: Doors): Caller | null {
  if (source.door === 'socket') return OWNER
  const { authorization } = incoming.headers
  if (authorization !== undefined) {
    checkPrivacy(source, doors.isPlainAllowed)
    return ofKey(authorization, source, doors)
  }
  const token = cookieIn(incoming, cookieName(source.port))
  if (token === null) return null
  checkPrivacy(source, doors.isPlainAllowed)
  checkOfCookie(incoming)
  const signIn = doors.signIns.of(token)
  if (signIn === null) return null
  return {
    role: signIn.role,
    name: `sign-in ${signIn.id}`,
    username: null,
    signInId: signIn.id,
    expiresAt: expiryOf(signIn),
    isValid: () => doors.signIns.has(signIn.id),
  }
}

function ofKey(authorization: string, { address }: Source, { keys, rates }: Doors): Caller {
  const [scheme, key = ''] = authorization.split(' ')
  const entry = scheme?.toLowerCase() === 'bearer' ? keys.of(key) : null
  if (entry !== null) {
    const { id, name, role, username, expiresAt } = entry
    const isValid = (): boolean => keys.of(key)?.id === id
    return { role, name: `key ${name}`, username, signInId: null, expiresAt, isValid }
  }
  if (!rates.mayTry(address)) throw tooManyKeys()
  rates.wrongKey(address)
  throw new Problem(
    401,
    'there is no such key, or it has expired: pondhawk key add NAME makes one, and it is sent as Authorization: Bearer phk_…',
  )
}

export function tooManyKeys(): Problem {
  return later(429, 'too many wrong keys came from this address: wait a minute', 60)
}

/** Throws Problem if somebody on the way could read what is secret. */
export function checkPrivacy({ isPrivate }: Source, isPlainAllowed: boolean): void {
  if (!isPrivate && !isPlainAllowed) throw new Problem(403, NOT_PRIVATE)
}

/** Brokers on several ports of one host have cookies of their own, because cookies do not know ports. */
export function cookieName(port: number): string {
  return `pondhawk_${port}`
}

function cookieIn({ headers }: IncomingMessage, name: string): string | null {
  for (const part of (headers.cookie ?? '').split(';')) {
    const [key, value] = part.trim().split('=')
    if (key === name && value !== undefined && value !== '') return value
  }
  return null
}
