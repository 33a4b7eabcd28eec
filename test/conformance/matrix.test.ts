import { readFileSync } from 'node:fs'
import { test } from 'tap'
import { clientOnly } from './client-only.ts'
import { claimedBySources, keyOf, PAGE, statements } from './matrix.ts'

test('every statement that concerns a server has a test', async t => {
  const claimed = claimedBySources()
  const exempt = new Set(clientOnly.map(keyOf))

  const missing = statements()
    .map(keyOf)
    .filter(key => !claimed.has(key) && !exempt.has(key))

  t.strictSame(missing, [])
})

test('every id that a test names is a statement', async t => {
  const known = new Set(statements().map(keyOf))

  t.strictSame(
    [...claimedBySources()].filter(key => !known.has(key)),
    [],
  )
})

test('no statement is both tested and said to have no test', async t => {
  const claimed = claimedBySources()

  t.strictSame(
    clientOnly.map(keyOf).filter(key => claimed.has(key)),
    [],
  )
})

test('the printed matrix has a row for every statement, and none that fails', async t => {
  const page = readFileSync(PAGE, 'utf8')

  for (const { id } of statements()) t.ok(page.includes(`| ${id} |`), `${id} is in the matrix`)
  t.notMatch(page, /\*\*fails\*\*|no test/)
})
