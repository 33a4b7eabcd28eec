// What is published: no key, whatever lies about; the licence and the docs; and it can be required.

import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { test } from 'tap'
import * as pondhawk from '../../src/index.ts'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
const KEY_NAMES = [
  'ca.key',
  'server.key',
  'device.key',
  'server.pem',
  'id_rsa',
  'server.p12',
  '.env',
  'ca.srl',
  'server.crt',
  'pondhawk.yaml.bak',
]
const FOLDERS = [
  '.',
  'certs',
  'certs/old',
  'config',
  'docs',
  'docs/how-to',
  'dist',
  'dist/src',
  'pondhawk-data',
]

test('the package has no key in it, wherever one lies, and has licence and docs', async t => {
  const copy = t.testdir()
  for (const name of [
    'package.json',
    'README.md',
    'LICENSE',
    'index.cjs',
    'index.d.cts',
    'certs',
    'config',
    'docs',
  ]) {
    cpSync(resolve(ROOT, name), resolve(copy, name), { recursive: true })
  }
  for (const name of ['dist/src', 'dist/bundle'])
    cpSync(resolve(ROOT, name), resolve(copy, name), { recursive: true })
  for (const folder of FOLDERS) {
    mkdirSync(resolve(copy, folder), { recursive: true })
    for (const name of KEY_NAMES) writeFileSync(resolve(copy, folder, name), 'PRIVATE')
  }

  const words = ['pack', '--dry-run', '--json', '--ignore-scripts', '--offline']
  const said = execFileSync('npm', words, {
    cwd: copy,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [packed] = JSON.parse(said) as { files: { path: string }[] }[]
  const paths = packed?.files.map(({ path }) => path) ?? []

  t.strictSame(
    paths.filter(path => readFileSync(resolve(copy, path), 'utf8') === 'PRIVATE'),
    [],
  )
  for (const needed of [
    'LICENSE',
    'README.md',
    'certs/make-certs.sh',
    'config/pondhawk.yaml',
    'dist/bundle/command/pondhawk.js',
    'dist/bundle/command/store-thread.js',
    'dist/src/index.d.ts',
    'dist/src/store/store-thread.js',
    'docs/how-to/embed.md',
    'docs/reference/configuration.md',
    'index.cjs',
    'index.d.cts',
  ]) {
    t.ok(paths.includes(needed), needed)
  }
})

test('the package says whose it is and where it comes from', async t => {
  const manifest = JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8')) as object
  t.match(manifest, {
    license: 'MIT',
    author: 'the Pondhawk authors',
    repository: { type: 'git', url: String },
  })
  t.match(
    readFileSync(resolve(ROOT, 'LICENSE'), 'utf8'),
    /^MIT License\n\nCopyright \(c\) \d+ the Pondhawk authors\n/,
  )
})

test('require() gives the very module that import gives, and its types name every value', async t => {
  const required = createRequire(import.meta.url)(resolve(ROOT, 'index.cjs')) as typeof pondhawk
  t.equal(required.createBroker, pondhawk.createBroker)

  const types = readFileSync(resolve(ROOT, 'index.d.cts'), 'utf8')
  const declared = [...types.matchAll(/declare const (\w+)/g)].map(([, name]) => name)
  t.strictSame(declared.toSorted(), Object.keys(pondhawk).toSorted())
})

test('the types need no other package than those of Node, and compile without skipLibCheck', async t => {
  const directory = t.testdir({
    'a.mts': `import { createBroker } from ${JSON.stringify(resolve(ROOT, 'dist/src/index.js'))}\nvoid createBroker\n`,
    'b.cts': `import pondhawk = require(${JSON.stringify(resolve(ROOT, 'index.cjs'))})\nexport const broker: Promise<pondhawk.EmbeddedBroker> = pondhawk.createBroker()\n`,
    'c.mts': `import { Aedes } from ${JSON.stringify(resolve(ROOT, 'dist/src/aedes/aedes.js'))}\nconst broker = await Aedes.createBroker({ authorizeSubscribe: (client, subscription, done) => done(null, client.clean ? subscription : null) })\nbroker.on('publish', (packet, client) => console.log(packet.topic, client?.id))\n`,
    'd.cts': `import pond = require(${JSON.stringify(resolve(ROOT, 'aedes.cjs'))})\nexport const broker: pond.Server = new pond.Server({ id: 'x' })\n`,
    'package.json': '{ "type": "module" }',
  })
  const tsc = resolve(ROOT, 'node_modules/typescript/bin/tsc')
  const settings =
    '--noEmit --strict --skipLibCheck false --module nodenext --target es2022 --listFiles --ignoreConfig'
  const types = ['--typeRoots', resolve(ROOT, 'node_modules/@types'), '--types', 'node']

  // Without what the test runner puts before every program of Node.
  const program = ['-u', 'NODE_OPTIONS', process.execPath, tsc]
  const said = execFileSync(
    'env',
    [...program, ...settings.split(' '), ...types, 'a.mts', 'b.cts', 'c.mts', 'd.cts'],
    {
      cwd: directory,
      encoding: 'utf8',
    },
  )
  const manifest = readFileSync(resolve(ROOT, 'package.json'), 'utf8')
  const { dependencies } = JSON.parse(manifest) as { dependencies: Record<string, string> }
  const read = Object.keys(dependencies).filter(name => said.includes(`node_modules/${name}/`))
  t.strictSame(read, [])
})

const HOSTS: readonly (readonly [string, string])[] = [
  ['192.168.1.5', 'IP Address:192.168.1.5'],
  ['10.0.0.1', 'IP Address:10.0.0.1'],
  ['fe80::5', 'IP Address:FE80:0:0:0:0:0:0:5'],
  ['[2001:db8::1]', 'IP Address:2001:DB8:0:0:0:0:0:1'],
  ['::ffff:1.2.3.4', 'IP Address:0:0:0:0:0:FFFF:102:304'],
  ['broker.example', 'DNS:broker.example'],
  ['*.pond.example', 'DNS:*.pond.example'],
  ['1host.example', 'DNS:1host.example'],
]

/** What openssl prints of the names and addresses in the server's certificate. */
function alternativesIn(directory: string): string {
  const certificate = resolve(directory, 'server.crt')
  const words = ['x509', '-in', certificate, '-noout', '-ext', 'subjectAltName']
  return execFileSync('openssl', words, { encoding: 'utf8' })
}

test('make-certs.sh writes addresses as addresses and names as names', async t => {
  const directory = t.testdir()
  const script = resolve(ROOT, 'certs/make-certs.sh')
  const names = HOSTS.map(([host]) => host)
  const make = (...words: readonly string[]) =>
    execFileSync(script, [...words], { stdio: ['ignore', 'ignore', 'pipe'] })
  const alternatives = (): readonly string[] =>
    alternativesIn(directory).split('\n')[1]?.trim().split(', ') ?? []

  make(directory, 'device', ...names)
  t.strictSame(
    alternatives().slice(3),
    HOSTS.map(([, entry]) => entry),
  )
  // The client's check of an address, as openssl makes it.
  const verify = ['verify', '-CAfile', resolve(directory, 'ca.crt'), '-verify_ip']
  for (const ip of ['192.168.1.5', 'fe80::5', '127.0.0.1']) {
    t.match(
      execFileSync('openssl', [...verify, ip, resolve(directory, 'server.crt')], {
        encoding: 'utf8',
      }),
      /OK/,
    )
  }

  for (const wrong of ['999.1.1.1', '1.2.3', 'a,IP:6.6.6.6', 'a b', '']) {
    t.throws(() => make(directory, 'device', wrong), /is neither a name nor an address/, wrong)
  }
  t.throws(() => make(directory, '../device'), /is no name for a client/)
  t.notOk(existsSync(resolve(directory, '../device.key')))
})

test('make-certs.sh takes an address as its first word too', async t => {
  // It writes beside itself, so it is a copy that runs.
  const directory = t.testdir()
  cpSync(resolve(ROOT, 'certs/make-certs.sh'), resolve(directory, 'make-certs.sh'))
  execFileSync(resolve(directory, 'make-certs.sh'), ['::1', 'my.host'], {
    cwd: '/',
    stdio: 'ignore',
  })

  t.match(alternativesIn(directory), /DNS:my\.host/)
  t.ok(existsSync(resolve(directory, 'device.crt')))
})

test('the bill of materials has what is installed and what is built in, and no tool', async t => {
  const said = execFileSync(process.execPath, [resolve(ROOT, 'config/sbom.mjs')], {
    encoding: 'utf8',
  })
  const { bomFormat, components } = JSON.parse(said) as {
    bomFormat: string
    components: { name: string; version: string; hashes?: unknown[] }[]
  }
  const manifest = JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>
  }
  const names = components.map(({ name, version }) => `${name}@${version}`)

  t.equal(bomFormat, 'CycloneDX')
  for (const [name, version] of Object.entries(manifest.dependencies))
    t.ok(names.includes(`${name}@${version}`), name)
  t.ok(names.some(name => name.startsWith('preact@')))
  t.notOk(names.some(name => /^(?:tap|vite|typescript|lmdb)@/.test(name)))
  t.ok(components.every(({ hashes }) => hashes !== undefined && hashes.length > 0))
})
