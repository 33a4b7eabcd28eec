import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { createBroker } from 'pondhawk'
import { STORE_RULES } from 'pondhawk/store-kit'
import { LmdbStore } from '../lmdb-store.ts'

const made: string[] = []
after(() => {
  for (const directory of made) rmSync(directory, { recursive: true, force: true })
})

function somewhereNew(): string {
  const directory = mkdtempSync(join(tmpdir(), 'pondhawk-lmdb-'))
  made.push(directory)
  return directory
}

for (const { sentence, check } of STORE_RULES) {
  test(sentence, async () => {
    const directory = somewhereNew()
    await check({ store: () => new LmdbStore(directory) })
  })
}

test('every message that was acknowledged before a kill is there after it, in order', async () => {
  const directory = somewhereNew()
  const child = spawn(process.execPath, [join(import.meta.dirname, 'killed.js'), directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let acknowledged = ''
  child.stdout.on('data', (chunk: Buffer) => {
    acknowledged += chunk.toString()
    if (acknowledged.includes('\n300\n')) child.kill('SIGKILL')
  })
  await once(child, 'close')
  const count = acknowledged.split('\n').length - 1

  const broker = await createBroker({ store: new LmdbStore(directory), listeners: [] })
  const away = await broker.connect({
    clientId: 'away',
    cleanStart: false,
    sessionExpirySeconds: 3_600,
  })
  assert.equal(away.sessionPresent, true)
  const numbers: number[] = []
  for await (const { payload } of away) {
    numbers.push(Number(payload.toString()))
    if (numbers.length === count) break
  }
  assert.ok(count > 300)
  assert.deepEqual(
    numbers,
    Array.from({ length: count }, (_, index) => index),
  )
  await broker.close()
})

test('a commit that fails is undone as a whole', async () => {
  const directory = somewhereNew()
  const store = new LmdbStore(directory)
  await store.open()
  store.record({ kind: 'session-opened', clientId: 'a', expiryIntervalSeconds: 1 })
  // A message that was never stored: a mistake of the broker.
  store.record({ kind: 'retained-set', topic: 'a', sequence: 9 })
  const error = await new Promise<Error | null>(resolve => store.commit(resolve))
  assert.match(String(error), /message 9 is stored before/)
  await store.close()

  const next = new LmdbStore(directory)
  assert.deepEqual((await next.open()).sessions, [])
  await next.close()
})
