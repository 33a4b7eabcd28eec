import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { type Test, test } from 'tap'
import { WebSocket } from 'ws'
import type { TlsOptions } from '../../src/transport/listener-options.ts'
import { everythingFrom, makeCertificates, until, World } from './world.ts'

interface Certificates {
  readonly directory: string
  readonly ca: Buffer
  readonly tls: TlsOptions
}

function certificates(t: Test, client = 'device', ...names: string[]): Certificates {
  const directory = t.testdir()
  makeCertificates(directory, client, ...names)
  const path = (name: string): string => resolve(directory, name)
  const tls = { certFile: path('server.crt'), keyFile: path('server.key'), caFile: path('ca.crt') }
  return { directory, ca: readFileSync(path('ca.crt')), tls }
}

function pair(directory: string, name: string): { cert: Buffer; key: Buffer } {
  const read = (ending: string): Buffer => readFileSync(resolve(directory, `${name}.${ending}`))
  return { cert: read('crt'), key: read('key') }
}

async function secured(t: Test, world: World, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = connect({
    host: '127.0.0.1',
    port: world.listener.port,
    servername: 'localhost',
    ...options,
  })
  t.teardown(() => socket.destroy())
  await new Promise<void>((done, failed) => {
    socket.once('secureConnect', done)
    socket.once('error', failed)
  })
  return socket
}

test('bytes go both ways over TLS, and the name of the client certificate is known', async t => {
  const { directory, ca, tls } = certificates(t, 'sensor-7')
  const world = await World.listening(t, { tls: { ...tls, requireCertificate: true } })
  const socket = await secured(t, world, {
    ca,
    ...pair(directory, 'sensor-7'),
    ALPNProtocols: ['mqtt'],
  })
  const arrived = await world.arrives()
  socket.write('hello')
  await arrived.receives(5)
  const said = everythingFrom(socket)
  arrived.wire.write(Buffer.from('answer'))
  arrived.wire.end()

  t.equal(await said, 'answer')
  t.equal(socket.alpnProtocol, 'mqtt')
  t.match(arrived.wire.peer, { transport: 'tls', certificate: { commonName: 'sensor-7' } })
  t.match(world.listener.name, /^mqtts:/)
})

test('a client without a certificate, or with one of another authority, is refused on TLS and on secure WebSocket', async t => {
  const directory = t.testdir({ ours: {}, theirs: {} })
  const ours = resolve(directory, 'ours')
  const theirs = resolve(directory, 'theirs')
  makeCertificates(ours)
  makeCertificates(theirs, 'stranger')
  const path = (name: string): string => resolve(ours, name)
  const tls = {
    certFile: path('server.crt'),
    keyFile: path('server.key'),
    caFile: path('ca.crt'),
    requireCertificate: true,
  }
  const ca = readFileSync(path('ca.crt'))

  for (const protocol of ['mqtt', 'ws'] as const) {
    const world = await World.listening(t, { protocol, tls })
    for (const credentials of [{}, pair(theirs, 'stranger')]) {
      // In TLS 1.3 the client learns of its refusal after its own side of the handshake is done.
      const socket = await secured(t, world, { ca, ...credentials }).catch(() => null)
      if (socket !== null) {
        socket.write('GET / HTTP/1.1\r\n\r\n')
        t.equal(await everythingFrom(socket), '')
      }
    }
    t.equal(world.unclaimed, 0)
    t.ok(world.warnings.length >= 1)
    t.match(world.warnings[0], { event: 'tls.refused', address: '127.0.0.1' })
  }
})

test('a server name chooses its certificate', async t => {
  const directory = t.testdir({ main: {}, other: {} })
  makeCertificates(resolve(directory, 'main'))
  makeCertificates(resolve(directory, 'other'), 'device', 'pond.example')
  const path = (name: string): string => resolve(directory, name)
  const world = await World.listening(t, {
    tls: {
      certFile: path('main/server.crt'),
      keyFile: path('main/server.key'),
      sni: {
        'pond.example': { certFile: path('other/server.crt'), keyFile: path('other/server.key') },
      },
    },
  })

  const ca = readFileSync(path('other/ca.crt'))
  const named = await secured(t, world, { ca, servername: 'pond.example' })
  t.ok(named.authorized)
  await t.rejects(secured(t, world, { ca, servername: 'localhost' }))
})

test('renewed certificates are used from then on, nobody is dropped, and bad files change nothing', async t => {
  const directory = t.testdir({ live: {}, renewed: {} })
  const live = resolve(directory, 'live')
  const renewed = resolve(directory, 'renewed')
  makeCertificates(live)
  makeCertificates(renewed)
  const tls = { certFile: resolve(live, 'server.crt'), keyFile: resolve(live, 'server.key') }
  const world = await World.listening(t, { tls })
  const before = await secured(t, world, { ca: readFileSync(resolve(live, 'ca.crt')) })
  const arrived = await world.arrives()

  writeFileSync(tls.certFile, 'no certificate')
  await t.rejects(world.listener.reload(), /server\.crt holds no certificate in PEM/)
  copyFileSync(resolve(renewed, 'server.crt'), tls.certFile)
  await t.rejects(world.listener.reload(), /server\.key is not the key of the certificate in/)
  t.ok(await secured(t, world, { ca: readFileSync(resolve(live, 'ca.crt')) }))

  copyFileSync(resolve(renewed, 'server.key'), tls.keyFile)
  await world.listener.reload()
  t.ok(await secured(t, world, { ca: readFileSync(resolve(renewed, 'ca.crt')) }))
  before.write('still here')
  t.equal(await arrived.receives(10), 'still here')
})

test('a start with wrong files is refused by their name', async t => {
  const { directory, tls } = certificates(t)

  await t.rejects(
    World.listening(t, { tls: { ...tls, certFile: '/nowhere.crt' } }),
    /\/nowhere\.crt cannot be read/,
  )
  await t.rejects(
    World.listening(t, { tls: { ...tls, keyFile: resolve(directory, 'device.key') } }),
    /device\.key is not the key of the certificate/,
  )
})

test('plain MQTT on the TLS port is told in a sentence', async t => {
  const { tls } = certificates(t)
  const world = await World.listening(t, { tls })
  const socket = await world.connects(t)
  socket.write(Buffer.from('100c00044d5154540402003c0000', 'hex'))

  await everythingFrom(socket)

  t.match(world.warnings, [{ cause: /does not speak TLS/ }])
})

test('a handshake that stalls is closed at the deadline', async t => {
  const { tls } = certificates(t)
  const world = await World.listening(t, { tls, handshakeTimeoutMs: 50 })
  const socket = await world.connects(t)
  socket.write(Buffer.from('160301', 'hex'))

  t.equal(await everythingFrom(socket), '')
})

test('TLS 1.1 is refused', async t => {
  const { ca, tls } = certificates(t)
  const world = await World.listening(t, { tls })

  await t.rejects(secured(t, world, { ca, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' }))
})

test('secure WebSocket carries bytes', async t => {
  const { ca, tls } = certificates(t)
  const world = await World.listening(t, { protocol: 'ws', tls })
  const client = new WebSocket(`wss://127.0.0.1:${world.listener.port}/mqtt`, 'mqtt', { ca })
  t.teardown(() => client.terminate())
  await new Promise(open => client.once('open', open))
  client.send(Buffer.from('hi'))

  const arrived = await world.arrives()

  t.equal(await arrived.receives(2), 'hi')
  t.equal(arrived.wire.peer.transport, 'wss')
})

/** A certificate for a client that is signed by this authority, valid between these times (openssl's form). */
function signed(directory: string, name: string, begin: string, end: string, use: string): void {
  const run = (...words: string[]) =>
    execFileSync('openssl', words, { cwd: directory, stdio: 'ignore' })
  mkdirSync(resolve(directory, `${name}.ca`))
  writeFileSync(resolve(directory, `${name}.ca/index.txt`), '')
  writeFileSync(
    resolve(directory, `${name}.cnf`),
    `[ca]\ndefault_ca = own\n[own]\ndatabase = ${name}.ca/index.txt\nrand_serial = yes\nnew_certs_dir = ${name}.ca\n` +
      'default_md = sha256\npolicy = any\nx509_extensions = use\n[any]\ncommonName = supplied\n' +
      `[use]\nextendedKeyUsage = ${use}\n`,
  )
  const key = [
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    `${name}.key`,
  ]
  run('req', '-new', ...key, '-subj', `/CN=${name}`, '-out', `${name}.csr`)
  const files = [
    '-cert',
    'ca.crt',
    '-keyfile',
    'ca.key',
    '-in',
    `${name}.csr`,
    '-out',
    `${name}.crt`,
  ]
  run(
    'ca',
    '-batch',
    '-notext',
    '-config',
    `${name}.cnf`,
    ...files,
    '-startdate',
    begin,
    '-enddate',
    end,
  )
}

test('a client certificate that is refused is named, with its address and why', async t => {
  const directory = t.testdir({ own: {}, others: {} })
  const own = resolve(directory, 'own')
  makeCertificates(own)
  makeCertificates(resolve(directory, 'others'), 'stranger')
  signed(own, 'old', '20200101000000Z', '20210203040506Z', 'clientAuth')
  signed(own, 'early', '20400101000000Z', '20410101000000Z', 'clientAuth')
  signed(own, 'server-only', '20200101000000Z', '20400101000000Z', 'serverAuth')
  const path = (name: string): string => resolve(own, name)
  const tls = { certFile: path('server.crt'), keyFile: path('server.key'), caFile: path('ca.crt') }
  const ca = readFileSync(path('ca.crt'))
  const table: readonly (readonly [ConnectionOptions, string])[] = [
    [pair(own, 'old'), 'its certificate (CN=old) expired on Feb  3 04:05:06 2021 GMT'],
    [pair(own, 'early'), 'its certificate (CN=early) is not valid before Jan  1 00:00:00 2040 GMT'],
    [
      pair(own, 'server-only'),
      'its certificate (CN=server-only) is not made for clients (extendedKeyUsage)',
    ],
    [
      pair(resolve(directory, 'others'), 'stranger'),
      'its certificate (CN=stranger) is not signed by an authority in caFile',
    ],
    [{}, 'the client gave no certificate'],
  ]
  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    for (const [options, cause] of table) {
      const world = await World.listening(t, { tls: { ...tls, requireCertificate: true } })
      const socket = connect({
        host: '127.0.0.1',
        port: world.listener.port,
        ca,
        maxVersion,
        ...options,
      })
      await everythingFrom(socket)
      await until(() => world.warnings.length > 0)
      t.match(world.warnings, [{ event: 'tls.refused', address: '127.0.0.1', cause }], maxVersion)
      t.equal(world.unclaimed, 0)
    }
  }
})

test('the log says when a client does not trust the certificate of the broker', async t => {
  const { tls } = certificates(t)
  const table: readonly (readonly [readonly string[], RegExp])[] = [
    [[], /^the client does not trust our certificate \(wrong CA file at the client/],
    [['-tls1_2'], /^the client does not trust our certificate/],
    [['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'], /older than tls\.minVersion/],
  ]
  for (const [options, cause] of table) {
    const world = await World.listening(t, {
      tls: { certFile: tls.certFile, keyFile: tls.keyFile },
    })
    // openssl says an alert, where Node only closes.
    const words = [
      's_client',
      '-connect',
      `127.0.0.1:${world.listener.port}`,
      '-verify_return_error',
    ]
    const client = spawn('openssl', [...words, ...options], { stdio: ['pipe', 'ignore', 'ignore'] })
    await once(client, 'close')
    await until(() => world.warnings.length > 0)
    t.match(world.warnings[0], { event: 'tls.refused', cause })
    t.notMatch(JSON.stringify(world.warnings), /\\n|routines/)
  }
})
