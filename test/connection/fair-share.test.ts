import { test } from 'tap'
import { fairShare } from '../../src/connection/fair-share.ts'

test('those who want little get it, and the others get equal shares of the rest', async t => {
  t.equal(fairShare([10, 100, 100], 110), 50)
  t.equal(fairShare([Infinity, 1, Infinity, 3], 24), 10)
})

test('a want without a known bound gets all that the others leave', async t => {
  t.equal(fairShare([5, Infinity], 100), 95)
})

test('when there is enough for all, nobody is held to less than he wants', async t => {
  t.ok(fairShare([1, 2, 3], 100) >= 3)
  t.equal(fairShare([], 100), 100)
})

test('when there is nothing, nobody gets anything', async t => {
  t.equal(fairShare([1, Infinity], 0), 0)
})
