// How far a queue has been read from the store.

import { test } from 'tap'
import { TailPosition } from '../../src/session/waiting/tail-position.ts'

test('a delivery that a member has does not come with a page', async t => {
  const position = new TailPosition()
  position.passes(3)
  position.skips(7)

  t.equal(position.after, 3)
  t.equal(position.isSkipped(7), true)
  t.equal(position.isSkipped(8), false)
})

test('a delivery that was read is not skipped, and a skipped one is removed once it was passed', async t => {
  const position = new TailPosition()
  position.passes(3)
  position.skips(3)
  position.skips(5)
  position.skips(7)
  position.passes(5)

  t.equal(position.isSkipped(3), false)
  t.equal(position.isSkipped(5), false)
  t.equal(position.isSkipped(7), true)
})

test('a position never goes back', async t => {
  const position = new TailPosition()
  position.passes(9)
  position.passes(4)

  t.equal(position.after, 9)
})
