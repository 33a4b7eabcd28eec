// YAML is read in a time that grows with its length.

import { test } from 'tap'
import { loadConfig } from '../../src/config/load.ts'
import { nearest } from '../../src/nearest.ts'
import { isLongYaml, mistakeIn, parseYaml } from '../../src/config/yaml-text.ts'

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

const DEEP: readonly (readonly [string, string])[] = [
  ['lists', '['.repeat(48_000)],
  ['maps', '{'.repeat(48_000)],
  ['maps with keys', '{a: '.repeat(12_000)],
  ['lists on one line', '- '.repeat(24_000)],
  ['complex keys', '? '.repeat(24_000)],
  ['lines', Array.from({ length: 300 }, (_, depth) => `${' '.repeat(depth)}a:\n`).join('')],
]

for (const [what, text] of DEEP) {
  test(`${what} within one another are a mistake with a place, and no end of the process`, t => {
    const mistake = mistakeIn(parseYaml(text))

    t.match(mistake, { sentence: 'more than 64 collections are within one another' })
    t.ok(mistake !== null && mistake.offset > 0 && mistake.offset < 3_000)
    t.end()
  })
}

test('collections within one another up to the bound are read', t => {
  const text = `a: ${'['.repeat(50)}${']'.repeat(50)}`

  t.equal(mistakeIn(parseYaml(text)), null)
  t.match(parseYaml('---\na: 1\n---\nb: 1\n').errors, [{ message: /more than one document/ }])
  t.match(parseYaml('a: ]\n]\n]').errors.length, 1)
  t.end()
})

test('a text of very many words and signs is known before it is read', t => {
  const users = Array.from({ length: 400 }, (_, index) => `  - {name: user${index}, hash: xyz}\n`)

  t.equal(isLongYaml(`users:\n${users.join('')}`), false)
  t.equal(isLongYaml('-\n'.repeat(20_000)), true)
  t.end()
})
