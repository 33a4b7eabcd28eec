// "Did you mean …?"

/** A longer one is no mistake of a person, and takes long to compare. */
const WORD_LENGTH_MAX = 100

/** Returns the most similar known word, or null when none is similar. */
export function nearest(word: string, known: readonly string[]): string | null {
  if (word.length > WORD_LENGTH_MAX) return null
  let best: string | null = null
  // At most half of a short word may differ, because all words of three letters are similar.
  const distanceMax = Math.min(
    Math.max(2, Math.floor(word.length / 3)),
    Math.max(1, word.length - 2),
  )
  let bestDistance = distanceMax + 1
  for (const candidate of known) {
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best
}

/** Returns how many letters must be added, removed or changed. */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (const [index, letter] of one.split('').entries()) {
    const next = [index + 1]
    for (let column = 0; column < other.length; column++) {
      const changed = (row[column] ?? 0) + (letter === other[column] ? 0 : 1)
      next.push(Math.min(changed, (row[column + 1] ?? 0) + 1, (next[column] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
