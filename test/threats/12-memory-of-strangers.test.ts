// Case 12: all strangers together have a small budget. Scale: 1 MiB and 40 connections instead of 64 MiB and 50,000.

import { test } from 'tap'
import { AttackedBroker } from './attacked-broker.ts'
import { connectPacket, unfinishedConnect } from './connect-packets.ts'

const BUDGET = 1_048_576
const TOLD = /^strangers have all memory for them \(limits\.strangerBytesMax\)/

test(
  'strangers that are a byte short of the largest CONNECT fill their budget, and no more',
  { timeout: 120_000 },
  async t => {
    const broker = await AttackedBroker.started(t, { limits: { strangerBytesMax: BUDGET } })
    await broker.serves()
    const bytes = unfinishedConnect(65_536)

    const attackers = await Promise.all(Array.from({ length: 40 }, () => broker.attacker(t, bytes)))
    // About fifteen find room.
    while ((await broker.limited('strangerBytesMax')) < 20) await new Promise(setImmediate)

    // Refused for its own bytes, or closed for a new connection: it depends on which of them came first.
    await broker.process.prints(lines => lines.some(line => TOLD.test(String(line['cause']))))
    // Those that were refused give their memory back when their sockets have closed.
    while ((await broker.status()).keptBufferBytes > BUDGET) await new Promise(setImmediate)
    await t.resolves(
      broker.serves(),
      'the stranger that waits longest gives way to a new connection',
    )
    // Whoever is still there and finishes comes in, and gives back what it had.
    const kept = attackers.filter(({ socket }) => !socket.destroyed)
    t.ok(kept.length > 0 && kept.length <= BUDGET / 65_536, `${kept.length}`)
    for (const { socket } of kept) socket.destroy()
    while ((await broker.status()).keptBufferBytes > 0) await new Promise(setImmediate)
  },
)

test('an address has so many places before CONNECT, and the others wait for theirs', async t => {
  const broker = await AttackedBroker.started(t, { limits: { strangersPerAddressMax: 3 } })
  const first = await Promise.all([1, 2, 3].map(() => broker.attacker(t)))
  const waiting = await broker.attacker(t, connectPacket(4, 'waits'))
  while ((await broker.limited('strangersPerAddressMax')) < 1) await new Promise(setImmediate)
  await t.resolves(broker.serves(), 'another address does not wait')

  first[0]?.socket.write(connectPacket(4, 'first'))

  t.equal(await waiting.told(4), '20020000')
})

test('the first packet may have its bound, and not a byte more', async t => {
  const broker = await AttackedBroker.started(t, { limits: { connectPacketBytesMax: 20_000 } })

  const within = await broker.attacker(
    t,
    Buffer.concat([unfinishedConnect(20_000), Buffer.from('x')]),
  )
  const over = await broker.attacker(t, unfinishedConnect(20_001))

  t.equal(await within.told(4), '20020000')
  t.equal(await over.closes(), '')
  await broker.logs(
    'client.refused',
    /20001 bytes, more than limits.connectPacketBytesMax \(20000\)/,
  )
})
