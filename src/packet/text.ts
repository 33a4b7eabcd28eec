// UTF-8 Encoded Strings (5.0, section 1.5.4), and how a client's text is shortened before the broker repeats it.

import { isUtf8 } from 'node:buffer'
import { MalformedPacket } from './malformed.ts'
import { MALFORMED_PACKET } from './reason.ts'
import { LOOP_BYTES_MAX } from './sizes.ts'

/** Decodes a string. Refuses what the specification forbids, and control characters, as mosquitto does. */
export function textOf(bytes: Buffer, start: number, end: number, what: string): string {
  if (end - start <= LOOP_BYTES_MAX && isPrintableAscii(bytes, start, end)) {
    return bytes.latin1Slice(start, end)
  }
  // Ill-formed UTF-8, including surrogates [MQTT-1.5.4-1].
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

// U+0000 is forbidden [MQTT-1.5.4-2]. Control characters and non-characters should not be used. U+FEFF is allowed [MQTT-1.5.4-3].
const FORBIDDEN =
  /[\u0000-\u001f\u007f-\u009f\ufdd0-\ufdef\ufffe\uffff]|[\ud83f\ud87f\ud8bf\ud8ff\ud93f\ud97f\ud9bf\ud9ff\uda3f\uda7f\udabf\udaff\udb3f\udb7f\udbbf\udbff][\udffe\udfff]/

const EVERY_FORBIDDEN = new RegExp(FORBIDDEN, 'g')

export function hasForbidden(text: string): boolean {
  return FORBIDDEN.test(text)
}

/** The most bytes, in UTF-8, of a reason string to a client and of a field of the log. */
export const WORDS_BYTES_MAX = 256
/** The most bytes of a client's name that is quoted in a sentence. */
const QUOTED_BYTES_MAX = 64
const ELLIPSIS = '…'
const ELLIPSIS_BYTES = 3

/**
 * Returns the text, or as many whole characters of its beginning as the bound allows, followed by an ellipsis. A cut text
 * has memory of its own, so that the whole text can be freed.
 */
export function shortened(text: string, bytesMax: number = WORDS_BYTES_MAX): string {
  // A UTF-16 unit takes at most three bytes in UTF-8.
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

/** Returns a client's text for use within a sentence: in quotes, with harmless characters, and cut. */
export function quoted(text: string): string {
  return shortened(JSON.stringify(shortened(text, QUOTED_BYTES_MAX)))
}

/** Replaces characters that the specification forbids or advises against in strings. */
export function sayable(sentence: string): string {
  const cut = shortened(sentence)
  return hasForbidden(cut) ? shortened(cut.replaceAll(EVERY_FORBIDDEN, '\ufffd')) : cut
}
