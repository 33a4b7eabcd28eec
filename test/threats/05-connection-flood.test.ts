// Threat 5: connections that come and go at a high rate give a few log lines and disturb nobody. Those that come too fast are refused
// with a reason, and beyond that unread. Scale: 5,000 in all; bounds of 1 and 4 a second instead of 200.

import { test } from 'tap'
import { ConnectionCounts } from '../../src/transport/connection-counts.ts'
import { AttackedBroker, RawSocket } from './attacked-broker.ts'
import { connectPacket } from './connect-packets.ts'

const CONNECTIONS = 5_000
const AT_ONCE = 100
const LINES_MAX = 200

test('five thousand connections that end before and after CONNECT disturb no client, and give few log lines', async t => {
  const broker = await AttackedBroker.started(t)
  await broker.isWatched()
  const linesBefore = broker.lines.length

  for (let count = 0; count < CONNECTIONS; count += AT_ONCE) {
    const sockets = await Promise.all(
      Array.from({ length: AT_ONCE }, () => RawSocket.to(broker.port)),
    )
    for (const [index, socket] of sockets.entries()) {
      if (index % 2 === 0) socket.writes('10 0d 0004 4d515454 04 02 003c 0001 61 e0 00')
      else socket.socket.end()
    }
    await Promise.all(sockets.map(({ closed }) => closed))
  }

  t.ok(broker.lines.length - linesBefore < LINES_MAX, `${broker.lines.length - linesBefore} lines`)
  await broker.hasSurvived(t)
})

test('whoever comes too fast is told so, and others come in', async t => {
  const broker = await AttackedBroker.started(t, {
    limits: { connectionsPerSecondPerAddressMax: 1 },
  })
  const said: string[] = []
  for (let count = 0; count < 12; count++) {
    const attacker = await broker.attacker(t, connectPacket(count % 2 === 0 ? 5 : 4, `c${count}`))
    said.push((await attacker.told(4)).slice(0, 8))
    attacker.socket.destroy()
  }

  // Those of five seconds may come at once.
  t.strictSame(
    said.slice(0, 5).map(each => each.slice(-2)),
    ['00', '00', '00', '00', '00'],
  )
  const refused = said.slice(5).filter(each => !each.endsWith('00'))
  t.ok(refused.length >= 3, said.join())
  t.ok(
    refused.some(each => each.endsWith('9f')),
    'MQTT 5',
  )
  t.ok(refused.includes('20020003'), 'MQTT 3.1.1')
  t.ok((await broker.limited('connectionsPerSecondPerAddressMax')) >= 3)
  await broker.logs('client.refused', /^more than 1 connections a second from its address/)
  await t.resolves(broker.serves())
})

test('the rate of all, and of an address, is exact, and comes back with time', async t => {
  let now = 0
  const bounds = {
    connectionsPerAddressMax: 1_000_000,
    connectionsPerSecondMax: 40,
    connectionsPerSecondPerAddressMax: 4,
  }
  const counts = new ConnectionCounts(bounds, () => now)
  const opened = (address: string, count: number): number => {
    let accepted = 0
    for (let each = 0; each < count; each++) {
      const { kind } = counts.open(address)
      if (kind === 'counted') accepted += 1
      if (kind !== 'refused') counts.close(address)
    }
    return accepted
  }

  t.equal(opened('192.0.2.1', 1_000), 20, 'an address: five seconds of 4')
  t.equal(opened('192.0.2.2', 20), 20)
  const others = Array.from({ length: 20 }, (_, each) => opened(`192.0.2.${each + 10}`, 20))
  t.equal(
    others.reduce((sum, each) => sum + each, 0),
    160,
    'all: five seconds of 40',
  )
  now += 1_000
  t.equal(opened('192.0.2.1', 10), 4)
  t.equal(opened('2001:db8::1', 10) + opened('2001:db8::2', 20), 20, 'a network of IPv6 is one')
  t.equal(opened('', 100), 16, 'a Unix socket has no address, and the rate of all')
})

test('addresses that nothing comes from are forgotten', async t => {
  let now = 0
  const bounds = {
    connectionsPerAddressMax: 10,
    connectionsPerSecondMax: 0,
    connectionsPerSecondPerAddressMax: 10,
  }
  const counts = new ConnectionCounts(bounds, () => now)
  counts.open('192.0.2.1')
  for (let each = 0; each < 100_000; each++) {
    now += 1
    const address = `10.${each >> 16}.${(each >> 8) & 255}.${each & 255}`
    counts.open(address)
    counts.close(address)
  }

  t.ok(counts.addresses < 20_000, `${counts.addresses}`)
  for (let more = 0; more < 9; more++) t.equal(counts.open('192.0.2.1').kind, 'counted')
  t.equal(counts.open('192.0.2.1').kind, 'refused', 'an open connection is not forgotten')
})
