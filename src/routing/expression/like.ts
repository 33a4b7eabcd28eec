// The patterns of LIKE: `%` is any text, everything else is itself. The pieces between are searched for once, from left to right,
// so the time grows with the text alone.

/** `pieces`: the pattern, divided at each `%`. */
export function likeOf(pieces: readonly string[]): (text: string) => boolean {
  const [first = '', ...rest] = pieces
  const last = rest.pop()
  if (last === undefined) return text => text === first
  if (rest.length === 0) return text => isFramed(text, first, last)
  return text => {
    if (!isFramed(text, first, last)) return false
    const end = text.length - last.length
    let from = first.length
    for (const piece of rest) {
      const at = text.indexOf(piece, from)
      if (at === -1 || at + piece.length > end) return false
      from = at + piece.length
    }
    return true
  }
}

function isFramed(text: string, first: string, last: string): boolean {
  return text.length >= first.length + last.length && text.startsWith(first) && text.endsWith(last)
}
