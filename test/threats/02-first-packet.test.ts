// Threat 2: a connection whose first packet is not CONNECT is closed without an answer, whatever the packet has.

import { test } from 'tap'
import { AttackedBroker, RawSocket } from './attacked-broker.ts'

/** A short body, no body, and 1,000 bytes. */
const BODIES = ['02 0001', '00', `e807 ${'00'.repeat(1_000)}`]

test('a first packet of every other type is closed without an answer, and counted', async t => {
  const broker = await AttackedBroker.started(t)
  await broker.isWatched()
  const types = Array.from({ length: 16 }, (_, type) => type).filter(type => type !== 1)

  for (const type of types) {
    for (const body of BODIES) {
      const socket = await RawSocket.to(broker.port)
      socket.writes(`${type.toString(16)}0 ${body}`)
      t.equal((await socket.closed).length, 0, `type ${type}`)
    }
  }

  t.equal((await broker.status()).protocolErrors, types.length * BODIES.length)
  await broker.hasSurvived(t)
})
