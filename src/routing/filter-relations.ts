// Relations between two topic filters. Both must be well formed, without `$share/name/`.

import { isHiddenFromWildcards, levelEnd, startsWithWildcard } from './topic.ts'

const HASH = '#'
const PLUS = '+'

/** Whether `outer` matches every topic that `inner` matches. */
export function covers(outer: string, inner: string): boolean {
  if (startsWithWildcard(outer) && isHiddenFromWildcards(inner)) return false // [MQTT-4.7.2-1]
  return coversLevels(outer, inner)
}

/** The same if topics that begin with `$` were not hidden from wildcards. */
export function coversLevels(outer: string, inner: string): boolean {
  // Every topic has a first level, so `+/#` matches the same topics as `#`.
  if (inner === HASH) return outer === HASH || outer === '+/#'
  let outerAt = 0
  let innerAt = 0
  for (;;) {
    const outerLevel = levelAt(outer, outerAt)
    const innerLevel = levelAt(inner, innerAt)
    if (outerLevel === HASH) return true
    if (outerLevel === null || innerLevel === null) return outerLevel === innerLevel
    if (innerLevel === HASH) return false
    if (outerLevel !== PLUS && outerLevel !== innerLevel) return false
    outerAt += outerLevel.length + 1
    innerAt += innerLevel.length + 1
  }
}

/** Whether there is a topic that both match. */
export function overlap(one: string, other: string): boolean {
  if (startsWithWildcard(one) && isHiddenFromWildcards(other)) return false // [MQTT-4.7.2-1]
  if (startsWithWildcard(other) && isHiddenFromWildcards(one)) return false
  let oneAt = 0
  let otherAt = 0
  for (;;) {
    const oneLevel = levelAt(one, oneAt)
    const otherLevel = levelAt(other, otherAt)
    // `a/#` matches `a` as well.
    if (oneLevel === HASH || otherLevel === HASH) return true
    if (oneLevel === null || otherLevel === null) return oneLevel === otherLevel
    if (oneLevel !== PLUS && otherLevel !== PLUS && oneLevel !== otherLevel) return false
    oneAt += oneLevel.length + 1
    otherAt += otherLevel.length + 1
  }
}

/** Returns the level that starts at `start`; null beyond the last level. */
function levelAt(filter: string, start: number): string | null {
  return start > filter.length ? null : filter.slice(start, levelEnd(filter, start))
}
