// Sockets on their way to the process of a front end, which ends before it has them.

import { once } from 'node:events'
import { connect } from 'node:net'
import { setTimeout as after } from 'node:timers/promises'
import { test } from 'tap'
import { FrontEndedBroker, until } from './front-ended-broker.ts'

test('connections that were on their way to a front end close when it ends', async t => {
  const world = await FrontEndedBroker.start(t, { frontEnds: 1 })
  const [only = 0] = world.processes
  process.kill(only, 'SIGSTOP')
  const port = world.broker.listeners[0]?.port ?? 0
  const sockets = Array.from({ length: 5 }, () => connect(port, '127.0.0.1'))
  const closings = sockets.map(socket => {
    socket.on('error', () => {})
    socket.resume()
    return once(socket, 'close')
  })
  await until(() => sockets.every(({ connecting }) => !connecting))
  await after(200)

  process.kill(only, 'SIGKILL')

  await Promise.all(closings)
  t.pass('none of them is connected to nobody')
  const client = await world.client(t)
  t.ok(client.connected)
})
