// Case 3: everything before CONNECT has one deadline, from accept on, however it is divided.
// Scale: 1 s instead of 10 s, and one connection of each kind instead of 10,000.

import { test } from 'tap'
import { UPGRADE } from '../transport/raw-bytes.ts'
import { World } from '../transport/world.ts'
import { AttackedBroker } from './attacked-broker.ts'

/** The order in which these end. */
async function inOrder(named: Readonly<Record<string, Promise<unknown>>>): Promise<string[]> {
  const order: string[] = []
  await Promise.all(Object.entries(named).map(([name, end]) => end.then(() => order.push(name))))
  return order
}

test('a WebSocket that upgrades at the last moment has no more time than the others', async t => {
  const broker = await AttackedBroker.started(t, { limits: { connectTimeoutSeconds: 1 } })
  const late = await broker.attacker(t, '', { listener: 1 })
  const upgradedLate = new Promise(resolve => setTimeout(resolve, 500)).then(async () => {
    late.socket.write(UPGRADE)
    await late.told(1)
    // Whoever begins now has a whole second.
    return broker.attacker(t, '\x10')
  })
  const fresh = await upgradedLate

  const upgraded = late.heard.length
  t.match(late.heard.toString(), /^HTTP\/1\.1 101/)
  t.strictSame(await inOrder({ late: late.told(upgraded + 1), fresh: fresh.closes() }), [
    'late',
    'fresh',
  ])
})

test('a CONNECT that comes byte by byte has no more time than silence', async t => {
  const broker = await AttackedBroker.started(t, { limits: { connectTimeoutSeconds: 1 } })
  const drip = await broker.attacker(t, '\x10')
  const timer = setInterval(() => drip.socket.write('\x7f'), 50)
  t.teardown(() => clearInterval(timer))
  await new Promise(resolve => setTimeout(resolve, 500))
  const silent = await broker.attacker(t)

  t.strictSame(await inOrder({ drip: drip.closes(), silent: silent.closes() }), ['drip', 'silent'])
  await t.resolves(broker.serves())
})

test('the time that was spent before MQTT is told to the connection', async t => {
  const world = await World.listening(t, { proxyProtocol: true })
  const socket = await world.connects(t)
  await new Promise(resolve => setTimeout(resolve, 60))
  socket.write('PROXY UNKNOWN\r\n')
  await world.arrives()

  t.ok((world.acceptances[0]?.spentMs ?? 0) >= 50)
})
