// A store that fails ends the process: nothing is acknowledged that is not stored.

import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { test } from 'tap'
import { createBroker } from '../../src/index.ts'
import { FileDisk } from '../../src/store/file-disk.ts'
import { figuresOf } from '../../src/store/maintenance/verify.ts'
import { Program, run } from '../interop/programs.ts'

const ENTRY = pathToFileURL(resolve(import.meta.dirname, '../../src/index.js')).href

const SCRIPT = `
import { createBroker, MemoryStore } from ${JSON.stringify(ENTRY)}
class FailingStore extends MemoryStore {
  commit(done) { done(new Error('EIO: fdatasync')) }
}
const say = (fields, sentence) => console.log(JSON.stringify({ ...fields, sentence }))
const log = { debug() {}, info() {}, warn: say, error: say }
const broker = await createBroker({ store: new FailingStore(), listeners: [{ port: 0 }], log })
console.log('port ' + broker.listeners[0].port)
`

test('a commit that fails ends the process with status 74 and a line that says so, and no PUBACK leaves', async t => {
  const file = join(t.testdir(), 'broker.mjs')
  writeFileSync(file, SCRIPT)
  const program = new Program(process.execPath, [file])
  await program.prints('port ')
  const port = /port (\d+)/.exec(program.output)?.[1] ?? ''

  const words = ['-h', '127.0.0.1', '-p', port, '-t', 'a', '-m', 'x', '-q', '1', '-r', '-d']
  const publisher = await run('timeout', ['5', 'mosquitto_pub', ...words])
  const { status, output } = await program.ends()

  t.equal(status, 74)
  t.match(output, /"event":"store.failed","error":"EIO: fdatasync"/)
  t.notMatch(publisher.output, /PUBACK/)
})

test('messages that were published before the broker is closed are stored', async t => {
  const directory = t.testdir()
  const broker = await createBroker({ listeners: [], store: { directory } })
  for (let count = 0; count < 20; count++) {
    broker.publish({ topic: `t/${count}`, payload: 'x', qos: 1, retain: true })
    await new Promise(resolve => setImmediate(resolve))
  }
  await broker.close()

  const disk = new FileDisk(directory)
  t.equal(figuresOf(disk).retained, 20)
  disk.close()
})
