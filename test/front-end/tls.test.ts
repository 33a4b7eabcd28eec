// TLS in front ends: one set of certificates and ticket keys for all of them, and what comes of it when a file changes.

import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import { connect, type TLSSocket } from 'node:tls'
import { type Test, test } from 'tap'
import { makeCertificates, serverCertificate, until, World } from '../transport/world.ts'
import { FrontEndHere, preparingBy } from '../link/front-end-here.ts'

async function secured(
  t: Test,
  port: number,
  options: { readonly session?: Buffer; readonly key?: Buffer; readonly cert?: Buffer } = {},
): Promise<TLSSocket> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options })
  socket.on('error', () => {})
  t.teardown(() => socket.destroy())
  await once(socket, 'secureConnect')
  return socket
}

test('a TLS session that began at one front end is resumed at another', async t => {
  const ports = [await FrontEndHere.start(t), await FrontEndHere.start(t)]
  const world = await World.listening(t, {
    tls: serverCertificate(),
    preparing: preparingBy(ports),
  })
  const first = connect({ port: world.listener.port, host: '127.0.0.1', rejectUnauthorized: false })
  t.teardown(() => first.destroy())
  const session = new Promise<Buffer>(settle => first.once('session', settle))
  first.on('data', () => {})
  const arrived = await world.arrives()
  arrived.wire.write(Buffer.from('hello'))
  const ticket = await session

  const second = await secured(t, world.listener.port, { session: ticket })
  await world.arrives()

  t.ok(second.isSessionReused())
  t.strictSame(
    ports.map(({ link }) => link.connections),
    [1, 1],
  )
})

test('certificates that are read anew reach all front ends', async t => {
  const directory = mkdtempSync(resolve(tmpdir(), 'front-tls-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const { certFile, keyFile } = serverCertificate()
  const files = {
    certFile: resolve(directory, 'server.crt'),
    keyFile: resolve(directory, 'server.key'),
  }
  copyFileSync(certFile, files.certFile)
  copyFileSync(keyFile, files.keyFile)
  const ports = [await FrontEndHere.start(t), await FrontEndHere.start(t)]
  const world = await World.listening(t, { tls: files, preparing: preparingBy(ports) })
  const shown = async (): Promise<readonly string[]> => {
    const sockets = [await secured(t, world.listener.port), await secured(t, world.listener.port)]
    await world.arrives()
    await world.arrives()
    return sockets.map(socket => socket.getPeerCertificate().fingerprint256)
  }
  const [old] = await shown()

  makeCertificates(directory)
  await world.listener.reload()
  const renewed = await shown()

  t.not(renewed[0], old)
  t.equal(renewed[0], renewed[1])
})

test('a pre-shared key is proved to a front end, and the core knows whose it is', async t => {
  const directory = mkdtempSync(resolve(tmpdir(), 'front-psk-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const pskFile = resolve(directory, 'keys')
  const key = 'aa'.repeat(32)
  writeFileSync(pskFile, `sensor:${key}\n`, { mode: 0o600 })
  const here = await FrontEndHere.start(t)
  const world = await World.listening(t, { tls: { pskFile }, preparing: preparingBy([here]) })
  const withKey = (psk: Buffer): TLSSocket => {
    const socket = connect({
      port: world.listener.port,
      host: '127.0.0.1',
      ciphers: 'PSK',
      maxVersion: 'TLSv1.2',
      pskCallback: () => ({ psk, identity: 'sensor' }),
      checkServerIdentity: () => undefined,
    })
    socket.on('error', () => {})
    t.teardown(() => socket.destroy())
    return socket
  }

  withKey(Buffer.from(key, 'hex'))
  const { wire } = await world.arrives()

  t.equal(wire.peer.psk?.identity, 'sensor')
  t.notOk(world.listener.hasRevoked(wire.peer))
  withKey(Buffer.alloc(32, 1))
  await until(() => here.lines.length > 0)
  t.equal(here.lines[0]?.fields['event'], 'tls.refused')

  writeFileSync(pskFile, `sensor:${'bb'.repeat(32)}\n`, { mode: 0o600 })
  await world.listener.reload()
  t.ok(world.listener.hasRevoked(wire.peer), 'its key counts no more')
})

test('a client certificate is known to the core, and a client without one is refused', async t => {
  const directory = mkdtempSync(resolve(tmpdir(), 'front-tls-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  makeCertificates(directory)
  const file = (name: string): string => resolve(directory, name)
  const here = await FrontEndHere.start(t)
  const world = await World.listening(t, {
    tls: {
      certFile: file('server.crt'),
      keyFile: file('server.key'),
      caFile: file('ca.crt'),
      requireCertificate: true,
    },
    preparing: preparingBy([here]),
  })
  await secured(t, world.listener.port, {
    key: readFileSync(file('device.key')),
    cert: readFileSync(file('device.crt')),
  })

  const { wire } = await world.arrives()

  t.equal(wire.peer.certificate?.commonName, 'device')
  t.equal(wire.peer.transport, 'tls')
  t.notOk(world.listener.hasRevoked(wire.peer))
  const without = connect({
    port: world.listener.port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
  })
  without.on('error', () => {})
  await until(() => here.lines.length > 0)
  t.match(here.lines[0]?.fields, { event: 'tls.refused', address: '127.0.0.1' })
  t.equal(here.lines[0]?.fields['cause'], 'the client gave no certificate')
})
