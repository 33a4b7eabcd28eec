// Client certificates that are asked for and need not be given, and lists of revoked ones, of which there may be several.

import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { connect, type ConnectionOptions } from 'node:tls'
import { type Test, test } from 'tap'
import type { TlsOptions } from '../../src/transport/listener-options.ts'
import { everythingFrom, makeCertificates, until, World } from './world.ts'

const CNF = `[ca]
default_ca = own
[own]
database = DIR/index.txt
crlnumber = DIR/crlnumber
rand_serial = yes
new_certs_dir = DIR
default_md = sha256
default_days = 30
default_crl_days = 30
policy = any
[any]
commonName = supplied
[authority]
basicConstraints = critical,CA:TRUE
keyUsage = critical,keyCertSign,cRLSign
[client]
extendedKeyUsage = clientAuth
`

/** An authority in a folder of its own, with what openssl must remember of it. */
class Authority {
  readonly directory: string

  constructor(directory: string, name: string, issuer: Authority | null) {
    this.directory = directory
    mkdirSync(directory)
    writeFileSync(resolve(directory, 'index.txt'), '')
    writeFileSync(resolve(directory, 'crlnumber'), '01\n')
    writeFileSync(resolve(directory, 'ca.cnf'), CNF.replaceAll('DIR', directory))
    if (issuer === null) {
      this.#run(
        'req',
        '-x509',
        ...KEY('ca.key'),
        '-subj',
        `/CN=${name}`,
        '-days',
        '30',
        '-config',
        'ca.cnf',
        '-extensions',
        'authority',
        '-out',
        'ca.crt',
      )
    } else {
      issuer.signs(directory, 'ca', name, 'authority')
    }
  }

  signs(directory: string, file: string, name: string, use: 'authority' | 'client'): void {
    const at = (ending: string): string => resolve(directory, `${file}.${ending}`)
    this.#run(
      'req',
      '-new',
      ...KEY(at('key')),
      '-subj',
      `/CN=${name}`,
      '-config',
      'ca.cnf',
      '-out',
      at('csr'),
    )
    this.#run(
      'ca',
      '-batch',
      '-notext',
      ...OWN,
      '-extensions',
      use,
      '-in',
      at('csr'),
      '-out',
      at('crt'),
    )
  }

  revokes(certificate: string): void {
    this.#run('ca', ...OWN, '-revoke', certificate)
  }

  get list(): string {
    this.#run('ca', ...OWN, '-gencrl', '-out', 'list.pem')
    return readFileSync(resolve(this.directory, 'list.pem'), 'utf8')
  }

  get certificate(): string {
    return readFileSync(resolve(this.directory, 'ca.crt'), 'utf8')
  }

  #run(...words: string[]): void {
    execFileSync('openssl', words, { cwd: this.directory, stdio: 'ignore' })
  }
}

const OWN = ['-config', 'ca.cnf', '-cert', 'ca.crt', '-keyfile', 'ca.key']
const KEY = (file: string): string[] => [
  '-newkey',
  'ec',
  '-pkeyopt',
  'ec_paramgen_curve:P-256',
  '-nodes',
  '-keyout',
  file,
]

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
