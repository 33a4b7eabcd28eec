import { test } from 'tap'
import { Histogram } from '../../bench/generator/histogram.ts'

test('quantiles are right to the width of a bucket', async t => {
  const histogram = new Histogram()
  for (let value = 1; value <= 100_000; value++) histogram.record(value)

  const { p50 = 0, p99 = 0, p999 = 0 } = histogram.summary() ?? {}
  t.ok(Math.abs(p50 / 50_000 - 1) < 1 / 64, `p50 is ${p50}`)
  t.ok(Math.abs(p99 / 99_000 - 1) < 1 / 64, `p99 is ${p99}`)
  t.ok(Math.abs(p999 / 99_900 - 1) < 1 / 64, `p99.9 is ${p999}`)
})

test('small values are exact', async t => {
  const histogram = new Histogram()
  for (const value of [0, 1, 100, 127]) histogram.record(value)

  t.same(
    [0.25, 0.5, 0.75, 1].map(share => histogram.quantile(share)),
    [0, 1, 100, 127],
  )
})

test('the largest time there is has a bucket', async t => {
  const histogram = new Histogram()
  histogram.record(0xffff_ffff)

  t.equal(histogram.quantile(0.5), 0xffff_ffff)
})

test('without values there is no quantile', async t => {
  const histogram = new Histogram()
  histogram.record(5)
  histogram.clear()

  t.equal(histogram.summary(), null)
})
