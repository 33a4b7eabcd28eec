// Threat 6: connections that are reset at any byte of CONNECT leave nothing behind. Scale: 2,000 resets instead of a million.

import { test } from 'tap'
import { AttackedBroker, RawSocket } from './attacked-broker.ts'

const RESETS = 2_000
const AT_ONCE = 50
const CONNECT = Buffer.from('101300044d51545405c2003c000001610001620003637064', 'hex')

test('two thousand resets at any byte of CONNECT leave no connection, no session and no memory', async t => {
  const broker = await AttackedBroker.started(t)
  await broker.isWatched()
  const clientsBefore = (await broker.status()).clientsConnected
  const before = await broker.restingBytes()

  for (let count = 0; count < RESETS; count += AT_ONCE) {
    const sockets = await Promise.all(
      Array.from({ length: AT_ONCE }, () => RawSocket.to(broker.port)),
    )
    for (const [index, { socket }] of sockets.entries()) {
      socket.write(CONNECT.subarray(0, (count + index) % CONNECT.length))
      socket.resetAndDestroy()
    }
    await Promise.all(sockets.map(({ closed }) => closed))
  }

  const { clientsConnected, internalErrors } = await broker.status()
  t.strictSame([clientsConnected, internalErrors], [clientsBefore, 0])
  t.ok(broker.rssBytes - before < 64 * 1_048_576)
  await broker.hasSurvived(t)
})
