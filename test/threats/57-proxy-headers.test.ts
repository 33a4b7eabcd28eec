// Threat 57: a PROXY header is believed only on a listener for it, from a listed address, and when it is right.

import { test } from 'tap'
import { AttackedBroker, RawSocket } from './attacked-broker.ts'

const CONNECT = '100d00044d515454040200' + '3c000161'
const V1 = Buffer.from('PROXY TCP4 10.0.0.1 10.0.0.2 1 2\r\n').toString('hex')
const V2 = '0d0a0d0a000d0a515549540a 21 11 000c 0a000001 0a000002 0001 0002'

const WRONG = {
  'a header of version 1 without an end': Buffer.from(`PROXY TCP4 ${'1'.repeat(200)}`).toString(
    'hex',
  ),
  'a header of version 1 with a wrong address': Buffer.from(
    'PROXY TCP4 999.0.0.1 1 1 1\r\n',
  ).toString('hex'),
  'a header of version 2 with an unknown version': V2.replace('21 11', '31 11'),
  'a header of version 2 that is too short for its addresses': V2.replace(
    '000c 0a000001 0a000002 0001 0002',
    '0004 0a000001',
  ),
  'a CONNECT without a header': CONNECT,
}

test('a PROXY header on a listener without it is a wrong first packet', async t => {
  const broker = await AttackedBroker.started(t)
  await broker.isWatched()

  for (const header of [V1, V2]) {
    const socket = await RawSocket.to(broker.port)
    socket.writes(header + CONNECT)
    t.notMatch((await socket.closed).toString('hex'), /^20/, 'no CONNACK')
  }

  await broker.hasSurvived(t)
})

test('a header from an address that is not listed, and a wrong one from one that is, end the connection', async t => {
  const listener = { host: '127.0.0.1', port: 0 }
  const broker = await AttackedBroker.started(t, {
    listeners: [
      listener,
      { ...listener, proxyProtocol: true, proxyTrusted: ['10.9.9.9'] },
      { ...listener, proxyProtocol: true, proxyTrusted: ['127.0.0.1'] },
    ],
  })
  await broker.isWatched()
  const [, foreignPort = 0, trustedPort = 0] = broker.process.ports

  for (const header of [V1, V2]) {
    const foreign = await RawSocket.to(foreignPort)
    foreign.writes(header + CONNECT)
    t.equal((await foreign.closed).length, 0, 'not listed')
    const trusted = await RawSocket.to(trustedPort)
    trusted.writes(header + CONNECT)
    t.equal((await trusted.hears(4)).toString('hex'), '20020000', 'listed')
    trusted.socket.destroy()
  }
  for (const [what, header] of Object.entries(WRONG)) {
    const socket = await RawSocket.to(trustedPort)
    socket.writes(header)
    if (header !== CONNECT) socket.writes(CONNECT)
    t.equal((await socket.closed).length, 0, what)
  }

  await broker.hasSurvived(t)
})
