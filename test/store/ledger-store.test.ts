// A store over a log device, whether that answers at once or late: it tells what the plain state tells, and the log
// stays short.

import { test } from 'tap'
import { inOrder, OWNERS, RandomChanges } from '../../sim/random-changes.ts'
import { LedgerStore } from '../../src/store/ledger-store.ts'
import { MemoryLog } from '../../src/store/memory-log.ts'
import { BOB, committed, OPENED, pageOf, queued, stored } from '../../src/store-kit/changes.ts'
import { DurableState } from '../../src/store-kit/durable-state.ts'
import { LateLog } from './late-log.ts'

const OPTIONS = { pageMessages: 7, pageBytes: 1_048_576, checkpointBytes: 4_096, reserveBytes: 0 }

for (const [name, make] of [
  ['at once', () => new MemoryLog()],
  ['late', () => new LateLog(new MemoryLog())],
] as const) {
  for (let seed = 1; seed <= 10; seed++) {
    test(`over a log that answers ${name} a store tells what the plain state tells, seed ${seed}`, async t => {
      const random = new RandomChanges(seed)
      const model = new DurableState(OPTIONS.pageMessages)
      const log = make()
      for (let round = 0; round < 6; round++) {
        const store = new LedgerStore(log, OPTIONS)
        model.forgetBegun()
        t.strictSame(inOrder(await store.open()), inOrder(model.snapshot()))
        for (let count = 0; count < 40; count++) {
          const changes = random.group()
          model.apply(changes)
          const isCommitted = committed(store, ...changes)
          // Asked for while the commit is outstanding.
          const owner = OWNERS[count % OWNERS.length] ?? BOB
          const page = pageOf(store, owner, count)
          await isCommitted
          t.strictSame(await page, model.page(owner, count))
        }
        await store.close()
      }
    })
  }
}

test('a log of which little is needed is short', async t => {
  const log = new MemoryLog()
  const store = new LedgerStore(log, OPTIONS)
  await store.open()
  await committed(store, OPENED)
  for (let first = 0; first < 3_000; first += 30) {
    const numbers = Array.from({ length: 30 }, (_, index) => first + index + 1)
    await committed(store, ...numbers.flatMap(each => [stored(each), queued(each, each)]))
    const settled = numbers.slice(1)
    await committed(
      store,
      ...settled.map(delivery => ({ kind: 'settled', delivery, owner: BOB }) as const),
    )
  }

  // A hundred messages are needed, of some hundred bytes with all that belongs to them.
  const bytes = [...log.extents()].reduce((sum, extent) => sum + extent.bytes, 0)
  t.ok(bytes < 60_000, `${bytes} bytes of log`)
  const page = await pageOf(store, BOB, 0)
  t.strictSame(
    page.map(({ delivery }) => delivery),
    [1, 31, 61, 91, 121, 151, 181],
  )
})

test('a store that has lost its log to another writer commits nothing more', async t => {
  const log = new MemoryLog()
  const store = new LedgerStore(log, OPTIONS)
  await store.open()
  await committed(store, OPENED)
  log.read(
    0,
    () => {},
    (_error, last) => log.append(Buffer.of(22, 0, 0, 0, 0), last, () => {}),
  )

  await t.rejects(committed(store, stored(1)), /another writer owns it/)
})
