// The fixed header of a packet: type, flags and Remaining Length.

import { MalformedPacket } from './malformed.ts'
import type { ProtocolVersion } from './packet.ts'
import { MALFORMED_PACKET } from './reason.ts'

/** The largest Remaining Length: four bytes of seven bits each (section 2.1.4). */
export const REMAINING_LENGTH_MAX = 268_435_455

/** The largest packet, with its fixed header of five bytes. */
export const PACKET_BYTES_MAX = REMAINING_LENGTH_MAX + 5

/** Returns where the body of a packet begins. */
export function bodyStart(bytes: Buffer, start: number): number {
  let at = start + 1
  while ((bytes[at] ?? 0) > 0x7f) at += 1
  return at + 1
}

/** Whether the Remaining Length has needless bytes. */
export function isLongHeader(bytes: Buffer, start: number, body: number): boolean {
  return bytes[body - 1] === 0 && body - start > 2
}

/** In 3.1 receivers ignore the flags of these packets, and some devices encode lengths with a fixed width. */
export function assertHeader(
  type: number,
  flags: number,
  isLong: boolean,
  version: ProtocolVersion,
): void {
  if (version === 3) return
  // [MQTT-1.5.5-1]
  if (isLong) throw new MalformedPacket(MALFORMED_PACKET, 'remaining length has a needless byte')
  if (type !== 3) assertFlags(type, flags)
}

/** Checks the reserved bits [MQTT-2.1.3-1]. */
function assertFlags(type: number, flags: number): void {
  const expected = type === 6 || type === 8 || type === 10 ? 0x02 : 0x00
  if (flags === expected) return
  throw new MalformedPacket(MALFORMED_PACKET, `reserved flags ${flags} in packet type ${type}`)
}
