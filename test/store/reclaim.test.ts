// What no delivery needs leaves the disk when it is quiet, without waiting for more log.

import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'tap'
import { Random } from '../../sim/random.ts'
import { SimDisk } from '../../sim/sim-disk.ts'
import type { Change } from '../../src/store/change.ts'
import { FileStore } from '../../src/store/file-store.ts'
import { LogStore } from '../../src/store/log/log-store.ts'
import { BOB, committed, GROUP, OPENED, queued, stored } from '../../src/store-kit/changes.ts'

const SEGMENT_BYTES = 65_536
const OPTIONS = { segmentBytes: SEGMENT_BYTES, checkpointBytes: 1_000_000_000, reserveBytes: 0 }
const MESSAGES = 1_000
const SPARES_MAX = 2
const NUMBERS = Array.from({ length: MESSAGES }, (_, index) => index + 1)

interface Way {
  readonly what: string
  readonly filled: (number: number) => readonly Change[]
  readonly drained: readonly Change[]
  readonly left: number
}

const WAYS: readonly Way[] = [
  {
    what: 'settled one by one',
    filled: number => [queued(number, number)],
    drained: NUMBERS.map(number => ({ kind: 'settled', delivery: number, owner: BOB })),
    left: 0,
  },
  {
    what: 'queued for a session that ended',
    filled: number => [queued(number, number)],
    drained: [{ kind: 'session-ended', clientId: 'bob' }],
    left: 0,
  },
  {
    what: 'retained and cleared',
    filled: number => [{ kind: 'retained-set', topic: `t/${number}`, sequence: number }],
    drained: NUMBERS.map(number => ({ kind: 'retained-cleared', topic: `t/${number}` })),
    left: 0,
  },
  {
    what: 'retained, and replaced again and again',
    filled: number => [{ kind: 'retained-set', topic: 't', sequence: number }],
    drained: [],
    left: 1,
  },
  {
    what: 'queued for a group that ended',
    filled: number => [queued(number, number, GROUP)],
    drained: [{ kind: 'group-ended', owner: GROUP }],
    left: 0,
  },
  {
    what: 'settled but for every fifth',
    filled: number => [queued(number, number)],
    drained: NUMBERS.filter(number => number % 5 > 0).map(number => ({
      kind: 'settled',
      delivery: number,
      owner: BOB,
    })),
    left: MESSAGES / 5,
  },
]

function filled(disk: SimDisk, { filled: fill }: Way): LogStore {
  const log = new LogStore(disk, OPTIONS)
  log.recover()
  log.commit([OPENED])
  for (const number of NUMBERS) {
    log.commit([stored(number, { payload: Buffer.alloc(1_000, number) }), ...fill(number)])
    log.work()
  }
  return log
}

function rests(log: LogStore): void {
  while (log.rest()) while (log.work());
}

for (const way of WAYS) {
  test(`messages that were ${way.what} leave the disk when it is quiet`, async t => {
    const disk = new SimDisk({ random: new Random(1) })
    const log = filled(disk, way)
    for (const change of way.drained) log.commit([change])
    while (log.work());
    const before = disk.usedBytes

    rests(log)

    t.equal(log.ledger.messages.count, way.left)
    const needed = way.left * 1_100
    const numbers = log.segments.numbers()
    t.ok(numbers.length <= 2 + (2 * needed) / SEGMENT_BYTES, `${numbers.length} segments`)
    t.ok(disk.usedBytes <= 2 * needed + (2 + SPARES_MAX) * SEGMENT_BYTES, `${disk.usedBytes} bytes`)
    t.ok(disk.usedBytes < before / 2)
    disk.crashes()
    const next = new LogStore(disk, OPTIONS)
    next.recover()
    t.equal(next.ledger.messages.count, way.left)
    t.equal(next.cut, null)
  })
}

test('when no segment can be freed, no checkpoint is made, and not again and again', async t => {
  for (const way of WAYS.slice(0, 3)) {
    const disk = new SimDisk({ random: new Random(1) })
    const log = filled(disk, way)
    rests(log)
    t.equal(log.checkpoints, 0, 'all of it is needed')
    t.equal(log.mayRest, false)
    const { calls } = disk
    rests(log)
    t.equal(disk.calls, calls, 'it is not looked at anew before something was committed')
    log.commit([stored(9_999)])
    t.equal(log.mayRest, true)
  }
})

test('a quiet store that lets go of files writes less than it frees', async t => {
  for (const way of WAYS) {
    const disk = new SimDisk({ random: new Random(1) })
    const log = filled(disk, way)
    for (const change of way.drained) log.commit([change])
    while (log.work());
    const appended = log.segments.bytesAppended
    const before = disk.usedBytes

    rests(log)

    const freed = before - disk.usedBytes
    const wrote = log.segments.bytesAppended - appended
    t.ok(wrote <= freed, `${way.what}: ${wrote} bytes written, ${freed} freed`)
  }
})

test('segments are not freed during a backup, and afterwards they are', async t => {
  const [way] = WAYS
  if (way === undefined) return
  const disk = new SimDisk({ random: new Random(1) })
  const log = filled(disk, way)
  for (const change of way.drained) log.commit([change])
  disk.create('hold-1')
  const { length } = log.segments.numbers()

  rests(log)
  t.equal(log.segments.numbers().length, length)
  t.equal(log.mayRest, true)
  disk.remove('hold-1')
  rests(log)

  t.ok(log.segments.numbers().length <= 2)
})

test('the directory of a store shrinks within seconds of quiet', { timeout: 120_000 }, async t => {
  const directory = t.testdir()
  const options = { ...OPTIONS, segmentBytes: 1_048_576 }
  const store = new FileStore(directory, options)
  await store.open()
  await committed(store, OPENED)
  const payload = Buffer.alloc(100_000, 'x')
  for (let number = 1; number <= 100; number++) {
    await committed(store, stored(number, { payload }), queued(number, number))
  }
  t.ok(bytesIn(directory) > 10_000_000)
  for (let number = 1; number <= 100; number++) {
    await committed(store, { kind: 'settled', delivery: number, owner: BOB })
  }

  const bytesMax = (2 + SPARES_MAX) * options.segmentBytes
  while (bytesIn(directory) > bytesMax) await new Promise(resolve => setTimeout(resolve, 100))

  t.ok(bytesIn(directory) <= bytesMax)
  await store.close()
})

function bytesIn(directory: string): number {
  return readdirSync(directory).reduce((sum, name) => sum + sizeIfThere(join(directory, name)), 0)
}

function sizeIfThere(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
