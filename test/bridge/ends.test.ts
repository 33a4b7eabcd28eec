// What a bridge does with another broker that does not answer, or that answers as no broker should.

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { duplexPair } from 'node:stream'
import { type Test, test } from 'tap'
import { Leg, LOCAL_TERMS } from '../../src/bridge/leg.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { createBroker } from '../../src/index.ts'

type Line = Readonly<Record<string, unknown>>

/** A broker with one bridge to a server, which does to each connection what the test says. */
async function bridged(t: Test, bridge: object, serve: (socket: Socket) => void, limits = {}) {
  const server = createServer(socket => {
    socket.on('error', () => {})
    serve(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const lines: Line[] = []
  const log = (line: Line): void => void lines.push(line)
  const broker = await createBroker({
    limits,
    log: { debug: log, info: log, warn: log, error: log },
    bridges: {
      there: { addresses: [`127.0.0.1:${port}`], topics: [{ filter: 'up/#' }], ...bridge },
    },
  })
  t.teardown(async () => {
    await broker.close()
    server.close()
  })
  return { broker, lines }
}

function lineOf(lines: readonly Line[], event: string): Line | undefined {
  return lines.find(line => line['event'] === event)
}

async function closesWithin(socket: Socket, milliseconds: number): Promise<boolean> {
  if (socket.closed) return true
  return once(socket, 'close', { signal: AbortSignal.timeout(milliseconds) }).then(
    () => true,
    () => false,
  )
}

test('a broker that ends each connection soon is tried more and more seldom', async t => {
  const tried: number[] = []
  const bridge = { restartSecondsMin: 1, restartSecondsMax: 30 }
  const { lines } = await bridged(t, bridge, socket => {
    tried.push(performance.now())
    socket.once('data', () => {
      socket.write(Buffer.from('2003000000', 'hex'))
      setTimeout(() => socket.destroy(), 50)
    })
  })

  while (tried.length < 2) await new Promise(resolve => setTimeout(resolve, 20))
  const lost = () => lines.filter(({ event }) => event === 'bridge.lost')
  while (lost().length < 2) await new Promise(resolve => setTimeout(resolve, 20))

  const [first, second] = lost().map(({ seconds }) => Number(seconds))
  t.equal(first, 1)
  t.ok(second !== undefined && second >= 2, `${second}`)
})

test('a configuration has a bounded number of bridges', t => {
  const bridge = { addresses: ['localhost'], topics: [{ filter: 'a' }] }
  const bridges = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`b${index}`, bridge]))

  t.ok(parseConfig({ bridges: bridges(256) }))
  t.throws(() => parseConfig({ bridges: bridges(257) }), /at most 256 bridges/)
  t.end()
})

test('a connection on which the other broker has refused CONNECT is closed', async t => {
  let refused: (socket: Socket) => void = () => {}
  const first = new Promise<Socket>(resolve => (refused = resolve))
  await bridged(t, { protocol: '3.1.1' }, socket => {
    socket.once('data', () => {
      // CONNACK, not authorized. A broker should close now.
      socket.write(Buffer.from('20020005', 'hex'))
      refused(socket)
    })
  })

  t.ok(await closesWithin(await first, 500))
})

for (const bridge of [{ protocol: '3.1.1' }, { protocol: '5' }, { tls: {} }]) {
  test(`a bridge that waits for an answer ends with its broker: ${JSON.stringify(bridge)}`, async t => {
    let heard: (socket: Socket) => void = () => {}
    const first = new Promise<Socket>(resolve => (heard = resolve))
    const { broker } = await bridged(t, bridge, socket => {
      socket.once('data', () => heard(socket))
    })
    const socket = await first

    await broker.close()

    t.ok(await closesWithin(socket, 500))
  })
}

test('keep-alive does not end a connection that is not read, because nothing can be heard there', async t => {
  const [near, far] = duplexPair()
  const ends: string[] = []
  const leg = new Leg(near, LOCAL_TERMS, 1_000, {
    packet: () => {},
    ended: sentence => ends.push(sentence),
    drained: () => {},
  })
  t.teardown(() => leg.destroy())
  far.resume()
  const periods = (count: number) => new Promise(resolve => setTimeout(resolve, 10 * count))

  leg.pause()
  leg.keepAlive(0.01)
  await periods(5)
  t.strictSame(ends, [])

  leg.resume()
  await periods(20)
  t.match(ends, [/nothing was heard/])
})

test('the log names a filter of the bridge that this broker refuses', async t => {
  const bridge = { protocol: '5', topics: [{ filter: 'a/b/c/d' }] }
  let answered: () => void = () => {}
  const done = new Promise<void>(resolve => (answered = resolve))
  const { lines } = await bridged(
    t,
    bridge,
    socket => {
      // CONNACK; the announced state comes when the link is open.
      socket.once('data', () => {
        socket.write(Buffer.from('2003000000', 'hex'))
        socket.once('data', () => answered())
      })
    },
    { topicLevelsMax: 3 },
  )
  await done

  t.match(lineOf(lines, 'bridge.filter-refused'), {
    where: 'here',
    filter: 'a/b/c/d',
    bridge: 'there',
  })
})

test('the log says which broker has refused CONNECT', async t => {
  const lines: Line[] = []
  const log = (line: Line): void => void lines.push(line)
  const server = createServer(socket => {
    socket.on('error', () => {})
    socket.once('data', () => socket.write(Buffer.from('20020000', 'hex')))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const bridge = { addresses: [`127.0.0.1:${port}`], topics: [{ filter: 'up/#' }] }
  const broker = await createBroker({
    log: { debug: log, info: log, warn: log, error: log },
    limits: { clientIdBytesMax: 23 },
    bridges: { ['a-name-that-is-longer-than-this']: { ...bridge, protocol: '3.1.1' } },
  })
  t.teardown(async () => {
    await broker.close()
    server.close()
  })

  while (lineOf(lines, 'bridge.lost') === undefined) await new Promise(setImmediate)
  t.match(lineOf(lines, 'bridge.lost'), { cause: /^this broker refuses CONNECT by 0x85/ })
})
