// Looking for expired messages in the part of a queue that lies in the store.

import { test } from 'tap'
import { ExpiredSearch } from '../../src/session/waiting/expired-search.ts'

test('the search for expired messages begins only when one may have expired', async t => {
  const search = new ExpiredSearch()

  t.equal(search.begin(1_000, 0), false)
  search.added(2_000)
  t.equal(search.begin(1_999, 0), false)
  t.equal(search.begin(2_000, 7), true)
  t.equal(search.after, 7)
})

test('the search for expired messages does not begin again while it runs, nor within ten seconds', async t => {
  const search = new ExpiredSearch()
  search.added(0)
  search.begin(1_000, 0)

  search.added(0)
  t.equal(search.begin(20_000, 0), false)
  search.finish()
  t.equal(search.begin(10_999, 0), false)
  t.equal(search.begin(11_000, 0), true)
})

test('a search for expired messages finds the next expiry of those it has passed and of new ones', async t => {
  const search = new ExpiredSearch()
  search.added(0)
  search.begin(1_000, 0)
  search.saw(50_000)
  search.added(40_000)
  search.finish()

  t.equal(search.begin(39_999, 0), false)
  t.equal(search.begin(40_000, 0), true)
})

test('the store is not searched when it has no message of the queue', async t => {
  const search = new ExpiredSearch()
  search.added(0)
  search.clear()

  t.equal(search.begin(20_000, 0), false)
})
