// A store over a log device, whether that answers at once or late: it tells what the plain state tells, and the log
// stays short.

import { test } from 'tap'
import { inOrder, OWNERS, RandomChanges } from '../../src/store-kit/random-changes.ts'
import { LedgerStore } from '../../src/store/ledger-store.ts'
import { MemoryLog } from '../../src/store/memory-log.ts'
import { BOB, committed, OPENED, pageOf, queued, stored } from '../../src/store-kit/changes.ts'
import { DurableState } from '../../src/store-kit/durable-state.ts'
import { DiskFull } from '../../src/store/disk-full.ts'
import type { Appended, LogDevice } from '../../src/store/log-device.ts'
import type { Position } from '../../src/store/ledger/message-table.ts'
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

/** A log in memory that is full at times. */
class FullLog extends MemoryLog {
  isFull = false
  attempts = 0

  override append(payload: Buffer, expected: Position, done: Appended): void {
    this.attempts += 1
    if (this.isFull) done(new DiskFull(new Error('no space')), 0, Buffer.alloc(0))
    else super.append(payload, expected, done)
  }

  override freeBytes(): number {
    return this.isFull ? 0 : Infinity
  }
}

/** Time that a test moves. */
class Looks {
  act: (() => void) | null = null
  readonly repeat = (_milliseconds: number, act: () => void) => {
    this.act = act
    return () => (this.act = null)
  }

  async pass(count: number): Promise<void> {
    for (let look = 0; look < count; look++) {
      this.act?.()
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
    }
  }
}

for (const [name, over] of [
  ['at once', (log: LogDevice) => log],
  ['late', (log: LogDevice) => new LateLog(log)],
] as const) {
  test(`a commit that finds no room in a log that answers ${name} is tried again, and made once`, async t => {
    const log = new FullLog()
    const looks = new Looks()
    const store = new LedgerStore(over(log), { ...OPTIONS, reserveBytes: 1 }, looks.repeat)
    await store.open()
    await committed(store, OPENED)
    log.isFull = true
    let isCommitted = false
    const commit = committed(store, stored(1), queued(1, 1)).then(() => (isCommitted = true))
    await looks.pass(3)
    t.equal(isCommitted, false)
    t.equal(store.isFull, true, 'publishes are refused')
    t.ok(log.attempts > 3, `${log.attempts} attempts`)

    log.isFull = false
    await looks.pass(1)
    await commit

    await looks.pass(1)
    t.equal(store.isFull, false)
    t.equal((await pageOf(store, BOB, 0)).length, 1)
    await store.close()
    t.equal(looks.act, null, 'a closed store looks no more')
  })

  test(`what nobody needs leaves a log that answers ${name} when it is quiet`, async t => {
    const log = new MemoryLog()
    const looks = new Looks()
    const options = { ...OPTIONS, checkpointBytes: 1_000_000_000 }
    const store = new LedgerStore(over(log), options, looks.repeat)
    await store.open()
    await committed(store, OPENED)
    const payload = Buffer.alloc(1_000)
    for (let number = 1; number <= 4_000; number++)
      await committed(store, stored(number, { payload }), queued(number, number))
    for (let delivery = 1; delivery <= 4_000; delivery++)
      await committed(store, { kind: 'settled', delivery, owner: BOB })
    const bytes = (): number => [...log.extents()].reduce((sum, each) => sum + each.bytes, 0)
    t.ok(bytes() > 4_000_000, `${bytes()} bytes`)

    await looks.pass(7)
    t.ok(bytes() > 4_000_000, 'it was not idle for long')
    await looks.pass(60)

    t.ok(bytes() < 100_000, `${bytes()} bytes`)
    await store.close()
  })
}
