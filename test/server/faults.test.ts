// Planted throws in everything that is not ours, around a whole broker: who may end of it, and that the others do not.

import { Duplex } from 'node:stream'
import { setImmediate as nextLoop } from 'node:timers/promises'
import * as mqtt from 'mqtt'
import { type Test, test } from 'tap'
import { createBroker, type EmbeddedBroker, type EmbedOptions } from '../../src/index.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'

const LISTENERS = [{ port: 0 }]

async function living(t: Test, options: Partial<EmbedOptions> = {}): Promise<EmbeddedBroker> {
  const broker = await createBroker({ listeners: LISTENERS, ...options })
  t.teardown(() => broker.close())
  return broker
}

/** Somebody else is served as ever. */
async function serves(broker: EmbeddedBroker): Promise<boolean> {
  const port = broker.listeners[0]?.port ?? 0
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, { reconnectPeriod: 0 })
  await client.subscribeAsync('served', { qos: 1 })
  const heard = new Promise(message => client.once('message', message))
  await client.publishAsync('served', 'x', { qos: 1 })
  await heard
  await client.endAsync()
  return true
}

/** A stream with one member that throws. */
function throwing(member: string): Duplex {
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  Object.defineProperty(stream, member, {
    get: () => {
      throw new Error(`planted in ${member}`)
    },
  })
  return stream
}

const CONNECT = Buffer.from('101100044d5154540402003c0005706f6e6473', 'hex')

for (const member of [
  'on',
  'write',
  'cork',
  'pause',
  'resume',
  'end',
  'destroy',
  'writable',
  'writableLength',
]) {
  test(`a stream that throws in ${member} ends itself and nobody else`, async t => {
    const broker = await living(t)

    const stream = throwing(member)
    broker.handle(stream)
    if (member !== 'on') stream.push(CONNECT)
    for (let loop = 0; loop < 10; loop++) await nextLoop()

    t.ok(await serves(broker))
  })
}

test('a stream that gives no bytes ends itself and nobody else', async t => {
  const broker = await living(t)
  const strings = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() })
  strings.setEncoding('latin1')
  const objects = new Duplex({
    objectMode: true,
    read() {},
    write: (_chunk, _encoding, done) => done(),
  })

  for (const stream of [strings, objects]) broker.handle(stream)
  strings.push(CONNECT)
  objects.push({ type: 'connect' })
  for (let loop = 0; loop < 10; loop++) await nextLoop()

  t.equal(broker.statistics.hookErrors, 2)
  t.equal(broker.connectionCount, 0)
  t.ok(await serves(broker))
})

test('a log that throws harms nobody, and is counted', async t => {
  const planted = (): never => {
    throw new Error('planted')
  }
  const log = { debug: planted, info: planted, warn: planted, error: planted }
  const broker = await living(t, { log })

  t.ok(await serves(broker))
  t.ok(broker.statistics.hookErrors > 0)
})

test('listeners and handlers that throw, or reject later, harm nobody and are counted', async t => {
  const broker = await living(t)
  const names = ['connected', 'disconnected', 'subscribed', 'unsubscribed', 'published'] as const
  for (const name of names) {
    broker.on(name, () => {
      throw new Error(`planted in ${name}`)
    })
    broker.on(name, async () => {
      await nextLoop()
      throw new Error(`planted for later in ${name}`)
    })
  }
  broker.subscribe('served', async () => {
    await nextLoop()
    throw new Error('planted in a handler')
  })

  t.ok(await serves(broker))
  await nextLoop()
  t.ok(broker.statistics.hookErrors >= 4)
})

for (const member of ['record', 'commit', 'page', 'isFull'] as const) {
  test(`a store that throws in ${member} has failed: nothing is acknowledged, and the process is told to end`, async t => {
    const store = new MemoryStore()
    const failures: Error[] = []
    const broker = await createBroker({
      listeners: LISTENERS,
      store,
      commitFailed: error => failures.push(error),
    })
    t.teardown(() => broker.close())
    const port = broker.listeners[0]?.port ?? 0
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
      protocolVersion: 5,
      properties: { sessionExpiryInterval: 60 },
      reconnectPeriod: 0,
    })
    await client.subscribeAsync('a', { qos: 1 })
    let acknowledged = false
    const planted = (): never => {
      throw new Error(`planted in ${member}`)
    }
    Object.defineProperty(
      store,
      member,
      member === 'isFull' ? { get: planted, set: () => {} } : { value: planted },
    )

    client.publish('a', 'x', { qos: 1 }, () => (acknowledged = true))
    if (member === 'page') {
      t.pass('a queue that short has no page')
    } else {
      while (failures.length === 0) await nextLoop()
      for (let loop = 0; loop < 10; loop++) await nextLoop()
      t.match(failures[0], { message: `planted in ${member}` })
      t.notOk(acknowledged)
    }
    client.end(true)
  })
}
