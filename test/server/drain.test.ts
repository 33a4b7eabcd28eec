// Planned restarts: clients are told and disconnected in waves, and none is let in.

import { test } from 'tap'
import { leavingFor } from '../../src/broker/leaving.ts'
import { createBroker } from '../../src/index.ts'
import type { Log, LogFields } from '../../src/observe/log.ts'
import { disconnectInWaves } from '../../src/server/drain.ts'
import { BrokerProcess } from '../observe/broker-process.ts'
import { Pond } from '../pond.ts'
import { RawSocket } from '../threats/attacked-broker.ts'

const ELSEWHERE = 'broker-2.example:1883'

function listening(lines: LogFields[]): Log {
  const hear = (fields: LogFields): void => void lines.push(fields)
  return { debug: hear, info: hear, warn: hear, error: hear }
}

test('many clients are disconnected in waves of the same size, the oldest first, and the log says how many are left', async t => {
  const pond = new Pond()
  const clients = Array.from({ length: 1_000 }, (_, each) => pond.client(`client ${each}`))
  const left: number[] = []
  const lines: LogFields[] = []
  pond.core.leave(leavingFor('the broker is draining', null))

  await disconnectInWaves({
    core: pond.core,
    log: listening(lines),
    overMs: 400,
    wait: async () => {
      pond.settles()
      left.push(clients.filter(({ isClosed }) => !isClosed).length)
      t.notOk(clients.at(-1)?.isClosed === true && (left.at(-1) ?? 0) > 0, 'the newest is the last')
    },
  })

  t.strictSame(left, [750, 500, 250, 0].slice(0, left.length))
  t.ok(left.length >= 3)
  t.equal(pond.core.clientCount, 0)
  t.match(lines, [
    { event: 'broker.draining', left: 750 },
    { event: 'broker.draining', disconnected: 1_000, left: 0 },
  ])
})

test('a few clients are disconnected at once, without a line', async t => {
  const pond = new Pond()
  for (let each = 0; each < 50; each++) pond.client(`client ${each}`)
  const lines: LogFields[] = []
  pond.core.leave(leavingFor('the broker is draining', null))
  const wait = async (): Promise<void> => void t.fail('nothing to wait for')
  await disconnectInWaves({ core: pond.core, log: listening(lines), overMs: 5_000, wait })
  t.strictSame(lines, [])
  t.equal(pond.core.clientCount, 0)
})

for (const serverReference of [null, ELSEWHERE]) {
  const where = serverReference === null ? 'nothing more' : 'where to go'

  test(`connected clients and those that come are told that the broker drains, and ${where}`, async t => {
    const pond = new Pond()
    const five = pond.client('five', { version: 5 })
    const four = pond.client('four', { version: 4 })
    pond.core.leave(leavingFor('the broker is draining', serverReference))

    const late = ([5, 4] as const).map(version => {
      const stranger = pond.stranger(`late ${version}`, { version })
      stranger.connects()
      return stranger.receives()
    })
    pond.core.disconnectSome(10)
    pond.settles()

    const properties = {
      reasonString: 'the broker is draining',
      ...(serverReference !== null && { serverReference }),
    }
    const reason = serverReference === null ? 0x8b : 0x9d
    t.match(five.receives(), [{ type: 'disconnect', reason, properties }])
    t.strictSame(four.receives(), [])
    t.ok(four.isClosed)
    const connectReason = serverReference === null ? 0x88 : 0x9d
    t.match(late[0], [{ type: 'connack', reason: connectReason, properties }])
    t.match(late[1], [{ type: 'connack', reason: 0x88 }], 'return code 3')
  })
}

test('a will is not published because the broker stops', async t => {
  const pond = new Pond()
  const watcher = pond.client('watcher')
  watcher.subscribes('gone')
  watcher.receives()
  pond.client('with will', { will: { topic: 'gone', payload: 'x' } })
  pond.core.leave(leavingFor('the broker is stopping', null))
  pond.core.disconnectSome(10)
  pond.settles()
  t.strictSame(
    watcher.receives().filter(({ type }) => type === 'publish'),
    [],
  )
})

test('a program drains its broker: no client is left, the page says so, and close ends it', async t => {
  const broker = await createBroker({
    listeners: [
      { host: '127.0.0.1', port: 0 },
      { host: '127.0.0.1', port: 0, protocol: 'ws' },
    ],
    shutdown: { serverReference: ELSEWHERE },
  })
  const [mqtt, web] = broker.listeners.map(({ port }) => port)
  const client = await RawSocket.connected(mqtt ?? 0, 5)
  const ready = async (): Promise<number> => (await fetch(`http://127.0.0.1:${web}/readyz`)).status
  t.equal(await ready(), 200)

  await broker.drain()

  t.match(await client.closes(), /e0[0-9a-f]{2}9d.*1c0015/)
  t.equal(await ready(), 503)
  const late = await RawSocket.to(mqtt ?? 0)
  late.writes('10 0f 0004 4d515454 05 02 003c 00 0002 6c6c')
  t.match(await late.closes(), /^20[0-9a-f]{2}009d/)
  await broker.close()
})

test('a broker with many clients that gets SIGTERM disconnects them in waves, and ends with status 0', async t => {
  const broker = await BrokerProcess.started(t, {
    listeners: [{ host: '127.0.0.1', port: 0 }],
    limits: { connectionsPerAddressMax: 1_000, connectionsPerSecondPerAddressMax: 0 },
    shutdown: { disconnectsPerSecond: 1_000 },
  })
  broker.logged('reads')
  const clients: RawSocket[] = []
  while (clients.length < 600) {
    const ids = Array.from({ length: 50 }, (_, each) => `c${clients.length + each}`)
    clients.push(
      ...(await Promise.all(ids.map(id => RawSocket.connected(broker.ports[0] ?? 0, 5, id)))),
    )
  }
  const status = await broker.stops()
  t.equal(status, 0)
  for (const client of clients) t.match(await client.closes(), /e0[0-9a-f]{2}8b/)
  const lefts = broker.lines
    .filter(({ event }) => event === 'broker.draining')
    .map(({ left }) => left)
  t.strictSame(lefts, [400, 0])
})
