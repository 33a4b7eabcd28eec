// `pondhawk init`, `check --explain` and `doctor`: from nothing to a broker that runs well.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import { type Test, test } from 'tap'
import { announced } from '../../src/cli/announcement.ts'
import { CLI } from '../command.ts'
import { run } from '../interop/programs.ts'
import { serverCertificate } from '../transport/world.ts'

const HASH = Buffer.alloc(64, 7).toString('base64')

/** The command in a folder of its own, with variables. */
function inFolder(t: Test) {
  const folder = mkdtempSync(resolve(tmpdir(), 'pondhawk-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const pondhawk = (args: readonly string[], ...variables: readonly string[]) =>
    run('env', ['-C', folder, ...variables, process.execPath, CLI, ...args])
  return { folder, pondhawk }
}

test('init writes a configuration that passes check, and never overwrites one', async t => {
  const { folder, pondhawk } = inFolder(t)
  const file = resolve(folder, 'pondhawk.yaml')

  const first = await pondhawk(['init'])

  t.equal(first.status, 0)
  const text = readFileSync(file, 'utf8')
  t.match(text, /^# yaml-language-server: \$schema=\.\/pondhawk\.schema\.json\n/)
  const schema = JSON.parse(readFileSync(resolve(folder, 'pondhawk.schema.json'), 'utf8')) as {
    properties: { limits: { properties: Record<string, unknown> } }
  }
  t.match(schema, { $schema: /json-schema/, type: 'object', additionalProperties: false })
  t.match(schema.properties.limits.properties['packetBytesMax'], {
    anyOf: [{ type: 'integer' }, { type: 'string' }],
  })
  t.equal((await pondhawk(['check'])).status, 0)

  writeFileSync(file, 'limits: {receiveMax: 7}\n')
  const second = await pondhawk(['init'])

  t.equal(second.status, 1)
  t.match(second.errors, 'pondhawk.yaml is there already, and stays as it is')
  t.equal(readFileSync(file, 'utf8'), 'limits: {receiveMax: 7}\n')
  t.equal((await pondhawk(['init', 'other/place'])).status, 0)
  t.match((await pondhawk(['init', 'pondhawk.yaml'])).errors, /cannot be written \(EEXIST\)/)
})

test('check --explain says of each value where it comes from', async t => {
  const { folder, pondhawk } = inFolder(t)
  const yaml = [
    'listeners:',
    '  - port: 1884',
    'limits:',
    '  receiveMax: 7',
    'access:',
    `  users: {alice: "$7$101$${Buffer.alloc(12).toString('base64')}$${HASH}"}`,
    '',
  ].join('\n')
  writeFileSync(resolve(folder, 'pondhawk.yaml'), yaml)
  const variable = 'PONDHAWK_LIMITS__PACKET_BYTES_MAX=65536'

  const { output } = await pondhawk(['check', '--explain'], variable)

  t.match(output, /^KEY +VALUE +FROM$/m)
  t.match(output, /^listeners\.0\.port +1884 +pondhawk\.yaml:2$/m)
  t.match(output, /^listeners\.0\.protocol +mqtt +default$/m)
  t.match(output, /^limits\.receiveMax +7 +pondhawk\.yaml:4$/m)
  t.match(output, /^limits\.packetBytesMax +65536 +PONDHAWK_LIMITS__PACKET_BYTES_MAX$/m)
  t.match(output, /^log\.level +info +default$/m)
  t.match(output, /^access\.users\.alice +"\(a hash\)" +pondhawk\.yaml:6$/m)
  t.notMatch(output, HASH)
  const lists = 'PONDHAWK_LISTENERS=[{port: 1999}]'
  t.match(
    (await pondhawk(['check', '--explain'], lists)).output,
    /^listeners\.0\.port +1999 +PONDHAWK_LISTENERS$/m,
  )
  const json = await pondhawk(['check', '--explain', '--json'])
  const rows = JSON.parse(json.output) as { readonly path: string }[]
  t.match(
    rows.find(({ path }) => path === 'limits.receiveMax'),
    { value: 7, source: 'pondhawk.yaml:4' },
  )
})

test('doctor finds what is wrong here, and says what to do', async t => {
  const { folder, pondhawk } = inFolder(t)
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  t.teardown(() => other.close())
  const address = other.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const { certFile, keyFile } = serverCertificate()
  const listeners = [{ port }, { port: 0, tls: { certFile, keyFile } }]
  writeFileSync(resolve(folder, 'pondhawk.yaml'), JSON.stringify({ listeners }))

  const { output, status } = await pondhawk(['doctor'])

  t.equal(status, 1)
  t.match(output, new RegExp(`■ port ${port} +another program has localhost:${port}`))
  t.match(output, new RegExp(`→ find it with: ss -ltnp 'sport = :${port}'`))
  t.match(output, /● data +.*pondhawk-data has [\d,]+ MiB of room/)
  t.match(output, /sync +a sync of the disk takes [\d.]+ ms/)
  t.match(output, /certificate +.*server\.crt counts until \d{4}-/)
  t.match(output, /descriptors +a process may open/)
  t.match(output, /1 problem, /)

  writeFileSync(resolve(folder, 'pondhawk.yaml'), 'listeners: [{port: 0}]\nlimts: {}\n')
  const wrong = await pondhawk(['doctor', '--json'])
  t.equal(wrong.status, 1)
  t.match(JSON.parse(wrong.output), [
    { what: 'configuration', level: 'problem', sentence: /did you mean "limits"/ },
  ])

  writeFileSync(
    resolve(folder, 'pondhawk.yaml'),
    'listeners: [{port: 0}]\nstore: {reserveBytes: 1TB}\n',
  )
  const full = await pondhawk(['doctor'])
  t.match(full.output, /■ data .*less than store\.reserveBytes .*: nothing can be stored/)
  t.equal(full.status, 1)

  writeFileSync(resolve(folder, 'pondhawk.yaml'), 'listeners: [{port: 0}]\n')
  t.equal((await pondhawk(['doctor'])).status, 0)
})

test('service install writes a unit that systemd accepts, with the paths of this machine', async t => {
  const { folder, pondhawk } = inFolder(t)
  const unit = resolve(folder, 'pondhawk.service')
  const install = ['service', 'install', '--unit', unit, '-c', 'my $%n/pondhawk.yaml']

  const dry = await pondhawk([...install, '--dry-run'])

  t.equal(
    dry.errors.split('\n')[0],
    `${unit} would be this. Nothing was written: only root installs it, without --dry-run.`,
  )
  t.notOk(existsSync(unit))
  t.match(
    dry.output,
    `\nExecStart=${process.execPath} ${CLI} start --config "${folder}/my $$%%n/pondhawk.yaml"\n`,
  )
  t.equal((await pondhawk(['service', 'start'])).status, 2)
  if (process.getuid?.() !== 0) return
  writeFileSync(unit, '[Unit]\n')
  t.match(await pondhawk(install), { status: 1, errors: /differs\. To overwrite it: --replace/ })
  t.match(await pondhawk([...install, '--replace']), {
    status: 0,
    errors: /is written\. What is left/,
  })
  t.equal(readFileSync(unit, 'utf8'), dry.output)
})

test('the network is told of a broker by mDNS, if what does it is installed and works', async t => {
  const done: string[] = []
  class Bonjour {
    publish({ type, port }: { type: string; port: number }): void {
      done.push(`${type} ${port}`)
    }
    unpublishAll(settle: () => void): void {
      settle()
    }
    destroy(): void {
      done.push('destroyed')
    }
  }
  const found = await announced(1_883, async () => ({ Bonjour }))
  await found.stop()

  t.equal(found.sentence, 'Announced by mDNS as _mqtt._tcp.')
  t.strictSame(done, ['mqtt 1883', 'destroyed'])
  const broken = await announced(1_883, async () => ({}))
  t.match(broken.sentence, /^Not announced by mDNS: /)
  await broken.stop()
})
