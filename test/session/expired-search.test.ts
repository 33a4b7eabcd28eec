// Looking for expired messages in the part of a queue that lies in the store.

import { test } from 'tap'
import { ExpiredSearch } from '../../src/session/expired-search.ts'

test('a walk begins only when something may have expired', async t => {
  const search = new ExpiredSearch()

  t.equal(search.begin(1_000, 0), false)
  search.added(2_000)
  t.equal(search.begin(1_999, 0), false)
  t.equal(search.begin(2_000, 7), true)
  t.equal(search.after, 7)
})

test('a walk does not begin again while it runs, nor for ten seconds after it began', async t => {
  const search = new ExpiredSearch()
  search.added(0)
  search.begin(1_000, 0)

  search.added(0)
  t.equal(search.begin(20_000, 0), false)
  search.finish()
  t.equal(search.begin(10_999, 0), false)
  t.equal(search.begin(11_000, 0), true)
})

test('what a walk came by, and what was added meanwhile, expires later', async t => {
  const search = new ExpiredSearch()
  search.added(0)
  search.begin(1_000, 0)
  search.saw(50_000)
  search.added(40_000)
  search.finish()

  t.equal(search.begin(39_999, 0), false)
  t.equal(search.begin(40_000, 0), true)
})

test('nothing is looked for once the store holds nothing of the queue', async t => {
  const search = new ExpiredSearch()
  search.added(0)
  search.clear()

  t.equal(search.begin(20_000, 0), false)
})
