import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'tap'
import { restPage } from '../../src/server/print-rest-reference.ts'

test('the page of all paths is what their schemas print: npm run reference', async t => {
  const page = resolve(import.meta.dirname, '../../../docs/reference/rest.md')
  t.equal(readFileSync(page, 'utf8'), await restPage())
})
