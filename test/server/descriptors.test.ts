// A broker with few descriptors, and more strangers than those: what it has acknowledged is stored all the same.

import { writeFileSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'
import { join, resolve } from 'node:path'
import mqtt from 'mqtt'
import { type Test, test } from 'tap'
import { FileDisk } from '../../src/store/file-disk.ts'
import { verify } from '../../src/store/maintenance/verify.ts'
import { CLI } from '../command.ts'
import { Program } from '../interop/programs.ts'

const MESSAGES = 150

interface Running {
  readonly broker: Program
  readonly port: number
  readonly data: string
}

/** A broker whose process, and all that it starts, may open so many descriptors. */
async function brokerWith(t: Test, descriptors: number): Promise<Running> {
  const place = t.testdir()
  const data = join(place, 'data')
  const store = { directory: data, segmentBytes: 1_048_576, checkpointBytes: 1_048_576 }
  const limits = { queuedMessagesMax: 100_000, queuedBytesMax: 1_000_000_000 }
  const config = { listeners: [{ port: 0 }], store, limits, log: { format: 'json' } }
  writeFileSync(join(place, 'c.json'), JSON.stringify(config))
  const words = [CLI, 'start', '-c', join(place, 'c.json')].map(word => `'${word}'`).join(' ')
  // Without what the test runner puts into each Node: its loader opens files as well.
  const command = `unset NODE_OPTIONS; ulimit -n ${descriptors}; exec '${process.execPath}' ${words}`
  const broker = new Program('sh', ['-c', command])
  t.teardown(() => broker.process.kill('SIGKILL'))
  await broker.prints('broker.ready')
  const port = Number(/127\.0\.0\.1:(\d+)/.exec(broker.output)?.[1])
  return { broker, port, data }
}

/** Sockets that say nothing, more than there are descriptors; some are closed at once. */
function crowd(port: number, count: number): readonly Socket[] {
  return Array.from({ length: count }, () => {
    const socket = createConnection(port, '127.0.0.1')
    socket.on('error', () => {})
    return socket
  })
}

for (const descriptors of [128, 256]) {
  test(`with ${descriptors} descriptors and 400 strangers all that is acknowledged is stored`, async t => {
    const { broker, port, data } = await brokerWith(t, descriptors)
    const url = `mqtt://127.0.0.1:${port}`
    const away = await mqtt.connectAsync(url, { clientId: 'away', clean: false })
    await away.subscribeAsync('a', { qos: 1 })
    await away.endAsync()
    const alice = await mqtt.connectAsync(url)
    const sockets = crowd(port, 400)
    await new Promise(closed => sockets[0]?.on('close', closed))
    const late = await mqtt.connectAsync(url)

    const payload = Buffer.alloc(100_000, 'x')
    for (let count = 0; count < MESSAGES; count++) {
      await alice.publishAsync('a', payload, { qos: 1 })
      if (count % 10 === 0) for (const each of crowd(port, 20)) each.destroy()
    }

    t.match(broker.output, /"level":"info"[^\n]*"event":"connections.bound","limit":\d+/)
    t.equal(broker.process.exitCode, null, broker.output)
    await late.publishAsync('b', 'x', { qos: 1 })
    late.end(true)
    alice.end(true)
    for (const socket of sockets) socket.destroy()
    await broker.killed()
    const disk = new FileDisk(data)
    t.match(verify(disk), { waiting: MESSAGES, cut: null })
    disk.close()
  })
}

const SCRIPT = `
import { openSync, closeSync } from 'node:fs'
import { join } from 'node:path'
const { FileStore } = await import(process.argv[2])
const { committed, OPENED, BOB, queued, stored, pageOf } = await import(process.argv[3])
const store = new FileStore(process.argv[4], { segmentBytes: 65536, checkpointBytes: 131072 })
await store.open()
await committed(store, OPENED)
const taken = []
const takeAll = () => { try { for (;;) taken.push(openSync('/dev/null')) } catch {} }
const payload = Buffer.alloc(10000)
let done = 0
const timer = setInterval(() => { for (const each of taken.splice(0)) closeSync(each); setTimeout(takeAll, 30) }, 1500)
for (let number = 1; number <= 200; number++) {
  takeAll()
  await committed(store, stored(number, { payload }), queued(number, number))
  if (number % 20 === 0) await pageOf(store, BOB, number - 20)
  if (number > 100) await committed(store, { kind: 'settled', delivery: number - 100, owner: BOB })
  done += 1
}
clearInterval(timer)
for (const each of taken.splice(0)) closeSync(each)
await store.close()
console.log('committed ' + done)
`

test('a store whose process has no descriptor left for long waits, and fails nothing', async t => {
  const place = t.testdir({ 'script.mjs': SCRIPT })
  const source = (path: string): string => resolve(import.meta.dirname, '../../src', path)
  const words = [source('store/file-store.js'), source('store-kit/changes.js'), join(place, 'data')]
  const command = `unset NODE_OPTIONS; ulimit -n 64; exec '${process.execPath}' '${join(place, 'script.mjs')}' ${words.join(' ')}`
  const { output, errors } = await new Program('sh', ['-c', command]).ends()

  t.match(output, 'committed 200', errors)
  const disk = new FileDisk(join(place, 'data'))
  t.match(verify(disk), { waiting: 100, cut: null })
  disk.close()
})
