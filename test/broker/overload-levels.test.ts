// The level of overload as a function of readings. No time passes: each reading says for how long it stands.

import { test } from 'tap'
import {
  CALM,
  OverloadLevels,
  type Readings,
  type SensorLevels,
} from '../../src/broker/overload-levels.ts'
import { Overload } from '../../src/broker/overload.ts'
import { parseConfig } from '../../src/config/parse.ts'

const THRESHOLDS = parseConfig({}).overload
const MEBIBYTE = 1_048_576
const GIBIBYTE = 1_024 * MEBIBYTE

const QUIET: Readings = {
  spanMs: 100,
  loopDelayMs: 20,
  processorPart: 0.1,
  commitAgeMs: 0,
  memoryPart: 0.1,
  disk: null,
}

/** Returns the levels after so many equal windows. */
function after(levels: OverloadLevels, windows: number, readings: Partial<Readings>): SensorLevels {
  let last: SensorLevels = CALM
  for (let count = 0; count < windows; count++) last = levels.read({ ...QUIET, ...readings })
  return last
}

test('nothing happens at readings below all thresholds', async t => {
  t.equal(after(new OverloadLevels(THRESHOLDS), 100, {}), CALM)
})

test('a late event loop counts after three seconds, by the work of the broker itself', async t => {
  const late = { loopDelayMs: 1_100, processorPart: 0.95 }

  const levels = new OverloadLevels(THRESHOLDS)
  t.equal(after(levels, 29, late)['loop-delay'], 0)
  t.equal(after(levels, 1, late)['loop-delay'], 3)
})

test('one window in time begins the three seconds anew', async t => {
  const late = { loopDelayMs: 250, processorPart: 0.95 }

  const levels = new OverloadLevels(THRESHOLDS)
  after(levels, 29, late)
  after(levels, 1, {})
  t.equal(after(levels, 29, late)['loop-delay'], 0)
  t.equal(after(levels, 1, late)['loop-delay'], 2)
})

test('a machine that is busy with other work is no overload of the broker, however late its event loop is', async t => {
  const busy = { loopDelayMs: 5_000, processorPart: 0.6, spanMs: 5_000 }

  t.equal(after(new OverloadLevels(THRESHOLDS), 100, busy), CALM)
})

test('one long block of the event loop is no overload', async t => {
  const block = { loopDelayMs: 9_000, processorPart: 1, spanMs: 9_000 }

  t.equal(after(new OverloadLevels(THRESHOLDS), 1, block), CALM)
})

test('a process that was suspended is not overloaded when it goes on: its commit is old, and done soon', async t => {
  const levels = new OverloadLevels(THRESHOLDS)

  t.equal(after(levels, 1, { commitAgeMs: 120_000, spanMs: 120_000 }), CALM)
  t.equal(after(levels, 1, {}), CALM)
})

test('a commit that is old for a second raises the level by its age', async t => {
  const levelAt = (commitAgeMs: number): number =>
    after(new OverloadLevels(THRESHOLDS), 10, { commitAgeMs })['commit-age']

  t.strictSame([99, 100, 499, 500, 1_999, 2_000].map(levelAt), [0, 1, 1, 2, 2, 3])
})

test('memory raises the level at once', async t => {
  const levelAt = (memoryPart: number): number =>
    after(new OverloadLevels(THRESHOLDS), 1, { memoryPart }).memory

  t.strictSame([0.69, 0.7, 0.79, 0.8, 0.89, 0.9, 1.2].map(levelAt), [0, 1, 1, 2, 2, 3, 3])
})

test('a disk counts by the smaller one of a part of it and a number of bytes', async t => {
  const levelOf = (totalBytes: number, freeBytes: number): number =>
    after(new OverloadLevels(THRESHOLDS), 1, { disk: { totalBytes, freeBytes } }).disk

  const small = 10 * GIBIBYTE
  t.strictSame(
    [600, 500, 110, 100, 0].map(mebibytes => levelOf(small, mebibytes * MEBIBYTE)),
    [0, 2, 2, 3, 3],
  )
  const large = 4_096 * GIBIBYTE
  t.strictSame(
    [1_025, 1_024, 257, 256, 0].map(mebibytes => levelOf(large, mebibytes * MEBIBYTE)),
    [0, 2, 2, 3, 3],
  )
})

test('a level falls by one after a second well below its threshold, and not for a moment or a little', async t => {
  const levels = new OverloadLevels(THRESHOLDS)
  after(levels, 10, { commitAgeMs: 2_500 })
  const age = (windows: number, commitAgeMs: number): number =>
    after(levels, windows, { commitAgeMs })['commit-age']

  t.equal(age(100, 1_700), 3, 'a little below')
  t.equal(age(9, 1_500), 3)
  t.equal(age(1, 1_700), 3, 'for a moment')
  t.equal(age(10, 1_500), 2)
  t.equal(age(100, 450), 2)
  t.equal(age(10, 10), 1)
  t.equal(after(levels, 10, {}), CALM)
})

test('memory that is used for good does not keep the level that a moment has raised', async t => {
  const levels = new OverloadLevels(THRESHOLDS)
  after(levels, 1, { memoryPart: 0.95 })

  t.equal(after(levels, 100, { memoryPart: 0.87 }).memory, 3)
  t.equal(after(levels, 10, { memoryPart: 0.84 }).memory, 2)
  t.equal(after(levels, 10, { memoryPart: 0.75 }).memory, 1)
})

test('the level is the highest of all sensors', async t => {
  const overload = new Overload()

  overload.set({ ...CALM, memory: 1, 'commit-age': 2 })

  t.equal(overload.level, 2)
  t.match(overload, { pausesSome: true, pausesAll: false, isShortOfMemory: true })
})

test('a full disk refuses what must be stored: it pauses not all publishers, refuses no CONNECT and closes no consumer', async t => {
  const overload = new Overload()

  overload.set({ ...CALM, disk: 3 })

  t.match(overload, { level: 3, pausesSome: true, isDiskFull: true })
  t.match(overload, { pausesAll: false, closesConsumers: false })
})

test('only a lack of memory closes consumers', async t => {
  const overload = new Overload()

  overload.set({ ...CALM, 'loop-delay': 3 })
  t.match(overload, { pausesAll: true, closesConsumers: false })
  overload.set({ ...CALM, memory: 3 })
  t.match(overload, { pausesAll: true, closesConsumers: true })
})

test('a Receive Maximum never falls to 0', async t => {
  const overload = new Overload()
  t.equal(overload.receiveMaxOf(64), 64)

  overload.set({ ...CALM, memory: 1 })

  t.strictSame(
    [64, 5, 3, 1].map(max => overload.receiveMaxOf(max)),
    [16, 1, 1, 1],
  )
})
