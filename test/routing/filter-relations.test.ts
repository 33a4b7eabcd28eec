// How filters stand to each other, compared with all topics over a small alphabet.

import { test } from 'tap'
import { covers, overlap } from '../../src/routing/filter-relations.ts'
import { topicMatches } from '../../src/routing/topic.ts'

const LEVELS = ['a', 'b', '$s', '']
const FILTER_LEVELS = ['a', '$s', '', '+']

function joined(levels: readonly string[], depth: number): string[] {
  if (depth === 1) return [...levels]
  return [
    ...levels,
    ...levels.flatMap(each => joined(levels, depth - 1).map(rest => `${each}/${rest}`)),
  ]
}

// One level deeper than the filters, so that what `#` adds is seen. The empty topic, which nobody can publish to, is
// among them: the parent of `/#`.
const TOPICS = joined(LEVELS, 4)
const FILTERS = joined(FILTER_LEVELS, 3)
  .flatMap(filter => [filter, `${filter}/#`])
  .concat('#')
  .filter(filter => filter !== '')

test('a filter covers another exactly when every topic of the other is one of its own', async t => {
  const wrong: string[] = []
  for (const inner of FILTERS) {
    const topics = TOPICS.filter(topic => topicMatches(inner, topic))
    for (const outer of FILTERS) {
      const expected = topics.every(topic => topicMatches(outer, topic))
      if (covers(outer, inner) !== expected) wrong.push(`${outer} covers ${inner}: ${!expected}`)
    }
  }
  t.strictSame(wrong, [])
})

test('two filters overlap exactly when they have a topic in common', async t => {
  const wrong: string[] = []
  for (const one of FILTERS) {
    const topics = TOPICS.filter(topic => topicMatches(one, topic))
    for (const other of FILTERS) {
      const expected = topics.some(topic => topicMatches(other, topic))
      if (overlap(one, other) !== expected) wrong.push(`${one} overlaps ${other}: ${!expected}`)
    }
  }
  t.strictSame(wrong, [])
})
