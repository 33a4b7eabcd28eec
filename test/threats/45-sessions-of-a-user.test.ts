// Cases 45 and 47: sessions and subscriptions are bounded by user, or by address. Scale: 3 instead of 10,000 and 100,000.

import { test } from 'tap'
import { AttackedBroker } from './attacked-broker.ts'
import { connectPacket } from './connect-packets.ts'

test('an address without users has so many sessions, and other addresses their own', async t => {
  const broker = await AttackedBroker.started(t, { limits: { sessionsPerUserMax: 3 } })
  const from = async (clientId: string, address: string): Promise<string> => {
    // Clean Start 0 and no expiry of its own: with MQTT 3.1.1 the session stays.
    const packet = connectPacket(4, clientId)
    packet[9] = 0
    const attacker = await broker.attacker(t, packet, { from: address })
    const said = await attacker.told(4)
    attacker.socket.destroy()
    return said
  }
  for (const clientId of ['one', 'two', 'three']) {
    t.equal(await from(clientId, '127.0.0.2'), '20020000')
  }

  t.equal(await from('four', '127.0.0.2'), '20020003')

  t.equal(await from('three', '127.0.0.2'), '20020100', 'a session that is there goes on')
  t.equal(await from('four', '127.0.0.3'), '20020000')
  await broker.logs('client.refused', /^its address has 3 sessions \(limits\.sessionsPerUserMax\)/)
  t.equal(await broker.limited('sessionsPerUserMax'), 1)
})

test('the clients of an address have so many subscriptions together', async t => {
  const broker = await AttackedBroker.started(t, { limits: { subscriptionsPerUserMax: 3 } })
  const one = await broker.client({ clientId: 'one', protocolVersion: 5 })
  const two = await broker.client({ clientId: 'two', protocolVersion: 5 })
  await one.subscribeAsync(['a', 'b'])
  await two.subscribeAsync('c')

  await t.rejects(two.subscribeAsync('d'))
  await two.subscribeAsync('c')
  t.equal(await broker.limited('subscriptionsPerUserMax'), 1)

  await one.unsubscribeAsync('a')
  await two.subscribeAsync('d')
  await one.endAsync()
  await two.subscribeAsync('e')
  await broker.logs('subscribe.refused', /^its user has 3 subscriptions/)
})
