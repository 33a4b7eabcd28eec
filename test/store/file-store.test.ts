import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { pbkdf2 } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'tap'
import { FileStore } from '../../src/store/file-store.ts'
import type { Change } from '../../src/store/change.ts'
import type { Store, StoredDelivery } from '../../src/store/store.ts'
import { STORE_RULES } from '../../src/store-kit.ts'
import { BOB, committed, OPENED, queued, pageOf, stored } from '../../src/store-kit/changes.ts'

for (const { sentence, check } of STORE_RULES) {
  test(`the file store: ${sentence}`, async t => {
    const directory = t.testdir()
    await check({ store: () => new FileStore(directory) })
  })
}

test('the directory and its files are for their owner only', async t => {
  const directory = join(t.testdir(), 'data')
  const store = new FileStore(directory)
  await store.open()
  await committed(store, OPENED)

  t.equal(statSync(directory).mode & 0o777, 0o700)
  for (const name of readdirSync(directory)) {
    t.equal(statSync(join(directory, name)).mode & 0o777, 0o600, name)
  }
  await store.close()
})

test('a second store on the same directory is refused with the process that has it', async t => {
  const directory = t.testdir()
  const store = new FileStore(directory)
  await store.open()

  await t.rejects(
    new FileStore(directory).open(),
    new RegExp(`Another Pondhawk \\(process ${process.pid}\\) uses`),
  )
  await store.close()
  const next = new FileStore(directory)
  await next.open()
  await next.close()
})

test('the lock of a process that is gone is no hindrance', async t => {
  const directory = t.testdir()
  writeFileSync(join(directory, 'lock'), '{"pid":1,"startedAt":1,"boot":"another boot"}')
  const store = new FileStore(directory)
  await store.open()
  await store.close()
  t.notOk(readdirSync(directory).includes('lock'))
})

test('a commit that is larger than the memory for it goes through whole', async t => {
  const directory = t.testdir()
  const store = new FileStore(directory)
  await store.open()
  const payload = Buffer.alloc(3_000_000, 'x')
  await committed(store, OPENED, stored(1, { payload }), queued(1, 1))
  await committed(store, stored(2), queued(2, 2))
  await store.close()

  const next = new FileStore(directory)
  const { sessions } = await next.open()
  t.equal(sessions[0]?.remainder.messages, 2)
  const page = await pageOf(next, BOB, 0)
  t.equal(page[0]?.message?.payload.equals(payload), true)
  await next.close()
})

test('less room than the reserve makes the store full, and it says so', async t => {
  const store = new FileStore(t.testdir(), { reserveBytes: Number.MAX_SAFE_INTEGER })
  await store.open()
  t.equal(store.isFull, true)
  // Changes go on while there is any room at all.
  await committed(store, OPENED)
  await store.close()
})

test('a store that is closed answers with an error, and does not hang', async t => {
  const store = new FileStore(t.testdir())
  await store.open()
  await store.close()
  await t.rejects(committed(store, OPENED), /closed/)
  await t.rejects(
    new Promise<void>((resolve, reject) => {
      store.page({ kind: 'session', clientId: 'x' }, 0, error =>
        error === null ? resolve() : reject(error),
      )
    }),
    /closed/,
  )
})

test('a commit is one signal to the thread of the store, and no message', async t => {
  const store = new FileStore(t.testdir())
  await store.open()
  const signals = t.capture(Atomics, 'notify', Atomics.notify)
  const messages = t.capture(
    MessagePort.prototype,
    'postMessage',
    MessagePort.prototype.postMessage,
  )

  await committed(store, OPENED)
  for (let number = 1; number <= 9; number++) await committed(store, stored(number))

  t.equal(signals().length, 10)
  t.equal(messages().length, 0)
  await store.close()
})

test('a damaged file is refused by name and place', async t => {
  const directory = t.testdir()
  await fill(new FileStore(directory), 20)
  const name = join(directory, 'segment-00000001.log')
  const { size } = statSync(name)
  const { openSync, writeSync, closeSync } = await import('node:fs')
  const file = openSync(name, 'r+')
  writeSync(file, Buffer.from([0xff]), 0, 1, Math.floor(size / 2))
  closeSync(file)

  await t.rejects(new FileStore(directory).open(), /segment-00000001\.log at byte \d+/)
})

async function fill(store: Store, count: number): Promise<void> {
  await store.open()
  await committed(store, OPENED)
  for (let number = 1; number <= count; number++) {
    const changes: readonly Change[] = [stored(number), queued(number, number)]
    await committed(store, ...changes)
  }
  await store.close()
}

test('a commit that is handed over just before the store is closed is there, and so is what a page asks for', async t => {
  const directory = t.testdir()
  let number = 0
  for (let round = 0; round < 10; round++) {
    const store = new FileStore(directory)
    await store.open()
    if (round === 0) await committed(store, OPENED)
    for (let count = 0; count < 20; count++) {
      number += 1
      void committed(store, stored(number), queued(number, number))
      const page = await new Promise<readonly StoredDelivery[]>(resolve => {
        store.page(BOB, number - 1, (_error, deliveries) => resolve(deliveries))
      })
      t.equal(page[0]?.delivery, number)
    }
    number += 1
    void committed(store, stored(number), queued(number, number))
    await store.close()
  }

  const store = new FileStore(directory)
  const { lastDelivery } = await store.open()
  t.equal(lastDelivery, number)
  await store.close()
})

test('a commit does not wait for passwords that are hashed or names that are looked up', async t => {
  const store = new FileStore(t.testdir())
  await store.open()
  const finished: string[] = []
  // Every thread of Node's pool has more than a second's work, and more is waiting.
  const hashes = Array.from(
    { length: 8 },
    () =>
      new Promise<void>(resolve => {
        pbkdf2('password', 'salt', 1_000_000, 64, 'sha512', () => {
          finished.push('hash')
          resolve()
        })
      }),
  )
  await committed(store, OPENED)
  for (let number = 1; number <= 5; number++) {
    await committed(store, stored(number), queued(number, number))
  }
  finished.push('commits')
  await Promise.all(hashes)

  t.equal(finished[0], 'commits')
  await store.close()
})
