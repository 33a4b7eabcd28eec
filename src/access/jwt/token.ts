// The parts of a JSON Web Token (RFC 7519) in its compact form, before its signature is checked.

import { isRecord, parseStrictJson, WrongJson } from '../strict-json.ts'

export const TOKEN_BYTES_MAX = 8_192
const KEY_ID_LENGTH_MAX = 256

/** Its message says why a token is refused. It never contains a part of the token. */
export class WrongToken extends Error {}

export interface TokenHeader {
  readonly algorithm: string
  /** Null if the token does not name its key. */
  readonly keyId: string | null
}

interface ReadToken {
  readonly text: string
  readonly header: TokenHeader
  readonly claims: Readonly<Record<string, unknown>>
}

/** Base64url of `{`, and three parts. A password that looks like this is a token and nothing else. */
const FORM = /^e[w-z0-9_-][\w-]*\.[\w-]+\.[\w-]*$/

export function looksLikeToken(password: Buffer): boolean {
  if (password.length <= TOKEN_BYTES_MAX) return FORM.test(password.toString('latin1'))
  // The whole is not looked at: strangers choose how long it is.
  return FORM.test(`${password.toString('latin1', 0, 64).split('.')[0]}.x.`)
}

/** Throws WrongToken. */
export function readToken(bytes: Buffer): ReadToken {
  if (bytes.length > TOKEN_BYTES_MAX) {
    throw new WrongToken(`its token is longer than ${TOKEN_BYTES_MAX} bytes`)
  }
  const text = bytes.toString('latin1')
  const [header = '', claims = ''] = text.split('.')
  return { text, header: headerIn(recordIn(header)), claims: recordIn(claims) }
}

function headerIn({ alg, kid }: Readonly<Record<string, unknown>>): TokenHeader {
  if (typeof alg !== 'string') throw new WrongToken('its token names no algorithm')
  if (kid === undefined) return { algorithm: alg, keyId: null }
  if (typeof kid === 'string' && kid.length <= KEY_ID_LENGTH_MAX)
    return { algorithm: alg, keyId: kid }
  throw new WrongToken('its token has a wrong kid')
}

function recordIn(part: string): Readonly<Record<string, unknown>> {
  try {
    const value = parseStrictJson(Buffer.from(part, 'base64url'))
    if (isRecord(value)) return value
  } catch (error) {
    if (!(error instanceof WrongJson)) throw error
    throw new WrongToken(`a part of its token ${error.message}`, { cause: error })
  }
  throw new WrongToken('a part of its token is no JSON object')
}
