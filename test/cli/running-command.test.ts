// `pondhawk status`, `pondhawk kick` and `pondhawk drain`, as people run them.

import { test } from 'tap'
import { configured } from './configured-broker.ts'

test('status says how the running broker is, and by its own status whether it runs', async t => {
  const { command, start } = configured(t)
  t.match(await command('status'), { status: 1, errors: /there is no store in / })
  const { stop, connect } = await start()
  const client = await connect('a')
  await client.subscribeAsync('b')
  await client.publishAsync('c/d', 'x', { qos: 1 })

  const { status, output } = await command('status')

  t.equal(status, 0)
  t.match(output, /^Running for +\d+ s$/m)
  t.match(output, /^Acknowledged means +os$/m)
  t.match(output, /^Clients connected +1$/m)
  t.match(output, /^Messages received +1$/m)
  const json = JSON.parse((await command('status', '--json')).output) as object
  t.match(json, { clientsConnected: 1, subscriptions: 1 })
  await client.endAsync()
  await stop()
  t.match(await command('status'), {
    status: 1,
    errors: /no broker is running with the store in .*data/,
  })
  t.match(await command('status', 'more'), { status: 2, errors: /takes flags only/ })
})

test('kick ends the connection of a client, and its session stays', async t => {
  const { command, start } = configured(t)
  const { connect, sessionPresent } = await start()
  const client = await connect('pump 1')
  await client.subscribeAsync('b', { qos: 1 })
  const reason = new Promise(told => client.once('disconnect', packet => told(packet.reasonCode)))

  const kicked = await command('kick', 'pump 1')

  t.match(kicked, { status: 0, output: '', errors: '"pump 1" is disconnected\n' })
  t.equal(await reason, 0x98)
  await client.endAsync()
  t.match(await command('kick', 'pump 1'), { status: 1, errors: /"pump 1" is not connected/ })
  t.equal(await sessionPresent('pump 1'), true)
  t.match(await command('kick'), { status: 2, errors: /takes one client id/ })
})

test('drain disconnects all clients, waits until they are gone, and lets nobody in any more', async t => {
  const { command, start } = configured(t)
  const { connect } = await start()
  const client = await connect('a')
  const reason = new Promise(told => client.once('disconnect', packet => told(packet.reasonCode)))

  const drained = await command('drain', '--seconds', '0', '--json')

  t.equal(await reason, 0x8b)
  t.match(drained, {
    status: 0,
    output: '{"clientsConnected":0}\n',
    errors: /no client is connected any more/,
  })
  await client.endAsync()
  await t.rejects(connect('b'), /Server unavailable/i)
  t.match(await command('drain', '--seconds', 'soon'), { status: 2, errors: /takes --seconds/ })
})
