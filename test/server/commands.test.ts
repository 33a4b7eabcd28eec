// What a program asks of its broker, seen by real clients.

import mqtt from 'mqtt'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'tap'
import { createBroker } from '../../src/index.ts'
import { brokerOnPort } from '../interop/programs.ts'

const ONCE = { reconnectPeriod: 0 }

test('a program disconnects a client of MQTT 5, which is told 0x98 and the reason', async t => {
  const { broker, port } = await brokerOnPort()
  t.teardown(() => broker.close())
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, {
    ...ONCE,
    protocolVersion: 5,
    clientId: 'alice',
  })
  const told = new Promise(resolve => client.once('disconnect', resolve))
  const closed = new Promise<void>(resolve => client.once('close', resolve))
  const heard = new Promise(resolve =>
    broker.on('disconnected', ({ clientId }, reason, sentence) =>
      resolve([clientId, reason, sentence]),
    ),
  )

  t.equal(await broker.disconnectClient('alice', 'maintenance at noon'), true)

  t.match(await told, { reasonCode: 0x98, properties: { reasonString: 'maintenance at noon' } })
  await closed
  t.strictSame(await heard, ['alice', 0x98, 'maintenance at noon'])
  t.equal(await broker.disconnectClient('alice'), false)
})

test('a client of MQTT 3.1.1 that a program disconnects gets the end of its connection and no packet', async t => {
  const { broker, port } = await brokerOnPort()
  t.teardown(() => broker.close())
  const socket = connect(port, '127.0.0.1')
  const bytes: Buffer[] = []
  const connected = new Promise(resolve => broker.on('connected', resolve))
  socket.on('data', (chunk: Buffer) => bytes.push(chunk))
  socket.write(Buffer.from('100d00044d5154540402003c000161', 'hex'))
  await connected

  t.equal(await broker.disconnectClient('a'), true)
  await once(socket, 'close')

  t.equal(Buffer.concat(bytes).toString('hex'), '20020000')
})

test('a program ends a session, and its client begins anew', async t => {
  const { broker, port } = await brokerOnPort()
  t.teardown(() => broker.close())
  const options = {
    ...ONCE,
    protocolVersion: 5 as const,
    clientId: 'alice',
    clean: false,
    properties: { sessionExpiryInterval: 3_600 },
  }
  const before = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, options)
  await before.subscribeAsync('a', { qos: 1 })
  await before.endAsync()

  t.equal(await broker.endSession('alice'), true)
  t.equal(await broker.endSession('alice'), false)
  t.equal(await broker.publish({ topic: 'a', payload: 'x', qos: 1 }), 0)
})

test('a program clears what is retained under a filter', async t => {
  const broker = await createBroker()
  t.teardown(() => broker.close())
  for (const topic of ['pond/1', 'pond/2', 'other']) {
    await broker.publish({ topic, payload: 'x', retain: true })
  }

  t.equal(await broker.clearRetained('pond/#'), 2)
  t.equal(await broker.clearRetained('#'), 1)
  t.equal(await broker.clearRetained('#'), 0)
})

test('a command with a wrong argument is refused, and so is every command after the broker was closed', async t => {
  const broker = await createBroker()
  const wrong = (value: unknown): string => value as string

  await t.rejects(broker.disconnectClient(wrong(7)), /the client id must be a string/)
  await t.rejects(broker.disconnectClient('a', 'x'.repeat(1_001)), /at most 1000 characters/)
  await t.rejects(broker.endSession('a', '\0'), /the reason must be text/)
  await t.rejects(broker.clearRetained('a/#/b'), /is no topic filter/)
  await t.rejects(broker.clearRetained('$share/g/a'), /is no topic filter/)
  await t.rejects(broker.clearRetained('$SYS/#'), /for the broker itself/)
  await broker.close()
  await t.rejects(broker.disconnectClient('a'), { code: 'ERR_CLOSED' })
  await t.rejects(broker.clearRetained('#'), { code: 'ERR_CLOSED' })
})
