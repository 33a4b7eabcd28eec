// Case 3: everything before CONNECT has one deadline, from accept on, however it is divided.
// Scale: 1 s instead of 10 s, and one connection of each kind instead of 10,000.

import { test } from 'tap'
import { UPGRADE } from '../transport/raw-bytes.ts'
import { World } from '../transport/world.ts'
import { Rig } from './rig.ts'

/** The order in which these end. */
async function inOrder(named: Readonly<Record<string, Promise<unknown>>>): Promise<string[]> {
  const order: string[] = []
  await Promise.all(Object.entries(named).map(([name, end]) => end.then(() => order.push(name))))
  return order
}

test('a WebSocket that upgrades at the last moment has no more time than the others', async t => {
  const rig = await Rig.started(t, { connectTimeoutSeconds: 1 })
  const late = await rig.attacker(t, '', '127.0.0.2', 1)
  const upgradedLate = new Promise(resolve => setTimeout(resolve, 500)).then(async () => {
    late.socket.write(UPGRADE)
    await late.hears(1)
    // Whoever begins now has a whole second.
    return rig.attacker(t, '\x10')
  })
  const fresh = await upgradedLate

  const upgraded = late.heard.length
  t.match(late.heard.toString(), /^HTTP\/1\.1 101/)
  t.strictSame(await inOrder({ late: late.hears(upgraded + 1), fresh: fresh.closes() }), [
    'late',
    'fresh',
  ])
})

test('a CONNECT that comes byte by byte has no more time than silence', async t => {
  const rig = await Rig.started(t, { connectTimeoutSeconds: 1 })
  const drip = await rig.attacker(t, '\x10')
  const timer = setInterval(() => drip.socket.write('\x7f'), 50)
  t.teardown(() => clearInterval(timer))
  await new Promise(resolve => setTimeout(resolve, 500))
  const silent = await rig.attacker(t)

  t.strictSame(await inOrder({ drip: drip.closes(), silent: silent.closes() }), ['drip', 'silent'])
  t.ok(await rig.isAlive(t))
})

test('the time that was spent before MQTT is told to the connection', async t => {
  const world = await World.listening(t, { proxyProtocol: true })
  const socket = await world.connects(t)
  await new Promise(resolve => setTimeout(resolve, 60))
  socket.write('PROXY UNKNOWN\r\n')
  await world.arrives()

  t.ok((world.acceptances[0]?.spentMs ?? 0) >= 50)
})
