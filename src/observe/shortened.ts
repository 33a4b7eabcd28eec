// Words that came from the network, cut to a length that can be read and stored.

const CUT = '…'

/** The text, or as much of its beginning as fits with a mark of the cut and its true length. */
export function shortened(text: string, bytesMax: number): string {
  // No character takes more than three bytes a unit.
  if (text.length * 3 <= bytesMax) return text
  const bytes = Buffer.byteLength(text)
  if (bytes <= bytesMax) return text
  const mark = `${CUT} (${bytes} bytes)`
  return beginningOf(text, bytesMax - Buffer.byteLength(mark)) + mark
}

/** By way of bytes, so that it has memory of its own and does not hold on to the whole text. */
function beginningOf(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text.slice(0, bytesMax))
  let end = Math.min(bytes.length, bytesMax)
  // Not within a character.
  while (end > 0 && end < bytes.length && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1
  return bytes.toString('utf8', 0, end)
}
