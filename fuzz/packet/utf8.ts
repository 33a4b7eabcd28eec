// UTF-8 as RFC 3629 and section 1.5.4 of 5.0 define it, read one code point after another.

/** Returns the code point that begins at `at`, or -1 if the bytes are not well-formed. `lengthOf` gives its size. */
export function codePointAt(bytes: Uint8Array, at: number, end: number): number {
  const first = bytes[at] ?? 0
  if (first < 0x80) return first
  const length =
    first >= 0xc2 && first <= 0xdf
      ? 2
      : first >> 4 === 0x0e
        ? 3
        : first >= 0xf0 && first <= 0xf4
          ? 4
          : 0
  if (length === 0 || at + length > end) return -1
  let value = first & (0x7f >> length)
  for (let index = 1; index < length; index++) {
    const byte = bytes[at + index] ?? 0
    if (byte >> 6 !== 0b10) return -1
    value = (value << 6) | (byte & 0x3f)
  }
  const least = length === 2 ? 0x80 : length === 3 ? 0x800 : 0x1_0000
  const isSurrogate = value >= 0xd800 && value <= 0xdfff
  return value < least || value > 0x10_ffff || isSurrogate ? -1 : value
}

/** The size of a code point in bytes. */
export function lengthOf(codePoint: number): number {
  if (codePoint < 0x80) return 1
  if (codePoint < 0x800) return 2
  return codePoint < 0x1_0000 ? 3 : 4
}

/**
 * Whether the bytes are a string that the broker accepts. U+0000 is forbidden [MQTT-1.5.4-2]. Control characters and
 * non-characters "should not" be included (section 1.5.4); the broker refuses them, as mosquitto does.
 */
export function isText(bytes: Uint8Array, start: number, end: number): boolean {
  let at = start
  while (at < end) {
    const codePoint = codePointAt(bytes, at, end)
    if (codePoint < 0x20 || (codePoint >= 0x7f && codePoint <= 0x9f)) return false
    if ((codePoint >= 0xfdd0 && codePoint <= 0xfdef) || (codePoint & 0xfffe) === 0xfffe)
      return false
    at += lengthOf(codePoint)
  }
  return true
}

/** Whether the text is what the bytes say. They are well-formed. */
export function sameText(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  let at = start
  let index = 0
  while (at < end) {
    const codePoint = codePointAt(bytes, at, end)
    if (text.codePointAt(index) !== codePoint) return false
    index += codePoint > 0xffff ? 2 : 1
    at += lengthOf(codePoint)
  }
  return index === text.length
}
