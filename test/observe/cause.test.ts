// What is said of things that were thrown.

import { test } from 'tap'
import { causeOf } from '../../src/observe/cause.ts'

test('whatever was thrown has a text', t => {
  t.match(causeOf(new Error('no')), /^Error: no\n/)
  t.equal(causeOf('no'), 'no')
  t.equal(causeOf(Symbol('no')), 'Symbol(no)')
  t.equal(causeOf(undefined), 'undefined')
  t.equal(causeOf(Object.create(null)), 'what was thrown has no text')
  t.end()
})
