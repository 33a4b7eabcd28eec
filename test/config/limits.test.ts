import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import { parseConfig } from '../../src/config/parse.ts'
import { DEFAULT_LIMITS, LIMITS } from '../../src/limits.ts'

const SOURCE = fileURLToPath(new URL('../../../src', import.meta.url))

test('the configuration has every limit with the default that its declaration gives', async t => {
  t.strictSame(parseConfig({}).limits, DEFAULT_LIMITS)
})

test('the default of a limit lies within its bounds', async t => {
  const outside = Object.entries(LIMITS).filter(
    ([, limit]) => 'min' in limit && (limit.default < limit.min || limit.default > limit.max),
  )

  t.strictSame(outside, [])
})

test('every limit is used somewhere', async t => {
  const text = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
    .filter(
      name =>
        name.endsWith('.ts') &&
        !/^(?:messaging-)?limits\.ts$/.test(name) &&
        !name.startsWith('config/'),
    )
    .map(name => readFileSync(join(SOURCE, name), 'utf8'))
    .join('\n')

  t.strictSame(
    Object.keys(LIMITS).filter(name => !new RegExp(`\\b${name}\\b`).test(text)),
    [],
  )
})
