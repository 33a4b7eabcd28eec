// Computes password hashes. A hash takes a tenth of a second and blocks its thread, so a broker has a separate thread for it.

import { createHash, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto'
import {
  type Argon2idHash,
  DIGEST_BYTES,
  ITERATIONS,
  type PasswordHash,
  type Pbkdf2Hash,
  SALT_BYTES,
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

export function newSha512(password: Uint8Array): Sha512Hash {
  const salt = randomBytes(SALT_BYTES)
  return { kind: 'sha512', salt, digest: sha512(password, salt) }
}

function digestOf(hash: PasswordHash, password: Uint8Array): Promise<Buffer> | Buffer {
  switch (hash.kind) {
    case 'sha512':
      return sha512(password, hash.salt)
    case 'pbkdf2':
      return pbkdf2Sync(password, hash.salt, hash.iterations, hash.digest.length, 'sha512')
    case 'argon2id':
      return argon2idDigest(hash, password)
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
