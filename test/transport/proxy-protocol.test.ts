import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { connect } from 'node:tls'
import { test } from 'tap'
import { parseProxyHeader } from '../../src/transport/proxy-protocol.ts'
import { UPGRADE } from './raw-bytes.ts'
import { everythingFrom, makeCertificates, World } from './world.ts'

const SIGNATURE = '0d0a0d0a000d0a515549540a'
const IPV4 = Buffer.from(`${SIGNATURE}2111000cc0000207c0000201abcd075b`, 'hex')
const IPV6 = Buffer.from(
  `${SIGNATURE}21210024${'20010db8'.padEnd(32, '0')}${'0'.repeat(32)}abcd075b`,
  'hex',
)
const LOCAL = Buffer.from(`${SIGNATURE}20000000`, 'hex')

test('the header of version 1 tells the source', async t => {
  const line = Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.1 40000 1883\r\n\x10')

  t.strictSame(parseProxyHeader(line), {
    kind: 'complete',
    length: line.length - 1,
    source: { address: '192.0.2.7', port: 40_000 },
  })
  t.match(parseProxyHeader(Buffer.from('PROXY TCP6 2001:db8::7 ::1 4 5\r\n')), {
    source: { address: '2001:db8::7', port: 4 },
  })
  t.match(parseProxyHeader(Buffer.from('PROXY UNKNOWN anything at all\r\n')), { source: null })
})

test('the header of version 2 tells the source', async t => {
  t.strictSame(parseProxyHeader(IPV4), {
    kind: 'complete',
    length: 28,
    source: { address: '192.0.2.7', port: 0xabcd },
  })
  t.match(parseProxyHeader(IPV6), { source: { address: '2001:db8:0:0:0:0:0:0' } })
  t.match(parseProxyHeader(LOCAL), { kind: 'complete', length: 16, source: null })
})

const LIES = 'a field that is longer or shorter than it says'

test('additional fields fill the header of version 2 to its last byte', async t => {
  const withFields = (fields: string): Buffer => {
    const bytes = Buffer.from(fields.replaceAll(' ', ''), 'hex')
    const header = Buffer.concat([IPV4, bytes])
    header.writeUInt16BE(12 + bytes.length, 14)
    return header
  }
  // An authority, no operation, and TLS with the name of a client within it.
  for (const whole of ['02 0001 61', '04 0000', '20 000b 01 00000000 22 0003 61 62 63']) {
    const header = withFields(whole)
    t.match(parseProxyHeader(header), { kind: 'complete', length: header.length }, whole)
  }
  for (const lying of [
    '02 0002 61',
    '02 0000 61',
    '02',
    '02 00',
    '02 ffff',
    '20 0004 01 000000',
    '20 000b 01 00000000 22 0004 61 62 63',
  ]) {
    t.match(parseProxyHeader(withFields(lying)), { kind: 'invalid', sentence: new RegExp(LIES) })
  }
  const local = Buffer.concat([LOCAL, Buffer.from('020009', 'hex')])
  local.writeUInt16BE(3, 14)
  t.match(parseProxyHeader(local), { kind: 'invalid' })
})

test('any part of a header is incomplete, never wrong', async t => {
  for (const whole of [IPV4, IPV6, Buffer.from('PROXY TCP4 192.0.2.7 192.0.2.1 40000 1883\r\n')]) {
    for (let length = 1; length < whole.length; length++) {
      t.equal(parseProxyHeader(whole.subarray(0, length)).kind, 'incomplete')
    }
  }
})

test('bytes that are no PROXY header are refused', async t => {
  for (const wrong of [
    '\x10\x0c',
    'GET / HTTP/1.1\r\n',
    'PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n',
    'PROXY TCP4 1.2.3.400 1.2.3.4 1 2\r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n',
    'PROXY TCP6 1.2.3.4 ::1 1 2\r\n',
    'PROXY TCP6 ::: ::1 1 2\r\n',
    'PROXY TCP6 1:2 ::1 1 2\r\n',
    'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n',
    'PROXY TCP4 01.2.3.4 1.2.3.4 1 2\r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n',
    'PROXY TCP4 1.2.3.4\r\n',
    `PROXY ${'x'.repeat(120)}`,
  ]) {
    t.equal(parseProxyHeader(Buffer.from(wrong, 'latin1')).kind, 'invalid', JSON.stringify(wrong))
  }
  for (const wrong of [
    `${SIGNATURE}3111000c`, // version 3
    `${SIGNATURE}2211000c`, // unknown command
    `${SIGNATURE}21110004c0000207`, // too short for its addresses
    `${SIGNATURE}2191000cc0000207c0000201abcd075b`, // unknown family
    `${SIGNATURE}2111ffff`, // longer than anybody sends
  ]) {
    t.equal(parseProxyHeader(Buffer.from(wrong, 'hex')).kind, 'invalid', wrong)
  }
})

test('a listener behind a balancer knows the true address, one byte at a time', async t => {
  const world = await World.listening(t, { proxyProtocol: true })
  const socket = await world.connects(t)
  socket.setNoDelay(true)
  for (const byte of [...IPV4, 0x10, 0x00]) {
    await new Promise<void>(sent => socket.write(Buffer.from([byte]), () => sent()))
  }

  const arrived = await world.arrives()

  t.match(arrived.wire.peer, { address: '192.0.2.7', port: 0xabcd })
  t.equal((await arrived.receives(2)).length, 2)
})

test('a PROXY header from an address that is not trusted is refused', async t => {
  const world = await World.listening(t, { proxyProtocol: true, proxyTrusted: ['192.0.2.0/24'] })
  const socket = await world.connects(t)
  socket.write(IPV4)

  t.equal(await everythingFrom(socket), '')
  t.match(world.warnings, [{ cause: 'its address may not send a PROXY header' }])

  const trusting = await World.listening(t, { proxyProtocol: true, proxyTrusted: ['127.0.0.0/8'] })
  const other = await trusting.connects(t)
  other.write(IPV4)
  t.equal((await trusting.arrives()).wire.peer.address, '192.0.2.7')
})

test('a connection without its header is closed and told', async t => {
  const world = await World.listening(t, { proxyProtocol: true })
  const socket = await world.connects(t)
  socket.write(Buffer.from([0x10, 0x00]))

  t.equal(await everythingFrom(socket), '')
  t.match(world.warnings, [{ cause: 'the connection does not begin with a PROXY header' }])
})

test('a header that never ends is closed at the deadline', async t => {
  const world = await World.listening(t, { proxyProtocol: true, handshakeTimeoutMs: 50 })
  const socket = await world.connects(t)
  socket.write('PROXY ')

  t.equal(await everythingFrom(socket), '')
})

test('the true address is known over WebSocket and TLS as well', async t => {
  const directory = t.testdir()
  makeCertificates(directory)
  const tls = {
    certFile: resolve(directory, 'server.crt'),
    keyFile: resolve(directory, 'server.key'),
  }
  const plain = await World.listening(t, { protocol: 'ws', proxyProtocol: true })
  const socket = await plain.connects(t)
  socket.write(Buffer.concat([IPV4, UPGRADE]))
  t.match((await plain.arrives()).wire.peer, { address: '192.0.2.7', transport: 'ws' })

  const world = await World.listening(t, { tls, proxyProtocol: true })
  const raw = await world.connects(t)
  raw.write(IPV4)
  const ca = readFileSync(resolve(directory, 'ca.crt'))
  const secured = connect({ socket: raw, servername: 'localhost', ca })
  t.teardown(() => secured.destroy())
  secured.write('hi')
  const arrived = await world.arrives()
  t.match(arrived.wire.peer, { address: '192.0.2.7', transport: 'tls' })
  t.equal(await arrived.receives(2), 'hi')
})
