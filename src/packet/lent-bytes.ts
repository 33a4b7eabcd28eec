// Lent bytes: bytes that are valid only during the call that passes them. Their memory is reused afterwards.

/**
 * A Buffer that may be read within the call and not kept. Every Buffer can be passed as lent bytes, but lent bytes cannot be
 * assigned to a Buffer, so code that keeps them without a copy does not compile. Code that reads them within the call
 * uses `as Buffer`.
 */
export type LentBytes = Pick<Buffer, 'length' | 'byteOffset'>

/** Returns a copy that may be kept. */
export function copyOfLent(bytes: LentBytes): Buffer {
  return Buffer.from(bytes as Buffer)
}
