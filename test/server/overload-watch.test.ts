// The sensors of overload and what is said of them. Readings are given, or those of this process.

import { test } from 'tap'
import type { Readings } from '../../src/broker/overload-levels.ts'
import { parseConfig } from '../../src/config/parse.ts'
import type { LogFields } from '../../src/observe/log.ts'
import { collectGarbage } from '../../src/server/collect-garbage.ts'
import { OverloadSensors, processorsAllowed } from '../../src/server/overload-sensors.ts'
import { OverloadWatch } from '../../src/server/overload-watch.ts'
import { DelayingStore } from '../store/delaying-store.ts'
import { Pond } from '../pond.ts'

const QUIET: Readings = {
  spanMs: 100,
  loopDelayMs: 20,
  processorPart: 0.1,
  commitAgeMs: 0,
  memoryPart: 0.1,
  disk: null,
}

class Watched {
  readonly pond = new Pond()
  readonly lines: LogFields[] = []
  collections = 0
  readings: Readings = QUIET
  isResting = false
  readonly watch: OverloadWatch

  constructor() {
    const line = (fields: LogFields): void => void this.lines.push(fields)
    this.watch = new OverloadWatch({
      core: this.pond.core,
      thresholds: parseConfig({}).overload,
      log: { debug: line, info: line, warn: line, error: line },
      sensors: {
        read: () => this.readings,
        rest: isQuiet => (this.isResting = isQuiet),
        close: () => {},
      },
      collectGarbage: () => (this.collections += 1),
    })
  }

  windows(count: number, readings: Partial<Readings>): void {
    this.readings = { ...QUIET, ...readings }
    for (let done = 0; done < count; done++) {
      this.watch.readSensors()
      this.pond.settles()
    }
  }
}

test('each change of a level is one line, with the sensor and its value', async t => {
  const watched = new Watched()

  watched.windows(20, { memoryPart: 0.85 })
  t.equal(watched.pond.broker.overload.level, 2)
  watched.windows(100, {})

  t.equal(watched.pond.broker.overload.level, 0)
  t.match(watched.lines, [
    { event: 'overload.level', level: 2, sensor: 'memory', memoryPercent: 85 },
    { event: 'overload.level', level: 1, sensor: 'memory', memoryPercent: 10 },
    { event: 'overload.level', level: 0, sensor: 'memory', memoryPercent: 10 },
  ])
  t.equal(watched.lines.length, 3)
})

test('the sensors rest while there is no turn and no overload, and a turn wakes them', async t => {
  const watched = new Watched()
  const { pond, watch } = watched
  t.teardown(() => watch.close())
  watched.windows(4, {})
  t.equal(watched.isResting, true)

  watch.turnEnded()
  t.equal(watched.isResting, false)
  for (let window = 0; window < 10; window++) {
    pond.client(`client ${window}`)
    watched.windows(2, {})
    t.equal(watched.isResting, false)
  }
  watched.windows(50, { memoryPart: 0.85 })
  t.equal(watched.isResting, false, 'a level holds')
  watched.windows(200, {})
  t.equal(watched.isResting, true)
})

test('a line has what its sensor shows', async t => {
  const watched = new Watched()

  watched.windows(30, { loopDelayMs: 220.4, processorPart: 0.914 })
  watched.windows(10, { commitAgeMs: 510 })
  watched.windows(1, { disk: { totalBytes: 1_000, freeBytes: 7 } })

  t.match(watched.lines[0], { sensor: 'loop-delay', loopDelayMs: 220, processorPercent: 91 })
  t.match(
    watched.lines.find(({ sensor }) => sensor === 'commit-age'),
    { commitAgeMs: 510 },
  )
  t.match(watched.lines.at(-1), { sensor: 'disk', diskFreeBytes: 7 })
})

test('a heap that stays nearly full is collected, and not again at once', async t => {
  const watched = new Watched()

  watched.windows(9, { memoryPart: 0.95 })
  t.equal(watched.collections, 0)
  watched.windows(1, { memoryPart: 0.95 })
  t.equal(watched.collections, 1)
  watched.windows(99, { memoryPart: 0.95 })
  t.equal(watched.collections, 1)
  watched.windows(1, { memoryPart: 0.95 })
  t.equal(watched.collections, 2)
})

test('a heap is really collected', async t => {
  const gone = new WeakRef({})
  await new Promise(resolve => setTimeout(resolve, 0))

  collectGarbage()

  t.equal(gone.deref(), undefined)
})

test('the sensors read this process', async t => {
  let now = 0
  const sensors = new OverloadSensors({
    directory: t.testdir(),
    now: () => now,
    commitAgeMs: () => 7,
  })
  t.teardown(() => sensors.close())
  now = 100
  t.equal(sensors.read().disk, null, 'the disk has not answered yet')
  now = 1_200
  while (sensors.read().disk === null) await new Promise(resolve => setTimeout(resolve, 5))

  now = 1_300
  const { spanMs, loopDelayMs, memoryPart, commitAgeMs, disk } = sensors.read()

  t.equal(spanMs, 100)
  t.equal(commitAgeMs, 7)
  t.ok(loopDelayMs > 0)
  t.ok(memoryPart > 0 && memoryPart < 1, `${memoryPart}`)
  t.ok((disk?.totalBytes ?? 0) >= (disk?.freeBytes ?? Infinity))
})

test('without a disk, and with one that is gone, the other sensors are read', async t => {
  const options = { now: () => 0, commitAgeMs: () => 0 }
  for (const directory of [null, '/none/of/these']) {
    const sensors = new OverloadSensors({ ...options, directory })
    sensors.read()
    await new Promise(resolve => setTimeout(resolve, 20))
    t.equal(sensors.read().disk, null)
    sensors.close()
  }
})

test('without a free descriptor the memory of before is read', t => {
  let residentBytes = (): number => 100
  const sensors = new OverloadSensors({
    directory: null,
    now: () => 0,
    commitAgeMs: () => 0,
    system: { residentBytes: () => residentBytes(), space: () => Promise.reject(new Error()) },
  })
  t.teardown(() => sensors.close())
  sensors.read()
  residentBytes = () => {
    throw new Error('EMFILE: too many open files, uv_resident_set_memory')
  }

  t.ok(sensors.read().memoryPart > 0)
  t.end()
})

test('a disk that does not answer is asked once', t => {
  let now = 0
  let asked = 0
  const space = (): Promise<never> => {
    asked += 1
    return new Promise(() => {})
  }
  const sensors = new OverloadSensors({
    directory: '/',
    now: () => now,
    commitAgeMs: () => 0,
    system: { residentBytes: () => 100, space },
  })
  t.teardown(() => sensors.close())

  for (const second of [1, 2, 3, 4]) {
    now = second * 1_000
    sensors.read()
  }

  t.equal(asked, 1, 'each question would keep a thread of the pool')
  t.end()
})

test('a container with a quota of the processor has less than one', async t => {
  const directory = t.testdir({
    half: '50000 100000\n',
    two: '200000 100000\n',
    none: 'max 100000',
  })

  t.equal(processorsAllowed(`${directory}/half`), 0.5)
  t.equal(processorsAllowed(`${directory}/two`), 1)
  t.equal(processorsAllowed(`${directory}/none`), 1)
  t.equal(processorsAllowed(`${directory}/missing`), 1)
})

test('the age of a commit counts from its first change, also while another one is outstanding', async t => {
  const store = new DelayingStore()
  const pond = new Pond({ store })
  t.equal(pond.turn.uncommittedSince, Infinity)

  pond
    .stranger('alice', { cleanStart: false, properties: { sessionExpiryInterval: 60 } })
    .connects()
  const first = pond.now
  t.equal(pond.turn.uncommittedSince, first)
  pond.passes({ seconds: 1 })
  pond.stranger('bob', { cleanStart: false, properties: { sessionExpiryInterval: 60 } }).connects()
  t.equal(pond.turn.uncommittedSince, first)
  store.commits()
  pond.settles()
  t.equal(pond.turn.uncommittedSince, first + 1_000)
  store.commits()
  t.equal(pond.turn.uncommittedSince, Infinity)
})
