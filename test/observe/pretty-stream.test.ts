import { test } from 'tap'
import { prettyLine } from '../../src/observe/pretty-stream.ts'

const TIME = new Date(2026, 0, 2, 14, 2, 11).toISOString()

test('a connection is one short line', async t => {
  const line = prettyLine({
    level: 'info',
    time: TIME,
    event: 'client.connected',
    clientId: 'sub-4f2a',
    address: '127.0.0.1',
    protocol: '3.1.1',
    username: null,
    msg: 'connected',
  })

  t.equal(line, '14:02:11  + sub-4f2a      connected     127.0.0.1  MQTT 3.1.1')
})

test('a refused client comes with what to type', async t => {
  const line = prettyLine({
    level: 'warn',
    time: TIME,
    event: 'client.refused',
    clientId: 'esp32-7f',
    address: '192.168.1.44',
    cause: 'no user name',
    hint: 'pondhawk user add esp32-7f',
    msg: 'refused',
  })

  t.match(line, 'no user name  Let it in: pondhawk user add esp32-7f')
})

test('a client id can neither begin a line nor control the terminal', async t => {
  const clientId = 'x\n14:02:12  + root\u001b[2J\u202e'

  const line = prettyLine({ level: 'warn', time: TIME, clientId, msg: 'refused' })

  t.notMatch(line, /[\n\u001b\u202e]/)
  t.match(line, '14:02:11  ! x\\u000a14:02:12')
})
