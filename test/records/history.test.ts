// The figures of the last minute, hour and day.

import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { Histogram, HistogramWindow } from '../../src/observe/histogram.ts'
import { HistoryFile } from '../../src/records/history-file.ts'
import { History, type Sample, SERIES } from '../../src/records/history.ts'
import { Latencies } from '../../src/records/latencies.ts'

const START = 1_700_000_100_000

function sample(value: number): Sample {
  return Object.fromEntries(SERIES.map(name => [name, value])) as Sample
}

test('each range has the mean and the highest value of its steps, and nothing before the first sample', async t => {
  const history = new History()

  for (let second = 0; second < 25; second++) history.add(START + second * 1_000, sample(second))

  const hour = history.of('1h')
  t.strictSame(hour.mean['messagesReceived']?.slice(-4), [null, 4.5, 14.5, 22])
  t.strictSame(hour.max['messagesReceived']?.slice(-3), [9, 19, 24])
  t.equal(hour.stepSeconds, 10)
  t.equal(hour.startAt, START + 20_000 - 359 * 10_000)
  t.strictSame(history.of('60s').mean['dropped']?.slice(-3), [22, 23, 24])
  t.equal(history.of('24h').mean['dropped']?.length, 288)
  t.equal(history.values.byteLength, 271_872)
})

test('a gap has no values, and what has no value counts for no mean', async t => {
  const history = new History()
  history.add(START, sample(1))
  history.add(START + 5_000, { ...sample(3), commitP99Ms: NaN })

  const { mean } = history.of('60s')

  t.strictSame(mean['sessions']?.slice(-6), [1, null, null, null, null, 3])
  t.strictSame(mean['commitP99Ms']?.slice(-6), [1, null, null, null, null, null])
  t.equal(history.of('1h').mean['commitP99Ms']?.at(-1), 1)
})

test('after two days without a sample nothing old is shown', async t => {
  const history = new History()
  for (let second = 0; second < 100; second++) history.add(START + second * 1_000, sample(7))

  history.add(START + 172_800_000, sample(1))

  for (const range of ['60s', '1h', '24h'] as const) {
    const values = history.of(range).mean['sessions'] ?? []
    t.strictSame(
      values.filter(value => value !== null),
      [1],
    )
  }
})

test('a clock that is set back shows no figures of the future', async t => {
  const history = new History()
  for (let second = 0; second < 10; second++) history.add(START + second * 1_000, sample(second))

  history.add(START + 3_000, sample(99))

  t.strictSame(history.of('60s').mean['sessions']?.slice(-4), [0, 1, 2, 99])
})

test('the history survives a restart in its file, which only its owner may read', async t => {
  const directory = t.testdir()
  const history = new History()
  for (let second = 0; second < 25; second++) history.add(START + second * 1_000, sample(second))

  t.equal(await new HistoryFile(directory).write(history), null)
  const next = new History()
  t.equal(new HistoryFile(directory).readInto(next), null)
  next.add(START + 27_000, sample(27))

  t.strictSame(next.of('60s').mean['sessions']?.slice(-4), [24, null, null, 27])
  t.strictSame(next.of('1h').max['sessions']?.slice(-2), [19, 27])
  t.equal(statSync(join(directory, 'history.bin')).mode & 0o077, 0)
})

test('a file that is damaged, cut or of another version is ignored with a sentence', async t => {
  const directory = t.testdir()
  const path = join(directory, 'history.bin')
  const file = new HistoryFile(directory)
  const history = new History()
  history.add(START, sample(1))
  await file.write(history)
  const good = readFileSync(path)
  const flipped = Buffer.from(good)
  flipped[5_000] = 0xff
  const otherSeries = Buffer.from(good)
  otherSeries[20] = (otherSeries[20] ?? 0) ^ 1

  for (const [bytes, cause] of [
    [flipped, 'history.bin is damaged'],
    [good.subarray(0, 100), 'history.bin is no history of this version'],
    [Buffer.alloc(good.length), 'history.bin is no history of this version'],
    [otherSeries, 'history.bin has other series'],
  ] as const) {
    writeFileSync(path, bytes)
    const read = new History()
    t.equal(file.readInto(read), cause)
    t.ok(read.values.every(Number.isNaN))
  }
  t.equal(new HistoryFile(join(directory, 'none')).readInto(history), null)
  t.match(await new HistoryFile(join(directory, 'none')).write(history), /ENOENT/)
})

test('a percentile is that of the time since the last look', async t => {
  const histogram = new Histogram()
  const window = new HistogramWindow(histogram)
  histogram.add(0.003, 99)
  histogram.add(2)
  const first = window.take(0.99)
  histogram.add(0.3, 10)

  t.ok(first > 0.0025 && first <= 0.005, `${first}`)
  t.ok(window.take(0.99) > 0.25)
  t.ok(Number.isNaN(window.take(0.99)))
  t.equal(histogram.count, 110)
  histogram.add(1_000)
  t.equal(window.take(0.99), 10)
})

test('a delivery that is stored is measured up to the flush after its commit, another one to the end of its turn', async t => {
  const time = { now: 0 }
  const latencies = new Latencies(() => time.now)
  const { deliver, commit } = latencies

  // A turn with two messages that nothing waits for.
  latencies.turnBegan(0)
  latencies.turnApplied(0, 2)
  time.now = 2
  latencies.turnFlushed()
  t.match(deliver, { count: 2, sumSeconds: 0.004 })

  // A turn with three that are stored; the commit takes 10 ms, and the next turn writes them.
  latencies.turnBegan(0)
  latencies.turnApplied(3, 5)
  latencies.commitBegan()
  latencies.turnFlushed()
  t.equal(deliver.count, 2)
  time.now = 12
  latencies.commitEnded()
  latencies.turnBegan(0)
  latencies.turnApplied(0, 5)
  time.now = 13
  latencies.turnFlushed()

  t.match(commit, { count: 1, sumSeconds: 0.01 })
  t.equal(deliver.count, 5)
  t.equal(Math.round(deliver.sumSeconds * 1_000), 4 + 3 * 11)
})
