// What goes on while all threads of Node's pool are busy, as hashes, names or slow files could make them.

import { execFileSync } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import mqtt from 'mqtt'
import { type Test, test } from 'tap'
import { newPbkdf2 } from '../../src/access/password/hashing.ts'
import { formatHash } from '../../src/access/password/password-hash.ts'
import { createBroker } from '../../src/index.ts'

/** More than the pool has threads. */
const PIPES = Math.max(8, 2 * Number(process.env['UV_THREADPOOL_SIZE'] ?? 4))

/** Blocks each thread by a pipe that nobody writes to. Returns how to end that. */
function blockedPool(t: Test, directory: string): () => Promise<void> {
  const pipes = Array.from({ length: PIPES }, (_, index) => resolve(directory, `pipe-${index}`))
  execFileSync('mkfifo', pipes)
  const reads = pipes.map(pipe => readFile(pipe))
  let isBlocked = true
  const release = async (): Promise<void> => {
    if (!isBlocked) return
    isBlocked = false
    // Opened for both, a pipe does not wait for its other end.
    const ends = pipes.map(pipe => openSync(pipe, 'r+'))
    await new Promise(settle => setImmediate(settle))
    for (const end of ends) closeSync(end)
    // Those that had no thread yet open their pipes only now.
    await Promise.all(reads.map((read, index) => ended(read, pipes[index] ?? '')))
  }
  t.teardown(release)
  return release
}

async function ended(read: Promise<unknown>, pipe: string): Promise<void> {
  let isOver = false
  void read.finally(() => (isOver = true))
  while (!isOver) {
    closeSync(openSync(pipe, 'r+'))
    await new Promise(settle => setImmediate(settle))
  }
}

test('passwords are verified and messages are stored while no thread of the pool is free', async t => {
  const directory = t.testdir()
  const hash = formatHash(newPbkdf2(Buffer.from('secret'), 1_000))
  const broker = await createBroker({
    listeners: [{ host: '127.0.0.1', port: 0 }],
    access: { users: { early: hash, late: hash } },
    store: { directory: resolve(directory, 'data') },
  })
  t.teardown(() => broker.close())
  const connect = (username: string) =>
    mqtt.connectAsync(`mqtt://127.0.0.1:${broker.listeners[0]?.port}`, {
      username,
      password: 'secret',
      protocolVersion: 5,
      reconnectPeriod: 0,
    })
  // The threads for hashes and the store are started, which reads files.
  const early = await connect('early')
  await early.publishAsync('a', 'x', { qos: 1, retain: true })
  const release = blockedPool(t, directory)
  let isFree = false
  void readFile(resolve(directory, 'nothing')).catch(() => (isFree = true))

  const late = await connect('late')
  for (let count = 0; count < 20; count++) {
    await late.publishAsync('a', `x${count}`, { qos: 1, retain: true })
  }

  t.equal(isFree, false, 'the pool was busy all the time')
  await release()
  for (const each of [early, late]) await each.endAsync()
})
