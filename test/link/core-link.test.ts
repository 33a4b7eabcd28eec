// What the core does with a front end that breaks the rules of the link, and with one that takes nothing.

import type { Socket } from 'node:net'
import { type Test, test } from 'tap'
import { CoreLink } from '../../src/link/core-link.ts'
import {
  BYTES,
  CLOSED,
  DESTROY,
  FLOWS,
  HEADER_BYTES,
  NAMED,
  OPENED,
  SLOW,
  TAKEN,
  writeHeader,
} from '../../src/link/frames.ts'
import type { LinkedWire } from '../../src/link/linked-wire.ts'
import type { Proved } from '../../src/link/said.ts'
import type { Peer } from '../../src/transport/wire.ts'
import { socketPair } from './front-end-here.ts'

const PEER: Peer = {
  address: '127.0.0.1',
  port: 1,
  transport: 'tcp',
  listener: 'here',
  certificate: null,
}

const PROVED = '{"spentMs":1,"protocol":"mqtt","generation":1,"certificate":null,"psk":null}'

function frame(kind: number, connection: number, body: Buffer | string = ''): Buffer {
  const bytes = Buffer.from(body)
  const header = Buffer.alloc(HEADER_BYTES)
  writeHeader(header, 0, { kind, connection, length: bytes.length })
  return Buffer.concat([header, bytes])
}

interface World {
  readonly link: CoreLink
  /** The front end's end of the link. */
  readonly far: Socket
  readonly failures: (string | null)[]
  readonly opened: Proved[]
  /** A connection that the front end was given. */
  hands(): LinkedWire
  /** The same, and the front end has opened it. */
  opens(): Promise<LinkedWire>
}

async function world(t: Test, messageBytesMax = 0): Promise<World> {
  const [near, far] = await socketPair(t)
  const failures: (string | null)[] = []
  const opened: Proved[] = []
  const link = new CoreLink(near, {
    line: () => {},
    figures: () => {},
    failed: sentence => failures.push(sentence),
  })
  far.on('error', () => {})
  const hands = (): LinkedWire =>
    link.hand({
      peer: PEER,
      messageBytesMax,
      named: () => true,
      refused: () => {},
      opened: (_wire, proved) => opened.push(proved),
      ended: () => {},
    })
  const opens = async (): Promise<LinkedWire> => {
    const before = opened.length
    const wire = hands()
    far.write(frame(OPENED, wire.number, PROVED))
    await until(() => opened.length > before)
    return wire
  }
  return { link, far, failures, opened, hands, opens }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise(resolve => setTimeout(resolve, 1))
}

const WRONG: readonly (readonly [string, readonly Buffer[]])[] = [
  ['bytes that are no frame', [Buffer.alloc(64, 0xff)]],
  ['a connection that it was not given', [frame(BYTES, 2, 'x')]],
  ['connection 0', [frame(CLOSED, 0)]],
  ['bytes of a connection that is not open', [frame(BYTES, 1, 'x')]],
  ['what is no JSON', [frame(OPENED, 1, '{')]],
  ['JSON that is no map', [frame(OPENED, 1, '[]')]],
  ['a client without a name for its key', [frame(OPENED, 1, PROVED.replace('null}', '7}'))]],
  ['a certificate that is none', [frame(OPENED, 1, PROVED.replace('null', '"all"'))]],
  ['a second opening', [frame(OPENED, 1, PROVED), frame(OPENED, 1, PROVED)]],
  ['a client that is slow by nothing', [frame(OPENED, 1, PROVED), frame(SLOW, 1)]],
  ['a turn that was not ended', [frame(TAKEN, 1)]],
]

for (const [words, frames] of WRONG) {
  test(`a front end that says ${words} loses its link and nothing else happens`, async t => {
    const { far, failures, hands } = await world(t)
    const wire = hands()
    const closings: (string | null)[] = []
    wire.open({ received: () => {}, drained: () => {}, closed: cause => closings.push(cause) })

    far.write(Buffer.concat(frames))

    await until(() => failures.length > 0)
    t.type(failures[0], 'string')
    t.strictSame(closings, ['its front end has ended'])
    t.ok(wire.isClosed)
  })
}

test('what is said of a connection that the core has closed is ignored', async t => {
  const { link, far, failures, opens } = await world(t)
  const wire = await opens()
  wire.destroy()
  await until(() => wire.isClosed)
  const other = await opens()

  far.write(Buffer.concat([frame(BYTES, wire.number, 'late'), frame(CLOSED, wire.number)]))
  far.write(frame(CLOSED, other.number, 'gone'))

  await until(() => other.isClosed)
  t.strictSame(failures, [])
  t.equal(link.connections, 0)
})

test('a connection that was closed before the front end had its socket is closed there too', async t => {
  const { far, failures, hands } = await world(t)
  const heard: Buffer[] = []
  far.on('data', (chunk: Buffer) => heard.push(chunk))
  const [early, named] = [hands(), hands()]
  early.destroy()
  named.destroy()
  await until(() => Buffer.concat(heard).length >= 2 * HEADER_BYTES)
  heard.length = 0

  far.write(frame(OPENED, early.number, PROVED))
  far.write(frame(NAMED, named.number, '{"address":"192.0.2.1","port":1}'))

  await until(() => Buffer.concat(heard).length >= 2 * HEADER_BYTES)
  const expected = [frame(DESTROY, early.number), frame(DESTROY, named.number)]
  t.ok(Buffer.concat(heard).equals(Buffer.concat(expected)))
  t.strictSame(failures, [])
})

test('what comes behind a pause waits for the end of it, and so does the end of the connection', async t => {
  const { far, opens } = await world(t)
  const wire = await opens()
  const events: string[] = []
  wire.open({
    received: chunk => {
      events.push((chunk as Buffer).toString())
      if (events.length === 1) wire.pause()
    },
    drained: () => {},
    closed: cause => events.push(`closed ${cause ?? 'in good order'}`),
  })
  const other = await opens()
  wire.pause()
  far.write(Buffer.concat(['one', 'two', 'three'].map(each => frame(BYTES, wire.number, each))))
  far.write(Buffer.concat([frame(CLOSED, wire.number), frame(CLOSED, other.number)]))
  await until(() => other.isClosed)
  t.strictSame(events, [])

  wire.resume()
  t.strictSame(events, [], 'nothing within the call')
  await until(() => events.length > 0)
  t.strictSame(events, ['one'], 'paused again by the first')

  wire.resume()
  await until(() => events.length === 4)
  t.strictSame(events.slice(1), ['two', 'three', 'closed in good order'])
})

test('a connection that breaks is told of at once, also behind a pause', async t => {
  const { far, opens } = await world(t)
  const wire = await opens()
  const events: string[] = []
  wire.open({
    received: chunk => events.push((chunk as Buffer).toString()),
    drained: () => {},
    closed: cause => events.push(`closed ${cause ?? 'in good order'}`),
  })
  wire.pause()

  far.write(Buffer.concat([frame(BYTES, wire.number, 'one'), frame(CLOSED, wire.number, 'reset')]))

  await until(() => wire.isClosed)
  t.strictSame(events, ['closed reset'])
})

test('a front end that does not pause a client loses its link', async t => {
  const { far, failures, opens } = await world(t)
  const wire = await opens()
  wire.open({ received: () => {}, drained: () => {}, closed: () => {} })
  wire.pause()

  const much = frame(BYTES, wire.number, Buffer.alloc(262_144))
  for (let count = 0; count < 65; count++) far.write(much)

  await until(() => failures.length > 0)
  t.strictSame(failures, ['it reads from a connection that is paused'])
})

test('a large message of WebSocket may come whole behind a pause', async t => {
  const { link, far, failures, opens } = await world(t, 33_554_432)
  const wire = await opens()
  wire.open({ received: () => {}, drained: () => {}, closed: () => {} })
  wire.pause()

  for (let count = 0; count < 128; count++)
    far.write(frame(BYTES, wire.number, Buffer.alloc(262_144)))

  await until(() => link.bytesReceived > 33_554_432)
  t.strictSame(failures, [])
  t.notOk(wire.isClosed)
})

test('a number of a connection never serves twice', async t => {
  const { opens } = await world(t)
  const numbers = new Set<number>()

  for (let count = 0; count < 5; count++) {
    const wire = await opens()
    numbers.add(wire.number)
    wire.destroy()
    await until(() => wire.isClosed)
  }

  t.equal(numbers.size, 5)
})

test('a front end that takes nothing leaves the bytes with the core, which waits for nobody', async t => {
  const { link, far, opens } = await world(t)
  far.pause()
  const wire = await opens()
  const other = await opens()
  let drains = 0
  wire.open({ received: () => {}, drained: () => (drains += 1), closed: () => {} })

  for (let count = 0; count < 200; count++) wire.write(Buffer.alloc(60_000, count))
  const taken = other.write(Buffer.alloc(10))

  t.notOk(wire.isFlowing)
  t.ok(wire.pendingBytes > 11_000_000, 'what is not taken stays pending')
  t.notOk(link.isFull, 'one client does not fill the link')
  t.ok(taken, 'another client of the same front end is written to')

  far.resume()
  await until(() => link.turn > 1)
  const answered = setInterval(() => far.write(frame(TAKEN, link.turn - 1)), 1)
  t.teardown(() => clearInterval(answered))
  await until(() => wire.pendingBytes === 0)
  t.ok(drains > 0)
})

test('when a front end has much for clients that take nothing, each gets less', async t => {
  const { link, far, opens } = await world(t)
  const slow = await opens()
  const other = await opens()
  t.ok(other.write(Buffer.alloc(5_000)), 'as much as the buffer of a socket takes')

  far.write(frame(SLOW, slow.number, Buffer.from([1, 0, 0, 4])))
  await until(() => !slow.isFlowing)
  t.notOk(other.write(Buffer.alloc(5_000)))

  slow.destroy()
  await until(() => slow.isClosed)
  far.write(frame(TAKEN, link.turn - 1))
  await until(() => other.isFlowing)
  t.ok(other.write(Buffer.alloc(5_000)))
  t.ok(other.write(Buffer.alloc(5_000)))
})

test('a slow client is told of, and flows again', async t => {
  const { far, opens } = await world(t)
  const wire = await opens()
  let drains = 0
  wire.open({ received: () => {}, drained: () => (drains += 1), closed: () => {} })
  t.ok(wire.write(Buffer.alloc(1_000)))

  far.write(frame(SLOW, wire.number, Buffer.from([0xe8, 3, 0, 0])))
  await until(() => !wire.isFlowing)
  t.equal(wire.untakenBytes, 1_000)
  t.notOk(wire.write(Buffer.alloc(500)))
  t.ok(wire.pendingBytes >= 1_500)

  far.write(Buffer.concat([frame(FLOWS, wire.number), frame(TAKEN, 1)]))
  await until(() => drains > 0)
  t.ok(wire.isFlowing)
})
