// YAML is read in a time that grows with its length.

import { test } from 'tap'
import { loadConfig } from '../../src/config/load.ts'
import { nearest } from '../../src/config/nearest.ts'
import { mistakeIn, parseYaml } from '../../src/config/yaml-text.ts'

function milliseconds(text: string): number {
  const times = [1, 2, 3].map(() => {
    const since = performance.now()
    mistakeIn(parseYaml(text))
    return performance.now() - since
  })
  return Math.min(...times)
}

test('ten times as many keys or errors take about ten times as long', t => {
  const keys = (count: number) =>
    Array.from({ length: count }, (_, index) => `a${index}:\n`).join('')
  const anchors = (count: number) => `${'&a '.repeat(count)}x`

  // 100 if it grew with the square.
  t.ok(milliseconds(keys(10_000)) < 40 * milliseconds(keys(1_000)))
  t.ok(milliseconds(anchors(10_000)) < 40 * milliseconds(anchors(1_000)))
  t.end()
})

test('a key that a map has twice is a mistake with its place, and of many mistakes a hundred are said', t => {
  const load = (text: string) =>
    loadConfig({ file: 'a.yaml', text, environment: {}, overrides: {} })
  const many = Array.from({ length: 7_000 }, (_, index) => `a${index}:\n`).join('')

  t.throws(() => load('log: {}\naccess: { users: { a: 1, "a": 2 } }\n'), {
    message: /^a\.yaml:2:26 {2}Map keys must be unique\n/,
  })
  t.throws(() => load(many), { message: /a99: unknown key[^]*\nand 6900 more$/ })
  t.equal(nearest('x'.repeat(40_000), ['x']), null)
  t.end()
})
