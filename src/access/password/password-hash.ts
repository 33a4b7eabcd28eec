// Parses and formats the hashes of password files: mosquitto's `$6$`, `$7$` and `$argon2id$`, and our `$scram-…$`.

/** One round of salted SHA-512. */
export interface Sha512Hash {
  readonly kind: 'sha512'
  readonly salt: Buffer
  readonly digest: Buffer
}

export interface Pbkdf2Hash {
  readonly kind: 'pbkdf2'
  readonly iterations: number
  readonly salt: Buffer
  readonly digest: Buffer
}

export interface Argon2idHash {
  readonly kind: 'argon2id'
  readonly memoryKiB: number
  readonly passes: number
  readonly lanes: number
  readonly salt: Buffer
  readonly digest: Buffer
}

export type ScramDigest = 'sha256' | 'sha512'

/** What SCRAM needs of a password (RFC 5802, section 3). A password in CONNECT can be verified by it as well. */
export interface ScramHash {
  readonly kind: 'scram'
  readonly by: ScramDigest
  readonly iterations: number
  readonly salt: Buffer
  /** StoredKey of the RFC. */
  readonly digest: Buffer
  /** With it the server proves to the client that it knows the user. */
  readonly serverKey: Buffer
}

export type PasswordHash = Sha512Hash | Pbkdf2Hash | Argon2idHash | ScramHash

/** mosquitto 2.0 reads only salts of 12 bytes, mosquitto 2.1 also of 64. */
export const SALT_BYTES = 12
export const DIGEST_BYTES = 64
/** The recommendation of OWASP for PBKDF2 with SHA-512. */
export const ITERATIONS = 210_000

const SALT_BYTES_MAX = 128
/** The client computes them, so they are fewer: a small device takes seconds for more. */
export const SCRAM_ITERATIONS = 65_536
/** RFC 7677 requires these. */
export const SCRAM_ITERATIONS_MIN = 4_096
/** With fewer the hash counts as weak. */
const SCRAM_ITERATIONS_STRONG = 16_384
export const SCRAM_SALT_BYTES = 16
export const SCRAM_DIGEST_BYTES = { sha256: 32, sha512: 64 } as const
/** With larger parameters a single login would take seconds or too much memory. */
export const ITERATIONS_MAX = 10_000_000
const MEMORY_KIB_MAX = 262_144
const PASSES_MAX = 100
const LANES_MAX = 16
const ARGON2_DIGEST_BYTES_MAX = 128

/** The error for an invalid hash, with a sentence. */
export class WrongHash extends Error {}

/** Throws WrongHash. */
export function parseHash(text: string): PasswordHash {
  const parts = text.split('$')
  switch (parts[1]) {
    case '6': {
      const [, , salt, digest] = expectParts(parts, 4, '$6$SALT$HASH')
      return { kind: 'sha512', salt: saltIn(salt), digest: digestIn(digest) }
    }
    case '7': {
      const [, , iterations, salt, digest] = expectParts(parts, 5, '$7$ITERATIONS$SALT$HASH')
      return {
        kind: 'pbkdf2',
        iterations: numberIn(iterations, 1, ITERATIONS_MAX, 'iterations'),
        salt: saltIn(salt),
        digest: digestIn(digest),
      }
    }
    case 'argon2id':
      return argon2idIn(parts)
    case 'scram-sha-256':
      return scramIn(parts, 'sha256')
    case 'scram-sha-512':
      return scramIn(parts, 'sha512')
    default:
      throw new WrongHash(
        text.startsWith('$')
          ? `this kind of hash is not known: $6$, $7$, $argon2id$ and $scram-sha-256$ are`
          : 'no hash follows the name, as if the password stood there itself: pondhawk passwd -U FILE hashes it',
      )
  }
}

/** Formats a hash for a password file. */
export function formatHash(hash: PasswordHash): string {
  const salt = hash.salt.toString('base64')
  const digest = hash.digest.toString('base64')
  switch (hash.kind) {
    case 'sha512':
      return `$6$${salt}$${digest}`
    case 'pbkdf2':
      return `$7$${hash.iterations}$${salt}$${digest}`
    case 'argon2id': {
      const costs = `m=${hash.memoryKiB},t=${hash.passes},p=${hash.lanes}`
      return `$argon2id$v=19$${costs}$${withoutPadding(salt)}$${withoutPadding(digest)}`
    }
    case 'scram': {
      const kind = hash.by === 'sha256' ? 'scram-sha-256' : 'scram-sha-512'
      return `$${kind}$${hash.iterations}$${salt}$${digest}$${hash.serverKey.toString('base64')}`
    }
  }
}

function withoutPadding(base64: string): string {
  return base64.replaceAll('=', '')
}

/** Whether the hash is weak: somebody with the file could find the password quickly. */
export function isWeak(hash: PasswordHash): boolean {
  switch (hash.kind) {
    case 'sha512':
      return true
    case 'pbkdf2':
      return hash.iterations < 10_000
    case 'scram':
      return hash.iterations < SCRAM_ITERATIONS_STRONG
    case 'argon2id':
      return false
  }
}

function argon2idIn(parts: readonly string[]): Argon2idHash {
  const shape = '$argon2id$v=19$m=KIB,t=PASSES,p=LANES$SALT$HASH'
  const [, , version, costs, salt, digest] = expectParts(parts, 6, shape)
  const [, memory, passes, lanes] = /^m=(\d+),t=(\d+),p=(\d+)$/.exec(costs) ?? []
  if (version !== 'v=19' || memory === undefined) throw new WrongHash(`expected ${shape}`)
  const lanesCount = numberIn(lanes, 1, LANES_MAX, 'lanes')
  return {
    kind: 'argon2id',
    memoryKiB: numberIn(memory, 8 * lanesCount, MEMORY_KIB_MAX, 'KiB of memory'),
    passes: numberIn(passes, 1, PASSES_MAX, 'passes'),
    lanes: lanesCount,
    salt: unpadded(salt, 8, SALT_BYTES_MAX, 'salt'),
    digest: unpadded(digest, 16, ARGON2_DIGEST_BYTES_MAX, 'hash'),
  }
}

function scramIn(parts: readonly string[], by: ScramDigest): ScramHash {
  const shape = `$${parts[1] ?? ''}$ITERATIONS$SALT$STOREDKEY$SERVERKEY`
  const [, , iterations, salt, storedKey, serverKey] = expectParts(parts, 6, shape)
  return {
    kind: 'scram',
    by,
    iterations: numberIn(iterations, SCRAM_ITERATIONS_MIN, ITERATIONS_MAX, 'iterations'),
    salt: saltIn(salt),
    digest: keyIn(storedKey, by),
    serverKey: keyIn(serverKey, by),
  }
}

type Parts = readonly [string, string, string, string, string, string]

function expectParts(parts: readonly string[], count: number, shape: string): Parts {
  if (parts.length !== count || parts[0] !== '') throw new WrongHash(`expected ${shape}`)
  const [one = '', two = '', three = '', four = '', five = '', six = ''] = parts
  return [one, two, three, four, five, six]
}

function numberIn(text: string | undefined, min: number, max: number, what: string): number {
  const number = /^\d{1,10}$/.test(text ?? '') ? Number(text) : Number.NaN
  if (number >= min && number <= max) return number
  throw new WrongHash(`the ${what} are ${min} to ${max}`)
}

function saltIn(text: string): Buffer {
  const salt = base64In(text, 'salt')
  if (salt.length > SALT_BYTES_MAX) throw new WrongHash(`the salt has over ${SALT_BYTES_MAX} bytes`)
  return salt
}

function digestIn(text: string): Buffer {
  const digest = base64In(text, 'hash')
  if (digest.length === DIGEST_BYTES) return digest
  throw new WrongHash(`the hash has ${digest.length} bytes, and not ${DIGEST_BYTES}: it was cut`)
}

function keyIn(text: string, by: ScramDigest): Buffer {
  const key = base64In(text, 'key')
  const expected = SCRAM_DIGEST_BYTES[by]
  if (key.length === expected) return key
  throw new WrongHash(`a key has ${key.length} bytes, and not ${expected}: it was cut`)
}

function unpadded(text: string, min: number, max: number, what: string): Buffer {
  const bytes = base64In(text.padEnd(Math.ceil(text.length / 4) * 4, '='), what)
  if (bytes.length >= min && bytes.length <= max) return bytes
  throw new WrongHash(`the ${what} has ${bytes.length} bytes, and not ${min} to ${max}`)
}

/** Decodes base64. Unlike Node it does not ignore invalid characters. */
function base64In(text: string, what: string): Buffer {
  const bytes = Buffer.from(text, 'base64')
  if (bytes.length > 0 && bytes.toString('base64') === text) return bytes
  throw new WrongHash(`the ${what} is not base64`)
}
