// Case 4: nobody holds all places: not an address, not a user. Scale: bounds of 10 instead of 1,000.

import { test } from 'tap'
import { type Attacker, connectPacket, Rig } from './rig.ts'

test('an address may have so many connections, and one is free when one ends', async t => {
  const rig = await Rig.started(t, { connectionsPerAddressMax: 10 })
  const hoard: Attacker[] = []
  for (let count = 0; count < 10; count++) {
    const attacker = await rig.attacker(t, connectPacket(4, `h${count}`))
    t.equal(await attacker.hears(4), '20020000', `connection ${count + 1}`)
    hoard.push(attacker)
  }

  const over = await rig.attacker(t, connectPacket(4, 'over'))

  t.equal(await over.closes(), '')
  await rig.logs('connection.refused', /^10 connections from its address are open \(limits\.conn/)
  t.equal(await rig.limited('connectionsPerAddressMax'), 1)
  t.ok(await rig.isAlive(t), 'another address comes in')

  hoard[0]?.socket.destroy()
  while ((await rig.status()).clientsConnected > 9) await new Promise(setImmediate)
  const next = await rig.attacker(t, connectPacket(4, 'next'))
  t.equal(await next.hears(4), '20020000')
})

test('the clients behind a proxy are counted by their own addresses', async t => {
  const rig = await Rig.started(t, { connectionsPerAddressMax: 1 }, [
    { port: 0, proxyProtocol: true },
  ])
  const behind = (address: string, id: string): Promise<Attacker> =>
    rig.attacker(
      t,
      Buffer.concat([Buffer.from(`PROXY TCP4 ${address} 192.0.2.1 1 2\r\n`), connectPacket(4, id)]),
      '127.0.0.1',
      2,
    )
  const first = await behind('192.0.2.7', 'first')
  const other = await behind('192.0.2.8', 'other')
  t.strictSame([await first.hears(4), await other.hears(4)], ['20020000', '20020000'])

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
  const rig = await Rig.started(t, { connectionsPerUserMax: 3 }, [], { access })
  const device = (clientId: string, protocolVersion: 4 | 5 = 5) =>
    rig.client(t, { username: 'device', password, clientId, protocolVersion })
  for (const clientId of ['one', 'two', 'three']) await device(clientId)

  await t.rejects(device('four'), { code: 0x97 })
  await t.rejects(device('four', 4), { code: 3 })

  await rig.logs('client.refused', /^its user has 3 connections \(limits\.connectionsPerUserMax\)/)
  t.equal(await rig.limited('connectionsPerUserMax'), 2)
  t.ok(await device('three'), 'a takeover needs no further place')
  t.ok(await rig.isAlive(t), 'others come in')
})
