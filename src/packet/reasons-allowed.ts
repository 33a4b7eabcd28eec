// The reason codes that each packet may have (5.0, section 2.4 and the tables of each packet).

import { MalformedPacket } from './malformed.ts'
import { isReasonCode, PROTOCOL_ERROR, type ReasonCode } from './reason.ts'

type ReasonedPacket =
  | 'connack'
  | 'puback'
  | 'pubrec'
  | 'pubrel'
  | 'pubcomp'
  | 'suback'
  | 'unsuback'
  | 'disconnect'
  | 'auth'

const PUBLISH_ANSWERS = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]

const ALLOWED: Readonly<Record<ReasonedPacket, ReadonlySet<number>>> = {
  connack: new Set([
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97,
    0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f,
  ]),
  puback: new Set(PUBLISH_ANSWERS),
  pubrec: new Set(PUBLISH_ANSWERS),
  pubrel: new Set([0x00, 0x92]),
  pubcomp: new Set([0x00, 0x92]),
  suback: new Set([0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2]),
  unsuback: new Set([0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91]),
  disconnect: new Set([
    0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95,
    0x96, 0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
  ]),
  auth: new Set([0x00, 0x18, 0x19]),
}

/** Returns the byte as a reason code of this packet type. Any other byte is a Protocol Error. */
export function reasonIn(packet: ReasonedPacket, value: number): ReasonCode {
  if (isReasonCode(value) && ALLOWED[packet].has(value)) return value
  throw new MalformedPacket(PROTOCOL_ERROR, `reason code ${value} is none of ${packet}`)
}

/** The packet types that may have the reason. */
export function packetsWith(reason: ReasonCode): readonly string[] {
  return Object.entries(ALLOWED).flatMap(([packet, codes]) => (codes.has(reason) ? [packet] : []))
}
