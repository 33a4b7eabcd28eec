// Threat 64: when all clients come back at once, they are let in at a bounded rate, those with a session first.
// Scale: 60 clients at 20 a second instead of 100,000 at 2,000.

import { test } from 'tap'
import { AttackedBroker, type RawSocket } from './attacked-broker.ts'
import { connectPacket } from './connect-packets.ts'

const RATE = 20
const KNOWN = 20
const STRANGERS = 40

/** A CONNECT of 3.1.1 whose session stays. */
function durableConnect(clientId: string): Buffer {
  const packet = connectPacket(4, clientId)
  packet[9] = 0
  return packet
}

function names(kind: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${kind}-${index}`)
}

test('a storm of sixty clients is let in at the rate, sessions first, and nobody else is disturbed', async t => {
  const broker = await AttackedBroker.started(t, { limits: { connectsPerSecondMax: RATE } })
  await broker.isWatched()
  for (const name of names('known', KNOWN)) {
    const client = await broker.attacker(t, durableConnect(name))
    await client.told(4)
    client.socket.destroy()
  }
  const arrivals: string[] = []
  const arrives = async (socket: RawSocket, name: string): Promise<void> => {
    t.match(await socket.told(4), /^2002..00$/)
    arrivals.push(name)
  }
  const all = [...names('stranger', STRANGERS), ...names('known', KNOWN)]
  const sockets = await Promise.all(all.map(() => broker.attacker(t)))

  const answers = sockets.map((socket, index) => arrives(socket, all[index] ?? ''))
  for (const [index, socket] of sockets.entries())
    socket.socket.write(durableConnect(all[index] ?? ''))
  await Promise.all(answers)

  const lastKnown = arrivals.findLastIndex(name => name.startsWith('known'))
  t.ok(lastKnown < all.length - 1, `the last one with a session was number ${lastKnown + 1}`)
  const { limited, connectsGivenUp, connectsWaiting } = await broker.status()
  t.ok((limited['connectsPerSecondMax'] ?? 0) > 0)
  t.equal(connectsGivenUp, 0)
  t.equal(connectsWaiting, 0)
  t.ok(broker.lines.some(({ event }) => event === 'connects.wait'))
  await broker.hasSurvived(t)
})
