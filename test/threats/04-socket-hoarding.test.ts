// Case 4: nobody holds all places: not an address, not a user. Scale: bounds of 10 instead of 1,000.

import { test } from 'tap'
import { AttackedBroker, type RawSocket } from './attacked-broker.ts'
import { connectPacket } from './connect-packets.ts'

test('an address may have so many connections, and one is free when one ends', async t => {
  const broker = await AttackedBroker.started(t, { limits: { connectionsPerAddressMax: 10 } })
  const hoard: RawSocket[] = []
  for (let count = 0; count < 10; count++) {
    const attacker = await broker.attacker(t, connectPacket(4, `h${count}`))
    t.equal(await attacker.told(4), '20020000', `connection ${count + 1}`)
    hoard.push(attacker)
  }

  const over = await broker.attacker(t, connectPacket(4, 'over'))

  t.equal(await over.closes(), '')
  await broker.logs(
    'connection.refused',
    /^10 connections from its address are open \(limits\.conn/,
  )
  t.equal(await broker.limited('connectionsPerAddressMax'), 1)
  await t.resolves(broker.serves(), 'another address comes in')

  hoard[0]?.socket.destroy()
  while ((await broker.status()).clientsConnected > 9) await new Promise(setImmediate)
  const next = await broker.attacker(t, connectPacket(4, 'next'))
  t.equal(await next.told(4), '20020000')
})

test('the clients behind a proxy are counted by their own addresses', async t => {
  const broker = await AttackedBroker.started(t, {
    listeners: [{ port: 0 }, { protocol: 'ws', port: 0 }, { port: 0, proxyProtocol: true }],
    limits: { connectionsPerAddressMax: 1 },
  })
  const behind = (address: string, id: string): Promise<RawSocket> =>
    broker.attacker(
      t,
      Buffer.concat([Buffer.from(`PROXY TCP4 ${address} 192.0.2.1 1 2\r\n`), connectPacket(4, id)]),
      { from: '127.0.0.1', listener: 2 },
    )
  const first = await behind('192.0.2.7', 'first')
  const other = await behind('192.0.2.8', 'other')
  t.strictSame([await first.told(4), await other.told(4)], ['20020000', '20020000'])

  const over = await behind('192.0.2.7', 'over')

  t.equal(await over.closes(), '')
})

test('a user may have so many connections, from wherever', async t => {
  const users = { device: `$6$${'YWJjZGVmZ2hpamts'}$` }
  const password = 'a'
  const { createHash } = await import('node:crypto')
  const salt = Buffer.from('YWJjZGVmZ2hpamts', 'base64')
  const hash = createHash('sha512').update(password).update(salt).digest('base64')
  const access = { users: { device: users.device + hash }, anonymous: 'loopback' }
  const broker = await AttackedBroker.started(t, { limits: { connectionsPerUserMax: 3 }, access })
  const device = (clientId: string, protocolVersion: 4 | 5 = 5) =>
    broker.client({ username: 'device', password, clientId, protocolVersion })
  for (const clientId of ['one', 'two', 'three']) await device(clientId)

  await t.rejects(device('four'), { code: 0x97 })
  await t.rejects(device('four', 4), { code: 3 })

  await broker.logs(
    'client.refused',
    /^its user has 3 connections \(limits\.connectionsPerUserMax\)/,
  )
  t.equal(await broker.limited('connectionsPerUserMax'), 2)
  t.ok(await device('three'), 'a takeover needs no further place')
  await t.resolves(broker.serves(), 'others come in')
})
