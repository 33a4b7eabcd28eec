// Reads values of ASN.1 in DER, as certificates and lists of revoked ones have them. What it reads was accepted by OpenSSL before.

interface DerValue {
  readonly tag: number
  readonly content: Buffer
  /** The whole value, with tag and length. */
  readonly whole: Buffer
}

export const DER_INTEGER = 0x02
export const DER_OBJECT_IDENTIFIER = 0x06
export const DER_SEQUENCE = 0x30
/** Explicitly tagged with 0: the version of a certificate. */
export const DER_TAGGED_0 = 0xa0

/** Returns the values that follow one another. Throws RangeError for what is no DER. */
export function* derValues(bytes: Buffer): Iterable<DerValue> {
  let at = 0
  while (at < bytes.length) {
    const tag = bytes.readUInt8(at)
    const short = bytes.readUInt8(at + 1)
    const lengthBytes = short < 0x80 ? 0 : short & 0x7f
    const length = lengthBytes === 0 ? short : bytes.readUIntBE(at + 2, lengthBytes)
    const start = at + 2 + lengthBytes
    const end = start + length
    if (end > bytes.length) throw new RangeError('a value of DER is longer than what is there')
    yield { tag, content: bytes.subarray(start, end), whole: bytes.subarray(at, end) }
    at = end
  }
}
