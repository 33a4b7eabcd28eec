// TLS by pre-shared keys, with certificates beside them and without.

import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { type Test, test } from 'tap'
import type { TlsOptions } from '../../src/transport/listener-options.ts'
import { makeCertificates, until, World } from './world.ts'

const KEY = Buffer.alloc(32, 7)
const OTHER_KEY = Buffer.alloc(32, 8)

const lineOf = (identity: string, key: Buffer): string => `${identity}:${key.toString('hex')}\n`

async function listening(t: Test, tls: Partial<TlsOptions> = {}) {
  const pskFile = resolve(t.testdir({ psk: lineOf('sensor-1', KEY) }), 'psk')
  const world = await World.listening(t, { tls: { pskFile, ...tls } })
  return { world, pskFile }
}

interface Attempt extends ConnectionOptions {
  readonly identity?: string
  readonly psk?: Buffer
}

/** Resolves with the socket, or with the code of what went wrong. */
function attempts(
  t: Test,
  world: World,
  { identity = 'sensor-1', psk = KEY, ...options }: Attempt = {},
): Promise<TLSSocket | string> {
  const socket = connect({
    host: '127.0.0.1',
    port: world.listener.port,
    ciphers: 'TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:PSK',
    checkServerIdentity: () => undefined,
    pskCallback: () => ({ psk, identity }),
    ...options,
  })
  t.teardown(() => socket.destroy())
  return new Promise(settle => {
    socket.once('secureConnect', () => settle(socket))
    socket.once('error', error => settle('code' in error ? String(error.code) : error.message))
  })
}

const VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const

for (const version of VERSIONS) {
  const only = { minVersion: version, maxVersion: version }

  test(`a key proves its identity over ${version}, and bytes go both ways`, async t => {
    const { world } = await listening(t)
    const socket = await attempts(t, world, only)
    if (typeof socket === 'string') throw new Error(socket)
    socket.write('hello')
    const arrived = await world.arrives()

    t.equal(await arrived.receives(5), 'hello')
    t.match(arrived.wire.peer, { certificate: null, psk: { identity: 'sensor-1' } })
    t.equal(socket.getProtocol(), version)
  })

  test(`a wrong key and an unknown identity get the same answer over ${version}; the log says which it was`, async t => {
    const { world } = await listening(t)

    const wrong = await attempts(t, world, { ...only, psk: OTHER_KEY })
    const unknown = await attempts(t, world, { ...only, identity: 'nobody' })

    t.type(wrong, 'string')
    t.equal(wrong, unknown)
    await until(() => world.warnings.length === 2)
    t.match(world.warnings, [
      { event: 'tls.refused', cause: 'the client has another key for "sensor-1" than pskFile' },
      {
        event: 'tls.refused',
        cause: `the identity "nobody" of the client's key is not in pskFile`,
      },
    ])
  })

  test(`a session by a key over ${version} is not resumed`, async t => {
    const { world, pskFile } = await listening(t)
    const first = await attempts(t, world, only)
    if (typeof first === 'string') throw new Error(first)
    const { wire } = await world.arrives()
    wire.write(Buffer.from('x'))
    await new Promise(settle => first.once('data', settle))
    const session = first.getSession()
    writeFileSync(pskFile, lineOf('sensor-2', KEY))
    await world.listener.reload()

    const again = await attempts(t, world, { ...only, ...(session && { session }) })

    t.type(again, 'string', 'the identity was removed')
    t.equal(world.unclaimed, 0)
  })
}

test('every suite that small clients have works, with forward secrecy where the client can', async t => {
  const { world } = await listening(t)
  const suites = [
    'ECDHE-PSK-CHACHA20-POLY1305',
    'ECDHE-PSK-AES128-CBC-SHA256',
    'PSK-CHACHA20-POLY1305',
    'PSK-AES256-GCM-SHA384',
    'PSK-AES128-GCM-SHA256',
    'PSK-AES128-CCM',
  ]
  for (const ciphers of suites) {
    const socket = await attempts(t, world, { maxVersion: 'TLSv1.2', ciphers })
    t.equal(typeof socket === 'string' ? socket : socket.getCipher().name, ciphers)
  }
  const any = await attempts(t, world, { maxVersion: 'TLSv1.2', ciphers: 'PSK' })
  t.match(typeof any === 'string' ? any : any.getCipher().name, /^ECDHE-PSK/)
  for (const ciphers of ['DHE-PSK-AES256-GCM-SHA384', 'PSK-AES128-CBC-SHA']) {
    t.type(await attempts(t, world, { maxVersion: 'TLSv1.2', ciphers }), 'string', ciphers)
  }
})

function withCertificates(t: Test) {
  const directory = t.testdir()
  makeCertificates(directory, 'device')
  const path = (name: string): string => resolve(directory, name)
  writeFileSync(path('psk'), lineOf('sensor-1', KEY))
  const tls = {
    certFile: path('server.crt'),
    keyFile: path('server.key'),
    caFile: path('ca.crt'),
    pskFile: path('psk'),
  }
  const ca = readFileSync(path('ca.crt'))
  const pair = { cert: readFileSync(path('device.crt')), key: readFileSync(path('device.key')) }
  return { tls, ca, pair, path }
}

const NO_PSK = { ciphers: 'DEFAULT', pskCallback: () => null }

test('a listener with certificates takes clients with a key, and those with a certificate', async t => {
  const { tls, ca, pair } = withCertificates(t)
  const world = await World.listening(t, { tls: { ...tls, requireCertificate: true } })
  for (const maxVersion of VERSIONS) {
    await attempts(t, world, { maxVersion })
    t.match((await world.arrives()).wire.peer, { certificate: null, psk: { identity: 'sensor-1' } })

    await attempts(t, world, { maxVersion, ca, ...pair, ...NO_PSK })
    const { peer } = (await world.arrives()).wire
    t.match(peer, { certificate: { commonName: 'device' } })
    t.equal(peer.psk ?? null, null)
  }
  const neither = await attempts(t, world, { maxVersion: 'TLSv1.2', ca, ...NO_PSK })
  t.type(neither, 'string')
})

test('an identity that is named and not proved, because a suite does not fit its key, names nobody', async t => {
  const { tls, ca } = withCertificates(t)
  const world = await World.listening(t, { tls })

  // With SHA-384 OpenSSL asks for the key, does not verify it, and goes on with certificates.
  const socket = await attempts(t, world, {
    ca,
    servername: 'localhost',
    ciphers: 'TLS_AES_256_GCM_SHA384:PSK',
    psk: OTHER_KEY,
  })

  t.not(typeof socket, 'string')
  const { peer } = (await world.arrives()).wire
  t.equal(peer.psk ?? null, null)
  t.equal(peer.certificate, null)
})

test('a wrong file is refused at the start with its line, and keeps the keys of before later', async t => {
  const { world, pskFile } = await listening(t)
  writeFileSync(pskFile, `${lineOf('a', KEY)}b:nothing\n`)

  await t.rejects(world.listener.reload(), { message: /psk:2: the key is not hexadecimal/ })
  await t.rejects(World.listening(t, { tls: { pskFile } }), { message: /psk:2: / })
  t.not(typeof (await attempts(t, world)), 'string')
  const { peer } = (await world.arrives()).wire
  t.equal(world.listener.hasRevoked(peer), false)
  writeFileSync(pskFile, `# the same key\n${lineOf('sensor-1', KEY)}`)
  await world.listener.reload()
  t.equal(world.listener.hasRevoked(peer), false)
  writeFileSync(pskFile, lineOf('sensor-1', OTHER_KEY))
  await world.listener.reload()
  t.equal(world.listener.hasRevoked(peer), true)
})

test('a weak key is warned of', async t => {
  const { world } = await listening(t)
  t.strictSame(world.warnings, [])
  const pskFile = resolve(t.testdir({ psk: 'a:1234\n' }), 'psk')
  const { warnings } = await World.listening(t, { tls: { pskFile } })
  t.match(warnings, [{ event: 'psk.doubtful', place: `${pskFile}:1` }])
})

test('the oldest version of TLS stays what it was when files are read again', async t => {
  const { tls, ca } = withCertificates(t)
  const { pskFile: _, ...certificates } = tls
  const world = await World.listening(t, { tls: { ...certificates, minVersion: 'TLSv1.3' } })
  await world.listener.reload()

  const old = await attempts(t, world, { ca, maxVersion: 'TLSv1.2', ...NO_PSK })

  t.type(old, 'string')
})
