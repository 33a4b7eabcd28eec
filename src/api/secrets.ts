// Secrets that are given out once and kept as hashes.

import { createHash, randomBytes } from 'node:crypto'

export function newSecret(bytes: number): string {
  return randomBytes(bytes).toString('base64url')
}

/** A secret has so many random bits that one SHA-256 of it tells nothing. */
export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url')
}
