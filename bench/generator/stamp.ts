// The stamp in each payload: it identifies a delivery, its order and its time.

/** Publisher, sequence, microseconds, mark: four bytes each. No payload is smaller. */
export const STAMP_BYTES = 16

/** Distinguishes payloads of the generator from bytes that were split wrongly. */
export const MARK = 0x504f_4e44

export function writeStamp(
  bytes: Uint8Array,
  at: number,
  publisher: number,
  sequence: number,
  microseconds: number,
): void {
  writeUint32(bytes, at, publisher)
  writeUint32(bytes, at + 4, sequence)
  writeUint32(bytes, at + 8, microseconds)
  writeUint32(bytes, at + 12, MARK)
}

export function writeUint32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}

export function readUint32(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0)
  const low = ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
  return high * 65_536 + low
}
