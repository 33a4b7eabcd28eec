// Threat 64: after a pause of the process, clients are judged by what lies in their sockets. Scale: a pause of 4 s instead of 120 s.

import { test } from 'tap'
import { AttackedBroker, RawSocket } from './attacked-broker.ts'

const CLIENTS = 50
const PAUSE_SECONDS = 4
/** With a keep-alive of a second, so the pause is longer than one and a half of it. */
const CONNECT = '10 0f 0004 4d515454 04 02 0001 0003'

test('clients that sent a PINGREQ while the process was stopped stay connected, and silent ones do not', async t => {
  const broker = await AttackedBroker.started(t)
  const all = await Promise.all(
    Array.from({ length: 2 * CLIENTS }, () => RawSocket.to(broker.port)),
  )
  for (const [index, socket] of all.entries()) {
    socket.writes(CONNECT + Buffer.from(String(index).padStart(3, '0')).toString('hex'))
  }
  await Promise.all(all.map(socket => socket.hears(4)))
  const silent = all.slice(0, CLIENTS)
  const talking = all.slice(CLIENTS)

  broker.process.process.kill('SIGSTOP')
  for (let second = 0; second < PAUSE_SECONDS; second++) {
    await new Promise(passed => setTimeout(passed, 1_000))
    for (const socket of talking) socket.writes('c0 00')
  }
  broker.process.process.kill('SIGCONT')

  await Promise.all(talking.map(socket => socket.hears(4 + 2 * PAUSE_SECONDS)))
  t.strictSame(
    talking.filter(({ socket }) => socket.closed),
    [],
  )
  const pings = setInterval(() => {
    for (const socket of talking) socket.writes('c0 00')
  }, 500)
  await Promise.all(silent.map(({ closed }) => closed))
  clearInterval(pings)
  t.strictSame(
    talking.filter(({ socket }) => socket.closed),
    [],
  )
  for (const { socket } of talking) socket.destroy()
  await broker.hasSurvived(t)
})
