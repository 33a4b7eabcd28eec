// The matching rules of section 4.7 in their simplest form, and repeatable random numbers. Tests of routing compare with them.

export function bruteForceMatches(filter: string, topic: string): boolean {
  const wanted = filter.split('/')
  const levels = topic.split('/')
  const startsWild = wanted[0] === '+' || wanted[0] === '#'
  if (topic.startsWith('$') && startsWild) return false
  if (wanted.at(-1) === '#') {
    const before = wanted.slice(0, -1)
    return levels.length >= before.length && allMatch(before, levels)
  }
  return wanted.length === levels.length && allMatch(wanted, levels)
}

function allMatch(wanted: readonly string[], levels: readonly string[]): boolean {
  return wanted.every((level, index) => level === '+' || level === levels[index])
}

/** Numbers from 0 to below 1, the same ones for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

export function pick<Item>(items: readonly Item[], random: () => number): Item {
  const item = items[Math.floor(random() * items.length)]
  if (item === undefined) throw new Error('nothing to pick from')
  return item
}

/** Filters and topics of few levels from a small alphabet: most of them overlap. */
export function randomFilter(random: () => number): string {
  const text = randomLevels(['a', 'b', 'c', '', '+', '+', '$x'], random)
  const roll = random()
  if (roll < 0.02) return '#'
  return roll < 0.3 ? `${text}/#` : text
}

export function randomTopic(random: () => number): string {
  return randomLevels(['a', 'b', 'c', '', '$x'], random)
}

/** Never the empty text, which is neither a topic nor a filter. */
function randomLevels(levels: readonly string[], random: () => number): string {
  const count = 1 + Math.floor(random() * 4)
  const text = Array.from({ length: count }, () => pick(levels, random)).join('/')
  return text === '' ? '/' : text
}
