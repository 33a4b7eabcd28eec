// The proofs of SCRAM (RFC 5802, section 3): the client's, that it knows the password, and the server's, that it knows the user.

import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { ScramHash } from '../password/password-hash.ts'

/** Whether the client knows the password. `message` is all that both have said. */
export function proofMatches(hash: ScramHash, message: string, proof: Buffer): boolean {
  const signature = createHmac(hash.by, hash.digest).update(message).digest()
  const isWhole = proof.length === signature.length
  const clientKey = Buffer.from(signature.map((byte, index) => byte ^ (proof[index] ?? 0)))
  const storedKey = createHash(hash.by).update(clientKey).digest()
  return timingSafeEqual(storedKey, hash.digest) && isWhole
}

export function serverProof(hash: ScramHash, message: string): Buffer {
  const signature = createHmac(hash.by, hash.serverKey).update(message).digest('base64')
  return Buffer.from(`v=${signature}`)
}
