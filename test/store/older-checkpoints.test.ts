// A checkpoint before the newest one is removed a part at a time, and a start finishes what was begun.

import { test } from 'tap'
import { Random } from '../../sim/random.ts'
import { SimDisk } from '../../sim/sim-disk.ts'
import { checkpointNames, removeOlder } from '../../src/store/log/checkpoint.ts'
import { LogStore } from '../../src/store/log/log-store.ts'
import { OPENED, queued, stored } from '../../src/store-kit/changes.ts'

const OLDER_BYTES = 80_000_000
const PART_BYTES_MAX = 40_000_000
const OLDER = 'checkpoint-0000000000000000'

/** A store with a checkpoint, and a large file in the place of an older one. */
function storeWithOlder(): SimDisk {
  const disk = new SimDisk({ random: new Random(1) })
  const log = new LogStore(disk, { reserveBytes: 0 })
  log.open()
  log.commit([OPENED, stored(1), queued(1, 1)])
  log.checkpoint()
  log.close()
  const file = disk.create(OLDER)
  file.write(Buffer.alloc(OLDER_BYTES), 0)
  file.close()
  return disk
}

test('a large checkpoint is removed in parts, and the newest one stays', async t => {
  const disk = storeWithOlder()
  const [, newest] = checkpointNames(disk)
  let used = disk.usedBytes
  let steps = 0
  while (removeOlder(disk)) {
    t.ok(used - disk.usedBytes <= PART_BYTES_MAX, `${used - disk.usedBytes} bytes at once`)
    used = disk.usedBytes
    steps += 1
  }

  t.ok(steps >= 2)
  t.strictSame(checkpointNames(disk), [newest])
  t.notOk(disk.list().some(name => name.endsWith('.old')))
})

test('a start removes a checkpoint that was being removed when the process ended', async t => {
  const disk = storeWithOlder()
  removeOlder(disk)
  removeOlder(disk)
  t.ok(disk.list().includes(`${OLDER}.old`))
  disk.crashes()

  const log = new LogStore(disk, { reserveBytes: 0 })
  log.recover()

  t.equal(log.ledger.messages.count, 1)
  t.equal(checkpointNames(disk).length, 1)
  t.notOk(disk.list().some(name => name.endsWith('.old')))
})
