// What a packet begins with: its type, its flags, and its length.

import { MalformedPacket } from './malformed.ts'
import type { ProtocolVersion } from './packet.ts'
import { MALFORMED_PACKET } from './reason.ts'

const DUP_FLAG = 0x08

/** Where the body of a packet begins. */
export function bodyStart(bytes: Buffer, start: number): number {
  let at = start + 1
  while ((bytes[at] ?? 0) > 0x7f) at += 1
  return at + 1
}

/** Reserved bits must be as the specification lists them [MQTT-2.1.3-1]. */
export function assertFlags(type: number, flags: number, version: ProtocolVersion): void {
  const isOfQoS1 = type === 6 || type === 8 || type === 10
  const expected = isOfQoS1 ? 0x02 : 0x00
  if (flags === expected) return
  // In 3.1 these packets have the DUP flag of a message of QoS 1.
  if (version === 3 && isOfQoS1 && flags === (expected | DUP_FLAG)) return
  throw new MalformedPacket(MALFORMED_PACKET, `reserved flags ${flags} in packet type ${type}`)
}
