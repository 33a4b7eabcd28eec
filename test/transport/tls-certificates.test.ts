// Client certificates that are asked for and need not be given, and lists of revoked ones, of which there may be several.

import { readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { connect, type ConnectionOptions } from 'node:tls'
import { type Test, test } from 'tap'
import type { TlsOptions } from '../../src/transport/listener-options.ts'
import { Authority } from './authority.ts'
import { everythingFrom, makeCertificates, until, World } from './world.ts'

function read(directory: string, name: string): { cert: Buffer; key: Buffer } {
  const file = (ending: string): Buffer => readFileSync(resolve(directory, `${name}.${ending}`))
  return { cert: file('crt'), key: file('key') }
}

async function meets(t: Test, tls: TlsOptions, options: ConnectionOptions): Promise<string> {
  const world = await World.listening(t, { tls })
  const socket = connect({
    host: '127.0.0.1',
    port: world.listener.port,
    rejectUnauthorized: false,
    ...options,
  })
  const gone = everythingFrom(socket)
  socket.once('secureConnect', () => socket.write('hello'))
  let verdict = ''
  void world.arrives().then(() => (verdict = 'in'))
  await until(() => verdict !== '' || world.warnings.length > 0)
  if (verdict === '') verdict = String(world.warnings[0]?.['cause'])
  socket.destroy()
  await gone
  return verdict
}

test('a certificate that is only asked for may be left out, and one that is given must be right', async t => {
  const directory = t.testdir({ own: {}, others: {} })
  const [own, others] = [resolve(directory, 'own'), resolve(directory, 'others')]
  makeCertificates(own, 'device')
  makeCertificates(others, 'stranger')
  const path = (name: string): string => resolve(own, name)
  const tls = {
    certFile: path('server.crt'),
    keyFile: path('server.key'),
    caFile: path('ca.crt'),
    requestCertificate: true,
  }

  t.equal(await meets(t, tls, {}), 'in')
  t.equal(await meets(t, tls, read(own, 'device')), 'in')
  t.match(
    await meets(t, tls, read(others, 'stranger')),
    /CN=stranger.* is not signed by an authority in caFile/,
  )
})

test('crlFile may have the lists of a root and of the authority that signs', async t => {
  const directory = t.testdir({ server: {} })
  const root = new Authority(resolve(directory, 'root'), 'root', null)
  const signing = new Authority(resolve(directory, 'signing'), 'signing', root)
  for (const name of ['kept', 'gone']) signing.signs(directory, name, name, 'client')
  signing.revokes(resolve(directory, 'gone.crt'))
  makeCertificates(resolve(directory, 'server'))
  const file = (name: string, content: string): string => {
    writeFileSync(resolve(directory, name), content)
    return resolve(directory, name)
  }
  const tls = {
    certFile: resolve(directory, 'server/server.crt'),
    keyFile: resolve(directory, 'server/server.key'),
    caFile: file('authorities.pem', root.certificate + signing.certificate),
    crlFile: file('lists.pem', root.list + signing.list),
    requireCertificate: true,
  }

  t.equal(await meets(t, tls, read(directory, 'kept')), 'in')
  t.equal(await meets(t, tls, read(directory, 'gone')), 'its certificate (CN=gone) was revoked')
})
