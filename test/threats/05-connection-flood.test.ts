// Threat 5: connections that come and go at a high rate give a few log lines and disturb nobody. Scale: 5,000 in all.

import { test } from 'tap'
import { AttackedBroker, RawSocket } from './attacked-broker.ts'

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
