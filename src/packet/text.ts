// UTF-8 Encoded Strings (5.0, section 1.5.4), and how much of a client's text we repeat.

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

const EVERY_FORBIDDEN = new RegExp(FORBIDDEN, 'g')

function hasForbidden(text: string): boolean {
  return FORBIDDEN.test(text)
}

/** What is said in words, to a client or in a field of the log, has at most this many bytes in UTF-8. */
export const WORDS_BYTES_MAX = 256
/** A name that a client chose, where it is quoted in a sentence. */
const QUOTED_BYTES_MAX = 64
const ELLIPSIS = '…'
const ELLIPSIS_BYTES = 3

/**
 * The text, or as many whole characters of its beginning as the bound holds, and an ellipsis that says so. What is cut
 * has memory of its own and does not hold on to the whole text.
 */
export function shortened(text: string, bytesMax: number = WORDS_BYTES_MAX): string {
  // No unit of a string takes more than three bytes.
  if (text.length * 3 <= bytesMax) return text
  if (text.length <= bytesMax && Buffer.byteLength(text) <= bytesMax) return text
  let end = 0
  let left = bytesMax - ELLIPSIS_BYTES
  for (const character of text.slice(0, bytesMax)) {
    left -= Buffer.byteLength(character)
    if (left < 0) break
    end += character.length
  }
  return Buffer.from(text.slice(0, end), 'utf16le').toString('utf16le') + ELLIPSIS
}

/** A client's own word within a sentence: in quotes, harmless and cut. */
export function quoted(text: string): string {
  return shortened(JSON.stringify(shortened(text, QUOTED_BYTES_MAX)))
}

/** What the specification forbids in a string, or advises against, does not leave us in our own words. */
export function sayable(sentence: string): string {
  const cut = shortened(sentence)
  return hasForbidden(cut) ? shortened(cut.replaceAll(EVERY_FORBIDDEN, '\ufffd')) : cut
}
