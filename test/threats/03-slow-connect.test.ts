// Threat 3: a connection that sends its bytes one by one, and never a whole CONNECT, is closed at a deadline that counts from its
// begin. Scale: 100 connections of each kind instead of 10,000, deadlines of 2 s.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'tap'
import { makeCertificates } from '../transport/world.ts'
import { UPGRADE } from '../transport/raw-bytes.ts'
import { AttackedBroker, RawSocket } from './attacked-broker.ts'

const CONNECTIONS = 100
const EVERY_MS = 200
const CONNECT = Buffer.from('10f80300044d5154540402003c0001', 'hex')
/** The header of a TLS record of 512 bytes with a ClientHello, and no end. */
const CLIENT_HELLO = Buffer.concat([
  Buffer.from('1603010200010001fc0303', 'hex'),
  Buffer.alloc(400),
])

/** Sends a byte now and then until the connection is closed. */
async function trickles(port: number, bytes: Buffer): Promise<void> {
  const { socket, closed } = await RawSocket.to(port)
  let at = 0
  const trickle = setInterval(() => {
    socket.write(bytes.subarray(at, at + 1))
    at += 1
  }, EVERY_MS)
  await closed
  clearInterval(trickle)
}

test('a CONNECT, an upgrade and a TLS handshake that come byte by byte are closed, and clients come in meanwhile', async t => {
  const certificates = mkdtempSync(join(tmpdir(), 'slow-connect-'))
  t.teardown(() => rmSync(certificates, { recursive: true }))
  makeCertificates(certificates)
  const tls = {
    certFile: `${certificates}/server.crt`,
    keyFile: `${certificates}/server.key`,
  }
  const host = '127.0.0.1'
  const listener = { host, port: 0, handshakeTimeoutMs: 2_000 }
  const broker = await AttackedBroker.started(t, {
    listeners: [listener, { ...listener, protocol: 'ws' }, { ...listener, tls }],
    limits: { connectTimeoutSeconds: 2 },
  })
  await broker.isWatched()
  const [, , tlsPort = 0] = broker.process.ports

  const attacks = Array.from({ length: CONNECTIONS }, () => [
    trickles(broker.port, CONNECT),
    trickles(broker.webPort, UPGRADE),
    trickles(tlsPort, CLIENT_HELLO),
  ])
  for (let count = 0; count < 10; count++) await (await broker.client()).endAsync()
  await Promise.all(attacks.flat())

  await broker.hasSurvived(t)
})
