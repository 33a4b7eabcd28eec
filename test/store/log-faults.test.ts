// Faults that a reader of the log found; each is kept from coming back.

import { test } from 'tap'
import { Random } from '../../sim/random.ts'
import { SimDisk } from '../../sim/sim-disk.ts'
import { LogStore, type LogStoreOptions } from '../../src/store/log/log-store.ts'
import { frameBytes, writeFrame } from '../../src/store/log/frame.ts'
import { DiskFull } from '../../src/store/disk-full.ts'
import { repair } from '../../src/store/maintenance/repair.ts'
import { NewerVersion } from '../../src/store/newer-version.ts'
import { BOB, OPENED, queued, stored } from '../../src/store-kit/changes.ts'

function opened(disk: SimDisk, options: Partial<LogStoreOptions> = {}): LogStore {
  const log = new LogStore(disk, { reserveBytes: 0, ...options })
  log.recover()
  return log
}

test('a write that a full disk cut short leaves no bytes that look like damage later', async t => {
  const disk = new SimDisk({ random: new Random(3) })
  const log = opened(disk, { segmentBytes: 4_096 })
  log.commit([OPENED, stored(1, { payload: Buffer.alloc(2_000) }), queued(1, 1)])
  disk.capacityBytes = disk.usedBytes + 500

  t.throws(() => log.commit([stored(2, { payload: Buffer.alloc(1_500) }), queued(2, 2)]), DiskFull)
  disk.capacityBytes = Infinity
  // Larger than what is left of the segment: it goes to the next.
  log.commit([stored(3, { payload: Buffer.alloc(3_000) }), queued(3, 3)])
  disk.crashes()

  const next = opened(disk)
  t.strictSame(
    [...(next.ledger.waitingFor(BOB)?.after(0) ?? [])].map(({ delivery }) => delivery),
    [1, 3],
  )
})

test('a payload that looks like frames of later segments is read as a payload', async t => {
  const disk = new SimDisk({ random: new Random(1) })
  const options = { segmentBytes: 8_192, checkpointBytes: 8_192 }
  const log = opened(disk, options)
  log.commit([OPENED])
  const frames = Array.from({ length: 60 }, (_, index) => {
    const frame = Buffer.alloc(frameBytes(16) + 8)
    writeFrame(frame, Buffer.alloc(16, 1), 2 ** 40, { segment: index + 1, salt: 0 })
    return frame.subarray(0, -8)
  })
  for (let number = 1; number <= 200; number++) {
    const payload = Buffer.concat([Buffer.alloc(number % 8), ...frames])
    log.commit([stored(number, { payload }), queued(number, number)])
    log.commit([{ kind: 'settled', delivery: number, owner: BOB }])
    while (log.work());
  }
  t.ok(log.segments.position.segment > 20, 'files have served again')
  disk.processDies()

  t.equal(opened(disk, options).ledger.lastDelivery, 200)
})

test('a full disk is no reason to make checkpoints that free nothing', async t => {
  const disk = new SimDisk({ random: new Random(1), capacityBytes: 50_000_000 })
  const log = opened(disk, { segmentBytes: 1_048_576, reserveBytes: 1_000_000_000 })
  log.commit([OPENED])
  // Small ones, whose records are larger than they are.
  for (let first = 1; first < 6_000; first += 100) {
    const numbers = Array.from({ length: 100 }, (_, index) => first + index)
    log.commit(
      numbers.flatMap(number => [
        stored(number, { topic: 't', payload: Buffer.alloc(4) }),
        queued(number, number),
      ]),
    )
  }
  let slices = 0
  while (log.work() && slices < 1_000) slices += 1
  for (let count = 0; count < 100; count++) while (log.work() && slices < 1_000) slices += 1

  t.equal(log.isFull, true)
  t.ok(log.checkpoints <= 2, `${log.checkpoints} checkpoints`)
  t.ok(slices < 1_000)
})

test('at level os a loss of power removes the newest commits and leaves a store that opens', async t => {
  for (let seed = 1; seed <= 200; seed++) {
    const disk = new SimDisk({ random: new Random(seed) })
    const options = { durability: 'os', segmentBytes: 4_096, checkpointBytes: 4_096 } as const
    const log = opened(disk, options)
    log.commit([OPENED])
    for (let number = 1; number <= 40; number++) {
      log.commit([stored(number, { payload: Buffer.alloc(300) }), queued(number, number)])
      if (number > 5) log.commit([{ kind: 'settled', delivery: number - 5, owner: BOB }])
      log.work()
    }
    disk.crashes()
    let error: unknown = null
    try {
      opened(disk, options)
    } catch (thrown) {
      error = thrown
    }
    // Behind the last sync the frames of one file may have arrived in any order.
    if (error !== null) t.match(error, { message: /one does at byte/ })
  }
})

test('a store of a newer version is refused, and a repair leaves it as it is', async t => {
  const disk = new SimDisk({ random: new Random(1) })
  const log = opened(disk)
  log.commit([OPENED, stored(1), queued(1, 1)])
  t.throws(() => log.append(Buffer.of(200)), NewerVersion)
  const names = disk.list()

  t.throws(() => opened(disk), /a newer version wrote it/)
  t.throws(() => repair(disk), NewerVersion)
  t.strictSame(disk.list(), names)
})
