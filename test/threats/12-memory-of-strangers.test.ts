// Case 12: all strangers together have a small budget. Scale: 1 MiB and 40 connections instead of 64 MiB and 50,000.

import { test } from 'tap'
import { connectPacket, Rig, unfinishedConnect } from './rig.ts'

const BUDGET = 1_048_576
const TOLD = /^strangers have all memory for them \(limits\.strangerBytesMax\)/

test(
  'strangers that are a byte short of the largest CONNECT fill their budget, and no more',
  { timeout: 120_000 },
  async t => {
    const rig = await Rig.started(t, {
      strangerBytesMax: BUDGET,
      strangersPerAddressMax: 0,
      connectionsPerSecondPerAddressMax: 0,
    })
    await rig.isAlive(t)
    const bytes = unfinishedConnect(65_536)

    const attackers = await Promise.all(Array.from({ length: 40 }, () => rig.attacker(t, bytes)))
    // About fifteen find room.
    while ((await rig.limited('strangerBytesMax')) < 20) await new Promise(setImmediate)

    // Refused for its own bytes, or closed for a new connection: it depends on which of them came first.
    await rig.broker.prints(lines => lines.some(line => TOLD.test(String(line['cause']))))
    t.ok((await rig.status()).keptBufferBytes <= BUDGET)
    t.ok(await rig.isAlive(t), 'the stranger that waits longest gives way to a new connection')
    // Whoever is still there and finishes comes in, and gives back what it had.
    const kept = attackers.filter(({ socket }) => !socket.destroyed)
    t.ok(kept.length > 0 && kept.length <= BUDGET / 65_536, `${kept.length}`)
    for (const { socket } of kept) socket.destroy()
    while ((await rig.status()).keptBufferBytes > 0) await new Promise(setImmediate)
  },
)

test('an address has so many places before CONNECT, and the others wait for theirs', async t => {
  const rig = await Rig.started(t, { strangersPerAddressMax: 3 })
  const first = await Promise.all([1, 2, 3].map(() => rig.attacker(t)))
  const waiting = await rig.attacker(t, connectPacket(4, 'waits'))
  while ((await rig.limited('strangersPerAddressMax')) < 1) await new Promise(setImmediate)
  t.ok(await rig.isAlive(t), 'another address does not wait')

  first[0]?.socket.write(connectPacket(4, 'first'))

  t.equal(await waiting.hears(4), '20020000')
})

test('the first packet may have its bound, and not a byte more', async t => {
  const rig = await Rig.started(t, { connectPacketBytesMax: 20_000 })

  const within = await rig.attacker(t, Buffer.concat([unfinishedConnect(20_000), Buffer.from('x')]))
  const over = await rig.attacker(t, unfinishedConnect(20_001))

  t.equal(await within.hears(4), '20020000')
  t.equal(await over.closes(), '')
  await rig.logs('client.refused', /20001 bytes, more than limits.connectPacketBytesMax \(20000\)/)
})
