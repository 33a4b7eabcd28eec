// Threat 45: sessions that are made and left have a bound, and those that are there stay. Scale: a bound of 500 instead of a million.

import { test } from 'tap'
import { AttackedBroker, RawSocket } from './attacked-broker.ts'

const SESSIONS_MAX = 500
const ATTEMPTS = 1_500
const QUOTA_EXCEEDED = 0x97

/** CONNECT of 5.0 with an expiry of a hundred years. */
function connect(index: number): string {
  const id = Buffer.from(`hoard-${String(index).padStart(6, '0')}`).toString('hex')
  return `10 1e 0004 4d515454 05 00 003c 05 11 bbf81e00 000c ${id}`
}

test('a client that makes sessions without end is refused with 0x97, and the sessions of others stay', async t => {
  const limits = { sessionsMax: SESSIONS_MAX }
  const broker = await AttackedBroker.started(t, { limits })
  await broker.isWatched()
  const refusals: number[] = []

  for (let count = 0; count < ATTEMPTS; count += 50) {
    const sockets = await Promise.all(Array.from({ length: 50 }, () => RawSocket.to(broker.port)))
    for (const [index, socket] of sockets.entries()) socket.writes(connect(count + index))
    await Promise.all(sockets.map(socket => socket.hears(4)))
    for (const { heard, socket } of sockets) {
      if (heard[3] !== 0) refusals.push(heard[3] ?? 0)
      socket.destroy()
    }
  }

  t.strictSame([...new Set(refusals)], [QUOTA_EXCEEDED])
  t.equal((await broker.status()).sessions, SESSIONS_MAX)
  const back = await RawSocket.to(broker.port)
  back.writes(connect(0))
  await back.hears(4)
  t.equal(back.heard[2], 1, 'a session that is there is resumed')
  back.socket.destroy()
  // A new client would need a session more.
  await broker.hasSurvived(t, [], { clientId: 'subscriber-0' })
})
