// Case 56: a client of TLS 1.2 that asks for another handshake on one connection is disconnected. Scale: one, which is enough.

import { resolve } from 'node:path'
import { connect } from 'node:tls'
import { test } from 'tap'
import { makeCertificates, World } from '../transport/world.ts'

test('TLS renegotiation ends the connection, and the log says so', async t => {
  const directory = t.testdir({})
  makeCertificates(directory)
  const tls = {
    certFile: resolve(directory, 'server.crt'),
    keyFile: resolve(directory, 'server.key'),
  }
  const world = await World.listening(t, { tls })
  const port = world.listener.port
  const options = { port, host: '127.0.0.1', rejectUnauthorized: false } as const
  const socket = connect({ ...options, maxVersion: 'TLSv1.2' })
  socket.on('error', () => {})
  await new Promise(secured => socket.once('secureConnect', secured))
  const closed = new Promise(end => socket.once('close', end))

  socket.renegotiate({}, () => {})

  await closed
  t.match(world.warnings, [{ event: 'tls.renegotiated', address: '127.0.0.1' }])
})
