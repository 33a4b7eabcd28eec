import { test } from 'tap'
import { croppedAt, welchT } from '../../bench/welch.ts'

test('two samples of one mean have a small t, of different ones a large one', async t => {
  t.equal(welchT([1, 2, 3], [1, 2, 3]), 0)
  // Means 2 and 5, variances 1 and 4 of three values each: -3 / sqrt(5 / 3).
  t.equal(welchT([1, 2, 3], [3, 5, 7]).toFixed(6), '-2.323790')
  t.equal(welchT([1, 1], [1, 1]), 0)
  t.ok(welchT([10, 11, 10, 11], [1, 2, 1, 2]) > 4.5)
})

test('the fastest part of a sample is compared', async t => {
  t.strictSame(croppedAt([5, 1, 4, 2], 0.5), [1, 2])
  t.strictSame(croppedAt([3, 1], 1), [1, 3])
})
