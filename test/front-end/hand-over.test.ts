// Sockets on their way to the process of a front end, which ends before it has them or is not there.

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

test('connections that wait for a front end close when their time is over', async t => {
  const limits = { connectTimeoutSeconds: 1 }
  const world = await FrontEndedBroker.start(t, { frontEnds: 1, limits })
  // It is started again at once; the second time it is waited for two seconds.
  process.kill(world.processes[0] ?? 0, 'SIGKILL')
  await until(() => world.processes.length === 2)
  process.kill(world.processes[1] ?? 0, 'SIGKILL')
  await until(() => world.said('front-end.failed').length === 2)

  const socket = connect(world.broker.listeners[0]?.port ?? 0, '127.0.0.1').on('error', () => {})
  await once(socket.resume(), 'close')

  t.equal(world.processes.length, 2)
  t.match(world.said('connection.refused'), [{ cause: 'no front end was ready in time' }])
  await until(() => world.processes.length === 3)
  t.ok((await world.client(t)).connected)
})
