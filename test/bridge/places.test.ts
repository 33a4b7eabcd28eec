// The place that a bridge has among the clients of its broker.

import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'tap'
import { createBroker, MemoryStore } from '../../src/index.ts'

const ELSEWHERE = { addresses: ['127.0.0.1:9'], topics: [{ filter: 'up/#' }] }

test('a bridge has a place when clients have all others', async t => {
  const there = await createBroker({ listeners: [{ port: 0 }] })
  const port = there.listeners[0]?.port ?? 0
  const bridge = { addresses: [`127.0.0.1:${port}`], topics: [{ filter: 'up/#' }] }
  const arrived = new Promise(resolve => there.on('published', resolve))
  let isFull: () => void = () => {}
  const full = new Promise<void>(resolve => (isFull = resolve))
  const broker = await createBroker({
    listeners: [{ port: 0 }],
    limits: { connectionsMax: 1 },
    bridges: { there: { ...bridge, notifications: 'none' } },
    setUp: async given => {
      // In the only place of a client, before there is a link.
      given.connect({ clientId: 'only' })
      isFull()
    },
  })
  t.teardown(async () => {
    await broker.close()
    await there.close()
  })
  await full
  await broker.publish({ topic: 'up/a', payload: 'x', qos: 1 })
  await arrived
  t.pass('the message is at the other broker')

  const socket = connect((broker.listeners[0] as unknown as AddressInfo).port, '127.0.0.1')
  socket.on('error', () => {})
  await once(socket, 'close')
  t.pass('and a second client has no place')
})

test('the session of a bridge that is not configured any more is told at the start', async t => {
  const store = new MemoryStore()
  const lines: object[] = []
  const log = (line: object): void => void lines.push(line)
  const started = (bridges: Record<string, typeof ELSEWHERE>) =>
    createBroker({ store, bridges, log: { debug: log, info: log, warn: log, error: log } })
  const first = await started({ old: ELSEWHERE })
  // Only its name is that of a bridge.
  await first.connect({ clientId: 'bridge:client', sessionExpirySeconds: 1_000 })
  await first.close()
  const broker = await started({})
  t.teardown(() => broker.close())

  t.match(
    lines.filter(line => 'event' in line && line.event === 'bridge.session-left'),
    [{ clientId: 'bridge:old' }],
  )
})
