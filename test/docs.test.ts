// Examples in the documentation are run, and what it says of files is so.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type Test, test } from 'tap'
import { parse } from 'yaml'
import { CLI } from './command.ts'
import { parseConfig } from '../src/config/parse.ts'
import { freePort } from './interop/programs.ts'
import { makeCertificates } from './transport/world.ts'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

const SCRIPTS: object = JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8')).scripts

function pages(): readonly string[] {
  const inDocs = readdirSync(resolve(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
  return [
    'README.md',
    'ARCHITECTURE.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    'certs/README.md',
    ...inDocs.map(name => `docs/${name}`),
  ].filter(name => name.endsWith('.md'))
}

function blocks(page: string, language: string): readonly string[] {
  const text = readFileSync(resolve(ROOT, page), 'utf8')
  return [...text.matchAll(/^```(\w+)\n([^]*?)^```$/gm)]
    .filter(([, found]) => found === language)
    .map(([, , code]) => code ?? '')
}

for (const page of pages()) {
  for (const [index, code] of blocks(page, 'ts').entries()) {
    test(`example ${index + 1} of ${page} runs`, async t => {
      const entry = pathToFileURL(resolve(ROOT, 'dist/src/index.js')).href
      const aedesEntry = pathToFileURL(resolve(ROOT, 'dist/src/aedes/aedes.js')).href
      const script = code
        .replaceAll("'pondhawk'", JSON.stringify(entry))
        .replaceAll("'pondhawk/aedes'", JSON.stringify(aedesEntry))
        .replaceAll(/port: \d+/g, 'port: 0')
      const ending = code.includes('broker.close()') ? '' : '\nawait broker.close()\n'
      const file = resolve(t.testdir(), 'example.mjs')
      writeFileSync(file, script + ending)

      t.equal(execFileSync(process.execPath, [file], { encoding: 'utf8', timeout: 20_000 }), '')
    })
  }

  for (const [index, yaml] of blocks(page, 'yaml').entries()) {
    test(`configuration ${index + 1} in ${page} is valid`, async t => {
      t.ok(parseConfig(parse(yaml)))
    })
  }

  test(`every npm script that ${page} names is there`, async t => {
    const text = readFileSync(resolve(ROOT, page), 'utf8')
    for (const [, script = ''] of text.matchAll(/npm run ([\w:]+)/g))
      t.ok(script in SCRIPTS, script)
  })

  test(`every link in ${page} leads somewhere`, async t => {
    const text = readFileSync(resolve(ROOT, page), 'utf8')
    for (const [, target = ''] of text.matchAll(/\]\(([^)#]+)[^)]*\)/g)) {
      if (/^https?:/.test(target)) continue
      t.ok(existsSync(resolve(ROOT, dirname(page), target)), target)
    }
  })
}

for (const page of ['ARCHITECTURE.md', 'docs/reference/glossary.md']) {
  test(`every file that ${page} names is there`, async t => {
    const text = readFileSync(resolve(ROOT, page), 'utf8')
    const names = new Set(
      [...text.matchAll(/(?<![\w/.-])(?:\.\.\/)?[\w-]+\/[\w/-]+\.(?:test\.)?ts\b/g)].map(
        ([name]) => name,
      ),
    )
    t.ok(names.size > 20)
    for (const name of names) {
      const places = ['src', '.'].map(folder => resolve(ROOT, folder, name))
      t.ok(places.some(existsSync), name)
    }
  })
}

/** Runs the shell commands of a page one after the other, with a broker from `pondhawk start` on. Returns what each printed. */
async function followed(
  t: Test,
  page: string,
  files: Readonly<Record<string, string>>,
  port: string,
  adapted: (line: string) => string = line => line,
) {
  const folder = t.testdir({
    bin: { pondhawk: `#!/bin/sh\nexec '${process.execPath}' '${CLI}' "$@"\n` },
    ...files,
  })
  chmodSync(resolve(folder, 'bin/pondhawk'), 0o755)
  const options = {
    cwd: folder,
    env: { ...process.env, PATH: `${folder}/bin:${process.env['PATH']}` },
  }
  const runs = (line: string): string =>
    execFileSync('sh', ['-c', line.replace(/^(mosquitto_\w+)(?: -p \d+)?/, `$1 -p ${port}`)], {
      ...options,
      encoding: 'utf8',
      stdio: 'pipe',
    })
  const outputs: string[] = []
  let said = ''
  for (const line of blocks(page, 'sh').join('').trim().split('\n')) {
    if (line !== 'pondhawk start') {
      outputs.push(runs(adapted(line)))
      continue
    }
    const broker = spawn('pondhawk', ['start'], {
      ...options,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.teardown(() => broker.kill('SIGKILL'))
    broker.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
    while (!said.includes('broker.ready')) await once(broker.stdout, 'data')
  }
  const logged = async (event: string): Promise<void> => {
    while (!said.includes(event)) await new Promise(settle => setTimeout(settle, 50))
  }
  return { outputs, runs, logged }
}

test('the commands of users and rules in five minutes do what the page says', async t => {
  const page = 'docs/how-to/users-and-rules.md'
  const port = String(await freePort())
  const [yaml = ''] = blocks(page, 'yaml')
  const [rules = ''] = blocks(page, 'acl')
  const files = { 'pondhawk.yaml': yaml.replace('1883', port), 'rules.acl': rules }

  const { outputs } = await followed(t, page, files, port)

  const list = 'alice     PBKDF2, 210,000 iterations\nsensor-1  PBKDF2, 210,000 iterations\n'
  t.ok(outputs.includes(list))
  t.ok(outputs.includes('devices/sensor-1/temperature 21.5\n'))
  t.match(outputs.at(-1), /^(?:[a-z2-9]{4}-){3}[a-z2-9]{4}\n$/)
})

test('the examples of the REST API answer what the page says', async t => {
  const page = 'docs/how-to/use-the-rest-api.md'
  const [port, webPort] = [String(await freePort()), String(await freePort())]
  const listeners = [{ port: Number(port) }, { protocol: 'ws', port: Number(webPort) }]
  const files = { 'pondhawk.yaml': JSON.stringify({ listeners }) }

  const { outputs } = await followed(t, page, files, port, text =>
    text.replaceAll('localhost:8083', `localhost:${webPort}`),
  )

  const answers = outputs
    .filter(text => text.startsWith('{'))
    .map(text => JSON.parse(text) as object)
  t.match(answers, [
    { clientsConnected: 0, alarms: [] },
    { items: [], total: 0 },
    { items: [] },
    { receivers: 0 },
    { items: [{ topic: 'home/kitchen/lamp', payload: 'on' }] },
    { 'home/kitchen/lamp': 'on' },
    { matched: 1, deleted: 0 },
    { disconnected: 0 },
    { deleted: 1 },
    { items: [] },
  ])
  t.match(outputs[2], /^NAME +ROLE .*\nmetrics +viewer .*\nadmin +operator /)
})

test('the configuration with a file of dynamic security can be started', async t => {
  const [, yaml = ''] = blocks('docs/how-to/users-and-rules.md', 'yaml')
  const samples = resolve(ROOT, 'test/access/mosquitto/samples')
  const folder = t.testdir({
    'pondhawk.yaml': yaml,
    'dynamic-security.json': readFileSync(resolve(samples, 'dynamic-security-2.1.2.json'), 'utf8'),
  })

  const output = execFileSync(process.execPath, [CLI, 'check'], {
    cwd: folder,
    encoding: 'utf8',
    stdio: 'pipe',
  })

  t.match(output, /dynamicSecurityFile: .*dynamic-security.json/)
})

test('the commands of pre-shared keys let a device in, and take it away', async t => {
  const page = 'docs/how-to/pre-shared-keys.md'
  const port = String(await freePort())
  const [yaml = ''] = blocks(page, 'yaml')

  const { logged, runs } = await followed(
    t,
    page,
    { 'pondhawk.yaml': yaml.replace('8883', port) },
    port,
  )

  await logged('certificates.reloaded')
  const publish =
    blocks(page, 'sh')
      .join('')
      .match(/^mosquitto_pub.*$/m)?.[0] ?? ''
  t.throws(() => runs(publish.replace('$(sed -n s/^sensor-1://p devices.psk)', 'ab'.repeat(32))))
  await logged('is not in pskFile')
})

test('the commands of certificates for devices make one, let it in, and take it away', async t => {
  const page = 'docs/how-to/certificates-for-devices.md'
  const port = String(await freePort())
  const [yaml = ''] = blocks(page, 'yaml')
  const made = resolve(ROOT, '.tap/fixtures/certificates-for-devices')
  mkdirSync(made, { recursive: true })
  makeCertificates(made)
  const file = (name: string): string => readFileSync(resolve(made, name), 'utf8')
  const files = {
    'pondhawk.yaml': yaml.replace('8883', port),
    'server.crt': file('server.crt'),
    'server.key': file('server.key'),
    'ca.crt': file('ca.crt'),
  }

  const { logged, runs } = await followed(t, page, files, port)

  await logged('certificates.reloaded')
  const publish =
    blocks(page, 'sh')
      .join('')
      .match(/^mosquitto_pub.*$/m)?.[0] ?? ''
  t.throws(() => runs(publish))
  await logged('was revoked')
})

test('the commands that find out what happened do what the page says', async t => {
  const page = 'docs/how-to/find-out-what-happened.md'
  const port = String(await freePort())
  const files = { 'pondhawk.yaml': `listeners: [{ port: ${port} }]\n` }

  const { outputs } = await followed(t, page, files, port)

  const [, , story = '', right = '', events = '', packets, messages, debug, info] = outputs
  t.match(story, /^0 of 1 would receive a message at once now\.$/m)
  t.match(story, /^[\d:.]+ ● truck: the last message to this topic/m)
  t.match(story, /^now +▲ slow-1: by fleet\/#, QoS 1: it is away, .* as number 2$/m)
  t.match(right, /^It is allowed now\.$/m)
  const { events: known } = JSON.parse(events) as { events: readonly { kind: string }[] }
  t.strictSame(
    known.map(({ kind }) => kind),
    ['connected', 'subscribed', 'disconnected'],
  )
  t.strictSame([packets, messages], ['', ''], 'nobody came in that second')
  t.strictSame([debug, info], ['debug\n', 'info\n'])
})

test('the commands of the move from mosquitto import a database', async t => {
  const sample = resolve(ROOT, 'test/mosquitto/samples/db/v5-1.6.8.db')
  const page = 'docs/how-to/move-from-mosquitto.md'
  const { outputs } = await followed(t, page, {}, '0', line => line.replace('mosquitto.db', sample))

  t.match(outputs[0], / 3 {2}sessions\n/)
  t.equal(outputs[1], outputs[0])
  t.match(outputs[2], /^old-inflight .* 2 +0 +3$/m)
})
