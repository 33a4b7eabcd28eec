// `pondhawk session` as people run it, with the broker running and stopped.

import { existsSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { test } from 'tap'
import { configured } from './configured-broker.ts'

test('sessions of a running broker are listed and ended by its socket, which only its owner may open', async t => {
  const { session, start, socket } = configured(t)
  const { program, stop, connect } = await start()
  const away = await connect('away')
  await away.subscribeAsync(['a', 'b'], { qos: 1 })
  await away.endAsync()
  const here = await connect('here\u202e 1', { will: { topic: 'gone', payload: 'x', qos: 1 } })
  const witness = await connect('witness')
  await witness.subscribeAsync('gone', { qos: 1 })
  await witness.publishAsync('a', 'x', { qos: 1 })

  t.equal(statSync(socket).mode & 0o777, 0o600)
  const table = await session('list')
  t.equal(table.errors, '3 sessions\n')
  t.match(table.output, /^CLIENT +USER +STATE +ADDRESS +SUBSCRIPTIONS +QUEUED +IN FLIGHT\n/)
  t.match(table.output, /^away +- +away +127\.0\.0\.1 +2 +1 +0$/m)
  t.match(table.output, /^"here\\u\{202e\} 1" +- +connected /m)
  const json = await session('list', '--json')
  t.notMatch(json.output, /(?!\n)\p{C}/u, 'nothing controls the terminal')
  const lines = json.output.trim().split('\n')
  t.match(
    lines.map(line => JSON.parse(line) as object),
    [
      { clientId: 'away', state: 'away', sessionExpirySeconds: 3_600, queuedMessages: 1 },
      { clientId: 'here\u202e 1' },
      {},
    ],
  )

  const told = new Promise<number | undefined>(settle =>
    here.once('disconnect', ({ reasonCode }) => settle(reasonCode)),
  )
  const will = new Promise(settle => witness.once('message', settle))
  t.equal((await session('end', 'here\u202e 1')).status, 0)
  t.equal(await told, 0x98)
  t.equal(await will, 'gone')
  t.equal((await session('end', 'away')).status, 0)
  const again = await session('end', 'away')
  t.equal(again.status, 1)
  t.match(again.errors, 'there is no session of away')
  t.equal((await session('list')).errors, '1 session\n')
  await program.prints('"event":"session.ended"')
  await witness.endAsync()
  await stop()
  t.notOk(existsSync(socket))
})

test('sessions of a stopped broker are listed and ended in its store', async t => {
  const { session, start } = configured(t)
  const first = await start()
  for (const clientId of ['kept', 'ended']) {
    const client = await first.connect(clientId)
    await client.subscribeAsync('a', { qos: 1 })
    await client.endAsync()
  }
  // A broker that was killed leaves its socket behind.
  first.program.process.kill('SIGKILL')
  await first.program.ends()

  t.match((await session('list')).output, /^ended +- +away +127\.0\.0\.1 +1 +0 +0$/m)
  t.equal((await session('end', 'ended')).status, 0)
  t.equal((await session('end', 'ended')).status, 1)
  t.match((await session('list')).errors, '1 session\n')

  const { sessionPresent, stop } = await start()
  t.equal(await sessionPresent('kept'), true)
  t.equal(await sessionPresent('ended'), false)
  await stop()
})

test('a list of thousands is told in pieces, and the broker goes on meanwhile', async t => {
  const { session, start } = configured(t)
  const { connect, stop } = await start()
  const clients = await Promise.all(
    Array.from({ length: 600 }, (_, index) => connect(`client-${index}`)),
  )

  const [list] = await Promise.all([
    session('list', '--json'),
    clients[0]?.publishAsync('a', 'x', { qos: 1 }),
  ])

  const ids = list.output
    .trim()
    .split('\n')
    .map(line => (JSON.parse(line) as { clientId: string }).clientId)
  t.equal(new Set(ids).size, 600)
  for (const client of clients) client.end(true)
  await stop()
})

test('wrong usage, a missing store and a store in memory are told in a sentence', async t => {
  const { session } = configured(t)

  t.match(await session(), { status: 2, errors: /takes list, or end CLIENT_ID/ })
  t.match(await session('end'), { status: 2, errors: /needs a client id/ })
  t.match(await session('list', 'x'), { status: 2, errors: /takes no argument/ })
  t.match(await session('list'), { status: 1, errors: /there is no store in .*data/ })
  t.match(await configured(t, 'memory').session('list'), { status: 1, errors: /has no directory/ })
})

test('another program on the socket does not keep the broker from its start', async t => {
  const { start, socket } = configured(t)
  const first = await start()
  await first.stop()
  const other = createServer().listen(socket)
  t.teardown(() => other.close())

  const { program, stop } = await start()

  t.match(program.output, /"event":"admin\.closed".*another program listens/)
  await stop()
})
