// A disk that is really full: a small file system in memory, which only root can make.

import { readdirSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import mqtt from 'mqtt'
import { type Test, test } from 'tap'
import { createBroker } from '../../src/index.ts'
import { FileDisk } from '../../src/store/file-disk.ts'
import { FileStore } from '../../src/store/file-store.ts'
import { verify } from '../../src/store/maintenance/verify.ts'
import type { Change } from '../../src/store/change.ts'
import { mounted, skip } from './mounts.ts'
import { BOB, committed, GROUP, OPENED, queued, stored } from '../../src/store-kit/changes.ts'

const MEBIBYTE = 1_048_576

function smallDisk(t: Test, mebibytes: number): string {
  return mounted(t, `size=${mebibytes}m`)
}

/** Leaves so much room and no more. */
function crowd(directory: string, roomBytes: number): void {
  const { bavail, bsize } = statfsSync(directory)
  writeFileSync(join(directory, 'crowd'), Buffer.alloc(Math.max(0, bavail * bsize - roomBytes)))
}

test('a commit that finds no room waits, and is made when there is some', { skip }, async t => {
  const directory = smallDisk(t, 8)
  const store = new FileStore(join(directory, 'data'), { reserveBytes: MEBIBYTE })
  await store.open()
  await committed(store, OPENED)
  crowd(directory, 65_536)

  let isDone = false
  const payload = Buffer.alloc(MEBIBYTE, 'x')
  const large = committed(store, stored(1, { payload }), queued(1, 1)).then(() => (isDone = true))
  await new Promise(resolve => setTimeout(resolve, 700))
  t.equal(isDone, false)
  t.equal(store.isFull, true)
  rmSync(join(directory, 'crowd'))
  await large

  await committed(store, stored(2), queued(2, 2))
  t.equal(store.isFull, false)
  await store.close()
  const disk = new FileDisk(join(directory, 'data'))
  t.match(verify(disk), { waiting: 2, cut: null })
  disk.close()
})

test(
  'a broker on a full disk refuses what must be stored, and serves again by itself when there is room',
  { skip },
  async t => {
    const directory = smallDisk(t, 24)
    const broker = await createBroker({
      listeners: [{ port: 0 }],
      limits: { queuedBytesMax: 100 * MEBIBYTE },
      store: { directory: join(directory, 'data'), reserveBytes: 4 * MEBIBYTE },
    })
    const url = `mqtt://127.0.0.1:${broker.listeners[0]?.port}`
    const away = { clientId: 'away', clean: false, protocolVersion: 5, properties: {} } as const
    const properties = { sessionExpiryInterval: 3_600 }
    const first = await mqtt.connectAsync(url, { ...away, properties })
    await first.subscribeAsync('a', { qos: 1 })
    await first.endAsync()

    const alice = await mqtt.connectAsync(url, { protocolVersion: 5 })
    const payload = Buffer.alloc(MEBIBYTE / 2, 'x')
    let accepted = 0
    let refusal = 0
    while (refusal === 0 && accepted < 100) {
      const answer = await alice
        .publishAsync('a', payload, { qos: 1 })
        .then(() => 0)
        .catch((error: { readonly code?: number }) => error.code ?? -1)
      if (answer === 0) accepted += 1
      else refusal = answer
    }
    t.equal(refusal, 0x97)
    t.ok(accepted > 10, `${accepted} were accepted before`)
    t.equal(broker.statistics.publishesRefused, 1)
    await alice.publishAsync('nobody', 'is not stored', { qos: 1 })

    const back = mqtt.connect(url, { ...away, properties, resubscribe: false })
    let received = 0
    await new Promise<void>(resolve => {
      // Before it is connected: the first messages come with CONNACK.
      back.on('message', () => {
        received += 1
        if (received === accepted) resolve()
      })
    })
    t.equal(received, accepted, 'all that was acknowledged is delivered')

    // What was settled has made room: a checkpoint and the files it frees need no help.
    crowd(directory, 0)
    // Where the crowd was not seen before it is written to, the first waits; those after it are refused.
    const waiting = refused(alice)
    await new Promise(resolve => setTimeout(resolve, 300))
    t.equal(await refused(alice), true)
    rmSync(join(directory, 'crowd'))
    await waiting
    while (await refused(alice)) await new Promise(resolve => setTimeout(resolve, 50))
    t.pass('and when there is room a message is stored again')
    alice.end()
    back.end(true)
    await broker.close()
  },
)

async function refused(client: mqtt.MqttClient): Promise<boolean> {
  return client
    .publishAsync('a', 'x', { qos: 1 })
    .then(() => false)
    .catch(() => true)
}

interface Clearing {
  readonly what: string
  readonly segmentBytes: number
  readonly fills: (number: number) => Change
  readonly clears: (count: number) => readonly Change[]
}

const settles = (count: number): readonly Change[] =>
  numbersTo(count).map(number => ({ kind: 'settled', delivery: number, owner: BOB }))
const setsTopic = (number: number): Change => ({
  kind: 'retained-set',
  topic: `t/${number}`,
  sequence: number,
})
const clearsTopics = (count: number): readonly Change[] =>
  numbersTo(count).map(number => ({ kind: 'retained-cleared', topic: `t/${number}` }))

function numbersTo(count: number): readonly number[] {
  return Array.from({ length: count }, (_, index) => index + 1)
}

/** Of the files a full disk lets one be written to the end, or many. */
const CLEARINGS: readonly Clearing[] = [1, 64].flatMap(mebibytes => {
  const segmentBytes = mebibytes * MEBIBYTE
  const inFiles = `in files of ${mebibytes} MiB`
  return [
    {
      what: `a queue that is settled, ${inFiles}`,
      segmentBytes,
      fills: number => queued(number, number),
      clears: settles,
    },
    {
      what: `retained messages that are cleared, ${inFiles}`,
      segmentBytes,
      fills: setsTopic,
      clears: clearsTopics,
    },
    {
      what: `a session that ends, ${inFiles}`,
      segmentBytes,
      fills: number => queued(number, number),
      clears: () => [{ kind: 'session-ended', clientId: 'bob' }],
    },
    {
      what: `a share group that ends, ${inFiles}`,
      segmentBytes,
      fills: number => queued(number, number, GROUP),
      clears: () => [{ kind: 'group-ended', owner: GROUP }],
    },
  ] satisfies readonly Clearing[]
})

/** Polls: what happens meanwhile happens by itself. */
async function isTrueWithin(seconds: number, isTrue: () => boolean): Promise<boolean> {
  for (let count = 0; count < seconds * 20 && !isTrue(); count++) {
    await new Promise(resolve => setTimeout(resolve, 50))
  }
  return isTrue()
}

/** What is free, and what lies in files that serve again. */
function roomIn(directory: string): number {
  const { bavail, bsize } = statfsSync(directory)
  return readdirSync(directory)
    .filter(name => name.startsWith('spare'))
    .reduce((sum, name) => sum + statSync(join(directory, name)).size, bavail * bsize)
}

/** Commits messages until the store says that it is full. Returns how many there are. */
async function fillUp(store: FileStore, fills: (number: number) => Change): Promise<number> {
  await committed(store, OPENED)
  const payload = Buffer.alloc(100_000, 'x')
  let number = 0
  while (!store.isFull) {
    number += 1
    await committed(store, stored(number, { payload }), fills(number))
  }
  return number
}

for (const { what, segmentBytes, fills, clears } of CLEARINGS) {
  test(
    `a disk that the store has filled is usable within seconds of: ${what}`,
    { skip },
    async t => {
      const directory = join(smallDisk(t, 16), 'data')
      const options = { reserveBytes: 4 * MEBIBYTE, segmentBytes }
      const store = new FileStore(directory, options)
      await store.open()
      const count = await fillUp(store, fills)
      t.ok(count > 80, `${count} messages`)
      // The checkpoint that then makes no room comes first.
      await new Promise(resolve => setTimeout(resolve, 600))
      t.equal(store.isFull, true)

      for (const change of clears(count)) await committed(store, change)
      t.equal(await isTrueWithin(10, () => !store.isFull), true)
      const room = (): number => roomIn(directory)
      t.equal(await isTrueWithin(10, () => room() > 13 * MEBIBYTE), true, `${room()} bytes`)

      t.ok((await fillUp(store, fills)) > 80, 'and takes as much again')
      await store.close()
    },
  )
}

test(
  'a disk that others fill is found full with the next small commits, and usable when they give it back',
  { skip },
  async t => {
    const directory = smallDisk(t, 16)
    const store = new FileStore(join(directory, 'data'), { reserveBytes: 4 * MEBIBYTE })
    await store.open()
    await committed(store, OPENED)
    for (let round = 0; round < 3; round++) {
      crowd(directory, MEBIBYTE)
      let commits = 0
      while (!store.isFull && commits < 1_000) {
        commits += 1
        await committed(store, { kind: 'settled', delivery: 1, owner: BOB })
        await new Promise(resolve => setTimeout(resolve, 20))
      }
      t.ok(commits < 100, `after ${commits} commits of a few bytes`)
      rmSync(join(directory, 'crowd'))
      t.equal(await isTrueWithin(10, () => !store.isFull), true)
    }
    await store.close()
  },
)
