// Bytes that are only lent: they lie in memory that is written to again when the call that brought them has returned.
// They are no Buffer to the compiler, so that a message, a queue or a map cannot keep them unless they are copied.

declare const LENT: unique symbol

export interface LentBytes {
  readonly [LENT]: true
  readonly length: number
}

/** The caller will write to this memory again. */
export function lend(bytes: Buffer): LentBytes {
  return bytes as Buffer & LentBytes
}

/** To be read within the call that brought them. Whoever keeps some of them copies those. */
export function lentBuffer(bytes: Buffer | LentBytes): Buffer {
  return bytes as Buffer & LentBytes
}

/** A copy that may be kept. */
export function copyOfLent(bytes: LentBytes): Buffer {
  return Buffer.from(lentBuffer(bytes))
}
