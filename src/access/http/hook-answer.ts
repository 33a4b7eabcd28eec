// The request to an HTTP service that knows users, and its answer, in the shapes of EMQX.

import type { Credentials } from '../access.ts'
import type { FoundOrRefused } from '../authenticator.ts'
import { readGivenRules } from '../given-rules.ts'
import { UNRESTRICTED } from '../permissions.ts'
import { refusal, WRONG } from '../refusals.ts'
import { isRecord, parseStrictJson } from '../strict-json.ts'
import { HttpFailure } from './http-request.ts'

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** What the service is asked: all of it is in the body, as JSON. Null if the password is not text. */
export function questionOf(credentials: Credentials): Buffer | null {
  const { clientId, username, password, address, transport, certificate } = credentials
  try {
    const text = password === null ? null : UTF8.decode(password)
    const question = {
      clientid: clientId,
      username,
      password: text,
      peerhost: address,
      protocol: 'mqtt',
      transport,
      cert_common_name: certificate?.commonName ?? null,
    }
    return Buffer.from(JSON.stringify(question))
  } catch {
    return null
  }
}

/** Null if the service does not know the client. Throws HttpFailure, WrongJson or WrongRules for an answer that is none. */
export function answerIn(
  status: number,
  body: Buffer,
  { username }: Credentials,
  now: number,
): FoundOrRefused {
  const found = { kind: 'found', username, authentication: 'http' } as const
  if (status === 204) return { ...found, rights: null, validForMs: null }
  if (status !== 200) throw new HttpFailure(`an answer with status ${status}`)
  const answer = parseStrictJson(body)
  if (!isRecord(answer)) throw new HttpFailure('an answer that is no JSON object')
  switch (answer['result']) {
    case 'ignore':
      return null
    case 'deny':
      return WRONG
    case 'allow':
      break
    default:
      throw new HttpFailure('an answer whose result is none of allow, deny and ignore')
  }
  const validForMs = durationIn(answer['expire_at'], now)
  if (validForMs !== null && validForMs <= 0) return EXPIRED
  return { ...found, rights: rightsIn(answer), validForMs }
}

function rightsIn({ is_superuser: isSuperuser, acl }: Readonly<Record<string, unknown>>) {
  if (isSuperuser === true) return UNRESTRICTED
  if (isSuperuser !== undefined && isSuperuser !== false) {
    throw new HttpFailure('an answer whose is_superuser is neither true nor false')
  }
  return acl === undefined ? null : readGivenRules(acl, 'HTTP service, acl')
}

/** `expire_at` is in seconds since 1970. */
function durationIn(expireAt: unknown, now: number): number | null {
  if (expireAt === undefined) return null
  if (typeof expireAt === 'number') return expireAt * 1_000 - now
  throw new HttpFailure('an answer whose expire_at is no number')
}

const EXPIRED = refusal('its authentication has expired')
