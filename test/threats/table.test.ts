// The page of the threats names a test for each of them.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'tap'

const ROOT = resolve(import.meta.dirname, '../../..')
const TESTS = join(ROOT, 'test')
const THREATS = 64

interface Row {
  readonly number: number
  readonly isOpen: boolean
  readonly tests: readonly string[]
}

function rows(): readonly Row[] {
  const page = readFileSync(join(ROOT, 'docs/explanation/security.md'), 'utf8')
  return [...page.matchAll(/^\| (\d+) \|(.*)\|$/gm)].map(([, number, cells = '']) => {
    const names = cells.split('|').at(-1) ?? ''
    const tests = [...names.matchAll(/`([^`]+\.test\.ts)`/g)].map(([, name = '']) => name)
    return { number: Number(number), isOpen: cells.includes('**Open:**'), tests }
  })
}

test('each of the 64 threats has a row, in order, with a test or a word about what is open', async t => {
  const numbers = Array.from({ length: THREATS }, (_, index) => index + 1)

  t.strictSame(
    rows().map(({ number }) => number),
    numbers,
  )
  for (const { number, isOpen, tests } of rows())
    t.ok(isOpen || tests.length > 0, `threat ${number}`)
})

test('each test that a row names exists', async t => {
  for (const { number, tests } of rows())
    for (const name of tests) t.ok(existsSync(join(TESTS, name)), `threat ${number}: ${name}`)
})

test('each test of a threat is named in its row', async t => {
  const files = readdirSync(join(TESTS, 'threats')).filter(name => /^\d\d-/.test(name))

  t.not(files.length, 0)
  for (const name of files) {
    const row = rows().find(({ number }) => number === Number(name.slice(0, 2)))
    t.ok(row?.tests.includes(`threats/${name}`), name)
  }
})
