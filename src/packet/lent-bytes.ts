// Bytes that are only lent: they lie in memory that is written to again when the call that brought them has returned.

/**
 * What a Buffer is to whoever may read it within the call and not keep it. Every Buffer may be lent, and lent bytes are no
 * Buffer to the compiler: a message, a queue or a map cannot keep them unless they are copied. Whoever reads them within
 * the call says `as Buffer`.
 */
export type LentBytes = Pick<Buffer, 'length' | 'byteOffset'>

/** A copy that may be kept. */
export function copyOfLent(bytes: LentBytes): Buffer {
  return Buffer.from(bytes as Buffer)
}
