// The keys that tokens are verified with. Each key has the algorithms that it may be used with, so that a token cannot choose one
// for which the key was not made.

import { createPublicKey, createSecretKey, type KeyObject, type JsonWebKey } from 'node:crypto'
import { isRecord, parseStrictJson, WrongJson } from '../strict-json.ts'
import type { TokenHeader } from './token.ts'

export type Algorithm =
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA'
  | 'Ed25519'
  | 'HS256'
  | 'HS384'
  | 'HS512'

const KEYS_MAX = 100
const RSA_BITS_MIN = 2_048
const RSA_BITS_MAX = 8_192
/** 65,537 has 3 bytes. A long exponent makes a check as slow as a signature. */
const RSA_EXPONENT_MAX = 0xffff_ffffn
const SECRET_BYTES_MIN = 32

export interface VerificationKey {
  readonly id: string | null
  readonly key: KeyObject
  readonly algorithms: readonly Algorithm[]
}

/** Its message says what is wrong with a key. */
export class WrongKeys extends Error {}

export class KeySet {
  readonly #keys: readonly VerificationKey[]

  constructor(keys: readonly VerificationKey[]) {
    this.#keys = keys
  }

  get size(): number {
    return this.#keys.length
  }

  /** Returns the key for a token; null when there is none, or when a token without `kid` fits several. */
  keyFor({ algorithm, keyId }: TokenHeader): VerificationKey | null {
    const fitting = this.#keys.filter(
      ({ id, algorithms }) =>
        (keyId === null || id === keyId || id === null) &&
        algorithms.some(each => each === algorithm),
    )
    const named = fitting.filter(({ id }) => id === keyId)
    const [only, ...others] = named.length > 0 ? named : fitting
    return only === undefined || others.length > 0 ? null : only
  }
}

const RSA: readonly Algorithm[] = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']
const CURVES = new Map<string | undefined, Algorithm>([
  ['prime256v1', 'ES256'],
  ['secp384r1', 'ES384'],
  ['secp521r1', 'ES512'],
])
const SECRET: readonly Algorithm[] = ['HS256', 'HS384', 'HS512']

/** Keys in the form of RFC 7517. Keys of kinds that are not used here are left out. Throws WrongKeys. */
export function parseJwks(bytes: Buffer, allowed: readonly Algorithm[] | undefined): KeySet {
  const set = jsonIn(bytes)
  const entries = isRecord(set) ? set['keys'] : undefined
  if (!Array.isArray(entries)) throw new WrongKeys('is no JWKS: an object with a list "keys"')
  if (entries.length > KEYS_MAX) {
    throw new WrongKeys(`has ${entries.length} keys, and ${KEYS_MAX} are the most`)
  }
  const keys = entries.map(keyIn).filter(each => each !== null)
  return usable(keys, allowed)
}

/** A public key or a certificate in PEM. Throws WrongKeys. */
export function parsePemKey(bytes: Buffer, allowed: readonly Algorithm[] | undefined): KeySet {
  const text = bytes.toString('latin1')
  if (/PRIVATE KEY/.test(text))
    throw new WrongKeys('has a private key, and the public one is enough')
  const key = publicKey(() => createPublicKey(bytes))
  return usable([{ id: null, key, algorithms: algorithmsOf(key) }], allowed)
}

/** A secret that signs and verifies. White space at its end does not count. Throws WrongKeys. */
export function parseSecret(bytes: Buffer, allowed: readonly Algorithm[] | undefined): KeySet {
  const secret = Buffer.from(bytes.toString('latin1').trimEnd(), 'latin1')
  if (secret.length < SECRET_BYTES_MIN) {
    throw new WrongKeys(`has ${secret.length} bytes, and a secret needs ${SECRET_BYTES_MIN}`)
  }
  return usable([{ id: null, key: createSecretKey(secret), algorithms: SECRET }], allowed)
}

function usable(keys: readonly VerificationKey[], allowed: readonly Algorithm[] = []): KeySet {
  const limited = keys
    .map(each => ({
      ...each,
      algorithms:
        allowed.length === 0
          ? each.algorithms
          : each.algorithms.filter(one => allowed.includes(one)),
    }))
    .filter(({ algorithms }) => algorithms.length > 0)
  if (limited.length === 0) throw new WrongKeys('has no key for any of the algorithms')
  return new KeySet(limited)
}

function jsonIn(bytes: Buffer): unknown {
  try {
    return parseStrictJson(bytes)
  } catch (error) {
    if (!(error instanceof WrongJson)) throw error
    throw new WrongKeys(error.message, { cause: error })
  }
}

/** Null for a key that is not for signatures, or of another kind. Secrets are not accepted: whoever reads them could sign. */
function keyIn(entry: unknown): VerificationKey | null {
  if (!isRecord(entry)) throw new WrongKeys('has a key that is no object')
  const { kty, use, kid, alg, d } = entry
  if (d !== undefined) throw new WrongKeys('has a private key')
  const isOurs = kty === 'RSA' || kty === 'EC' || kty === 'OKP'
  if (!isOurs || (use !== undefined && use !== 'sig')) return null
  if (kid !== undefined && typeof kid !== 'string') throw new WrongKeys('has a kid that is no text')
  // Node checks the members.
  const key = publicKey(() => createPublicKey({ key: entry as JsonWebKey, format: 'jwk' }))
  const possible = algorithmsOf(key)
  const algorithms = alg === undefined ? possible : possible.filter(each => each === alg)
  return { id: kid ?? null, key, algorithms }
}

function publicKey(make: () => KeyObject): KeyObject {
  try {
    return make()
  } catch {
    throw new WrongKeys('has a key that cannot be read')
  }
}

/** Empty for a key that is not used. Throws WrongKeys for a weak one. */
function algorithmsOf(key: KeyObject): readonly Algorithm[] {
  const { modulusLength = 0, publicExponent = 0n, namedCurve } = key.asymmetricKeyDetails ?? {}
  switch (key.asymmetricKeyType) {
    case 'rsa':
      if (modulusLength < RSA_BITS_MIN || modulusLength > RSA_BITS_MAX) {
        throw new WrongKeys(
          `has an RSA key of ${modulusLength} bits, not ${RSA_BITS_MIN} to ${RSA_BITS_MAX}`,
        )
      }
      if (publicExponent > RSA_EXPONENT_MAX)
        throw new WrongKeys('has an RSA key with a long exponent')
      return RSA
    case 'ec': {
      const algorithm = CURVES.get(namedCurve)
      return algorithm === undefined ? [] : [algorithm]
    }
    case 'ed25519':
      return ['EdDSA', 'Ed25519']
    default:
      return []
  }
}
