// Computes password hashes. A hash takes a tenth of a second and blocks its thread, so a broker has a separate thread for it.

import {
  createHash,
  createHmac,
  pbkdf2,
  pbkdf2Sync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'
import { promisify } from 'node:util'
import {
  type Argon2idHash,
  DIGEST_BYTES,
  ITERATIONS,
  type PasswordHash,
  type Pbkdf2Hash,
  SALT_BYTES,
  SCRAM_DIGEST_BYTES,
  SCRAM_ITERATIONS,
  SCRAM_SALT_BYTES,
  type ScramDigest,
  type ScramHash,
  type Sha512Hash,
} from './password-hash.ts'

/** Compares in constant time. */
export async function hashMatches(hash: PasswordHash, password: Uint8Array): Promise<boolean> {
  return timingSafeEqual(await digestOf(hash, password), hash.digest)
}

export function newPbkdf2(password: Uint8Array, iterations: number = ITERATIONS): Pbkdf2Hash {
  const salt = randomBytes(SALT_BYTES)
  const digest = pbkdf2Sync(password, salt, iterations, DIGEST_BYTES, 'sha512')
  return { kind: 'pbkdf2', iterations, salt, digest }
}

/** The same without blocking this thread: for single changes, not for logins. */
export async function newPbkdf2Elsewhere(password: Uint8Array): Promise<Pbkdf2Hash> {
  const salt = randomBytes(SALT_BYTES)
  const digest = await promisify(pbkdf2)(password, salt, ITERATIONS, DIGEST_BYTES, 'sha512')
  return { kind: 'pbkdf2', iterations: ITERATIONS, salt, digest }
}

export function newSha512(password: Uint8Array): Sha512Hash {
  const salt = randomBytes(SALT_BYTES)
  return { kind: 'sha512', salt, digest: sha512(password, salt) }
}

export function newScram(
  password: Uint8Array,
  by: ScramDigest,
  iterations: number = SCRAM_ITERATIONS,
): ScramHash {
  const salt = randomBytes(SCRAM_SALT_BYTES)
  const salted = saltedPassword(password, { by, salt, iterations })
  const serverKey = createHmac(by, salted).update('Server Key').digest()
  return { kind: 'scram', by, iterations, salt, digest: storedKey(salted, by), serverKey }
}

type ScramCosts = Pick<ScramHash, 'by' | 'salt' | 'iterations'>

function saltedPassword(password: Uint8Array, { by, salt, iterations }: ScramCosts): Buffer {
  return pbkdf2Sync(password, salt, iterations, SCRAM_DIGEST_BYTES[by], by)
}

function storedKey(salted: Buffer, by: ScramDigest): Buffer {
  const clientKey = createHmac(by, salted).update('Client Key').digest()
  return createHash(by).update(clientKey).digest()
}

function digestOf(hash: PasswordHash, password: Uint8Array): Promise<Buffer> | Buffer {
  switch (hash.kind) {
    case 'sha512':
      return sha512(password, hash.salt)
    case 'pbkdf2':
      return pbkdf2Sync(password, hash.salt, hash.iterations, hash.digest.length, 'sha512')
    case 'argon2id':
      return argon2idDigest(hash, password)
    case 'scram':
      return storedKey(saltedPassword(password, hash), hash.by)
  }
}

function sha512(password: Uint8Array, salt: Buffer): Buffer {
  return createHash('sha512').update(password).update(salt).digest()
}

async function argon2idDigest(hash: Argon2idHash, password: Uint8Array): Promise<Buffer> {
  // The library does not accept an empty password. No valid hash belongs to one.
  if (password.length === 0) return Buffer.alloc(hash.digest.length)
  const { argon2id } = await import('hash-wasm')
  const digest = await argon2id({
    password,
    salt: hash.salt,
    memorySize: hash.memoryKiB,
    iterations: hash.passes,
    parallelism: hash.lanes,
    hashLength: hash.digest.length,
    outputType: 'binary',
  })
  return Buffer.from(digest)
}
