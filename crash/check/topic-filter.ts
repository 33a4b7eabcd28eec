// The checker's own matching of filters. It shares no code with the broker, so that a bug cannot hide itself.

/** Returns name and filter of a shared subscription, or null. */
export function shareOf(filter: string): string | null {
  return filter.startsWith('$share/') ? filter : null
}

export function matches(filter: string, topic: string): boolean {
  const plain = filter.startsWith('$share/') ? filter.split('/').slice(2).join('/') : filter
  if (plain.endsWith('/#') && !plain.includes('+')) return topic.startsWith(plain.slice(0, -1))
  if (!plain.includes('+') && !plain.includes('#')) return plain === topic
  return levelsMatch(plain.split('/'), topic.split('/'))
}

function levelsMatch(filter: readonly string[], topic: readonly string[]): boolean {
  for (const [index, level] of filter.entries()) {
    if (level === '#') return true
    if (index >= topic.length || (level !== '+' && level !== topic[index])) return false
  }
  return filter.length === topic.length
}
