// UTF-8 Encoded Strings (5.0, section 1.5.4).

import { isUtf8 } from 'node:buffer'
import { MalformedPacket } from './malformed.ts'
import { MALFORMED_PACKET } from './reason.ts'
import { LOOP_BYTES_MAX } from './sizes.ts'

/** The string in these bytes. Refuses what the specification forbids, and control characters as mosquitto does. */
export function textOf(bytes: Buffer, start: number, end: number, what: string): string {
  if (end - start <= LOOP_BYTES_MAX && isPrintableAscii(bytes, start, end)) {
    return bytes.latin1Slice(start, end)
  }
  // Ill-formed sequences, surrogates among them [MQTT-1.5.4-1].
  if (!isUtf8(bytes.subarray(start, end)))
    throw new MalformedPacket(MALFORMED_PACKET, `${what} is not UTF-8`)
  const text = bytes.utf8Slice(start, end)
  if (hasForbidden(text)) {
    throw new MalformedPacket(
      MALFORMED_PACKET,
      `${what} has a control character or a non-character`,
    )
  }
  return text
}

function isPrintableAscii(bytes: Buffer, start: number, end: number): boolean {
  for (let index = start; index < end; index++) {
    const byte = bytes[index] ?? 0
    if (byte < 0x20 || byte > 0x7e) return false
  }
  return true
}

// U+0000 must not be there [MQTT-1.5.4-2]; control characters and non-characters should not. U+FEFF may [MQTT-1.5.4-3].
const FORBIDDEN =
  /[\u0000-\u001f\u007f-\u009f\ufdd0-\ufdef\ufffe\uffff]|[\ud83f\ud87f\ud8bf\ud8ff\ud93f\ud97f\ud9bf\ud9ff\uda3f\uda7f\udabf\udaff\udb3f\udb7f\udbbf\udbff][\udffe\udfff]/

function hasForbidden(text: string): boolean {
  return FORBIDDEN.test(text)
}
