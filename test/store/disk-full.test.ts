// A disk that is really full: a small file system in memory, which only root can make.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import mqtt from 'mqtt'
import { type Test, test } from 'tap'
import { createBroker } from '../../src/index.ts'
import { FileDisk } from '../../src/store/file-disk.ts'
import { FileStore } from '../../src/store/file-store.ts'
import { verify } from '../../src/store/maintenance/verify.ts'
import { committed, OPENED, owed, stored } from '../../src/store-kit/facts.ts'

const MEBIBYTE = 1_048_576

function canMount(): boolean {
  try {
    execFileSync('unshare', ['--mount', 'true'], { stdio: 'ignore' })
    return process.getuid?.() === 0
  } catch {
    return false
  }
}

const skip = canMount() ? false : 'only root can make a file system'

function smallDisk(t: Test, mebibytes: number): string {
  const directory = mkdtempSync(join(tmpdir(), 'pondhawk-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mebibytes}m`, 'tmpfs', directory])
  t.teardown(() => {
    execFileSync('umount', ['-l', directory])
    rmSync(directory, { recursive: true })
  })
  return directory
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
  const large = committed(store, stored(1, { payload }), owed(1, 1)).then(() => (isDone = true))
  await new Promise(resolve => setTimeout(resolve, 700))
  t.equal(isDone, false)
  t.equal(store.isFull, true)
  rmSync(join(directory, 'crowd'))
  await large

  await committed(store, stored(2), owed(2, 2))
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
