// What it costs to hear that the system has taken what was written: counted, and nothing where it takes at once.

import { connect, createServer, type Socket } from 'node:net'
import { type Test, test } from 'tap'
import { streamWire } from '../../src/transport/stream-wire.ts'
import type { Peer } from '../../src/transport/wire.ts'
import { Arrived } from './world.ts'

const PEER: Peer = {
  address: '',
  port: 0,
  transport: 'tcp',
  listener: 'test',
  certificate: null,
}

interface Counted {
  readonly arrived: Arrived
  readonly far: Socket
  /** Calls of the stream's own `write`. */
  readonly calls: { count: number }
}

async function counted(t: Test): Promise<Counted> {
  const server = createServer()
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  const address = server.address()
  const accepted = new Promise<Socket>(got => server.once('connection', got))
  const far = connect(typeof address === 'object' ? (address?.port ?? 0) : 0, '127.0.0.1')
  const near = await accepted
  t.teardown(() => {
    far.destroy()
    near.destroy()
    server.close()
  })
  const calls = { count: 0 }
  const write = near.write.bind(near)
  Reflect.set(near, 'write', (...facts: unknown[]): unknown => {
    calls.count += 1
    return Reflect.apply(write, null, facts)
  })
  return { arrived: new Arrived(streamWire(near, PEER)), far, calls }
}

const moment = (): Promise<void> => new Promise(over => setTimeout(over, 2))

test('a plain socket that reads costs one call a write and no event', async t => {
  const { arrived, far, calls } = await counted(t)
  let heard = 0
  far.on('data', chunk => (heard += chunk.length))

  let sent = 0
  for (let round = 0; round < 50; round++) {
    // The larger one is over the mark at which Node says `drain`.
    for (const size of [100, 20_000]) {
      t.equal(arrived.wire.write(Buffer.alloc(size)), true)
      sent += size
    }
    while (heard < sent) await moment()
  }

  t.equal(calls.count, 100)
  t.equal(arrived.drains, 0)
})

test('a plain socket without room costs one empty write, however many writes are pending', async t => {
  const { arrived, far, calls } = await counted(t)
  far.pause()
  let writes = 0
  while (arrived.wire.pendingBytes === 0) {
    arrived.wire.write(Buffer.alloc(10_000))
    writes += 1
  }
  for (let count = 0; count < 100; count++) arrived.wire.write(Buffer.alloc(10))
  t.equal(calls.count, writes + 100 + 1)

  far.resume()
  await arrived.until(() => arrived.drains > 0 && arrived.wire.pendingBytes === 0)
  // One more, if the first was taken before what was written behind it.
  t.ok(calls.count <= writes + 100 + 2, `${calls.count - writes - 100} empty writes`)
  t.ok(arrived.drains <= 2)
})
