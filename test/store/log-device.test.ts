import { test } from 'tap'
import { Random } from '../../sim/random.ts'
import { SimDisk } from '../../sim/sim-disk.ts'
import { FileLog } from '../../src/store/log/file-log.ts'
import { repeat } from '../../src/store/log-device.ts'
import { MemoryLog } from '../../src/store/memory-log.ts'
import { LateLog } from './late-log.ts'
import { answerOf, EXTENT_BYTES, type Place, testLogDevice } from './log-device-rules.ts'

function files(): Place {
  const disk = new SimDisk({ random: new Random(1) })
  return () => new FileLog(disk, { durability: 'fsync', segmentBytes: EXTENT_BYTES })
}

function memory(): Place {
  const log = new MemoryLog()
  return () => log
}

const PLACES: readonly (readonly [string, () => Place])[] = [
  ['a log in files', files],
  ['a log in memory', memory],
  ['a log in files that answers late', () => late(files())],
  ['a log in memory that answers late', () => late(memory())],
]

function late(place: Place): Place {
  return () => new LateLog(place())
}

for (const [name, make] of PLACES) testLogDevice(name, make)

test('steps are repeated until there is no more, at once or late, without a deeper stack', async t => {
  for (const isLate of [() => false, () => true, (left: number) => left % 1_000 === 0]) {
    let left = isLate(1) ? 100 : 100_000
    await answerOf<void>(done =>
      repeat(answer => {
        left -= 1
        const hasMore = left > 0
        if (isLate(left)) setImmediate(() => answer(null, hasMore))
        else answer(null, hasMore)
      }, done),
    )
    t.equal(left, 0)
  }

  const failure = await answerOf<void>(done =>
    repeat(answer => answer(new Error('no disk'), false), done),
  ).catch((error: unknown) => error)
  t.match(failure, { message: 'no disk' })
})
