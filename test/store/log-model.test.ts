// The log and the memory store are two makings of one state machine: whatever happens, they must agree.

import { test } from 'tap'
import { inOrder, OWNERS, RandomChanges } from '../../src/store-kit/random-changes.ts'
import { DurableState } from '../../src/store-kit/durable-state.ts'
import { FileDisk } from '../../src/store/file-disk.ts'
import { LogStore } from '../../src/store/log/log-store.ts'

const OPTIONS = {
  durability: 'os',
  segmentBytes: 8_192,
  checkpointBytes: 4_096,
  pageMessages: 7,
} as const
for (let seed = 1; seed <= 40; seed++) {
  test(`after random changes a log that is opened again tells what the memory store tells, seed ${seed}`, async t => {
    const directory = t.testdir()
    const random = new RandomChanges(seed)
    const model = new DurableState(OPTIONS.pageMessages)
    let disk = new FileDisk(directory)
    let log = new LogStore(disk, OPTIONS)
    log.open()
    let checkpoints = 0
    for (let round = 0; round < 12; round++) {
      for (let count = 0; count < 25; count++) {
        const changes = random.group()
        if (changes.length === 0) continue
        model.apply(changes)
        log.commit(changes)
        if (random.below(3) === 0) log.work()
        if (random.below(9) === 0) log.rest()
      }
      for (const owner of OWNERS) {
        const after = random.below(60)
        t.strictSame(log.page(owner, after), model.page(owner, after))
      }
      checkpoints += log.checkpoints
      log.close()
      disk.close()
      disk = new FileDisk(directory)
      log = new LogStore(disk, OPTIONS)
      model.forgetBegun()
      t.strictSame(inOrder(log.open()), inOrder(model.snapshot()))
      t.equal(log.ledger.messages.count, model.messageCount)
    }
    t.ok(checkpoints > 0, 'checkpoints were made on the way')
    log.close()
    disk.close()
  })
}
