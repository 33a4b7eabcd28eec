// The client of the crash test records what it did before the broker can answer it.

import { once } from 'node:events'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'tap'
import { Client } from '../../crash/client.ts'
import type { LoggedEvent } from '../../crash/event.ts'
import { EventLog } from '../../crash/event-log.ts'

test('a connection that the client cuts has ended at once, and once', async t => {
  const server = createServer(socket => socket.resume())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  const kinds: LoggedEvent['kind'][] = []
  const log = new EventLog(join(t.testdir(), 'log'))
  const connecting = new Promise<void>(resolve => {
    log.watcher = ({ kind }) => {
      kinds.push(kind)
      resolve()
    }
  })
  const client = new Client({ clientId: 'one', version: 5, isDurable: true }, log, {})

  client.connect(port, false)
  await connecting
  client.cut()

  t.strictSame(kinds, ['connecting', 'closed'])
  t.ok(client.isIdle)
  await new Promise(resolve => setTimeout(resolve, 20))
  t.strictSame(kinds, ['connecting', 'closed'])
})
