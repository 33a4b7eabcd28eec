// The pages of the documentation are followed: what they say to type is typed, and does what they say.
// `docs/blocks.test.ts` checks what is not run, and `docs/tutorial.test.ts` follows the tutorial.

import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { test } from 'tap'
import { CLI } from './command.ts'
import { FOLLOWED_BESIDE_A_BROKER, FOLLOWED_WITH_PROGRAMS } from './docs/followed.ts'
import { Follower } from './docs/follower.ts'
import { blocksOf, ROOT } from './docs/pages.ts'
import { SKIP } from './store/nats.ts'
import { makeCertificates } from './transport/world.ts'

const START = 'pondhawk start'

/** The first command of a page that begins with this. */
function commandOf(page: string, start: string): string {
  const lines = blocksOf(page).flatMap(({ code }) => code.split('\n'))
  return lines.find(line => line.startsWith(start)) ?? ''
}

test('the commands of users and rules in five minutes do what the page says', async t => {
  const refused = `mosquitto_pub -p 1883 -i esp-7 -u pump -P guess -t a -m b`

  const { outputs } = await Follower.through(t, 'docs/how-to/users-and-rules.md', {
    adapted: line =>
      line
        .replace(/^(curl.*)10\.0\.0\.7/, '$1127.0.0.1')
        .replace(/^pondhawk user add meter-1/, match => `(${refused}); ${match}`),
  })

  const list = 'alice     PBKDF2, 210,000 iterations\nsensor-1  PBKDF2, 210,000 iterations\n'
  t.ok(outputs.includes(list))
  t.ok(outputs.includes('devices/sensor-1/temperature 21.5\n'))
  t.match(outputs.at(-2), /^(?:[a-z2-9]{4}-){3}[a-z2-9]{4}\n$/)
  t.match(outputs.at(-1), /"password":"(?:[a-z2-9]{4}-){3}/)
})

test('the examples of the REST API answer what the page says', async t => {
  const { outputs } = await Follower.through(t, 'docs/how-to/use-the-rest-api.md')

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
  const yaml = blocksOf('docs/how-to/users-and-rules.md').filter(
    ({ language }) => language === 'yaml',
  )
  const samples = resolve(ROOT, 'test/access/mosquitto/samples')
  const folder = t.testdir({
    'pondhawk.yaml': yaml[1]?.code ?? '',
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
  const follower = await Follower.through(t, page)

  await follower.logged('certificates.reloaded')
  const publish = commandOf(page, 'mosquitto_pub')
  await t.rejects(
    follower.runs(publish.replace('$(sed -n s/^sensor-1://p devices.psk)', 'ab'.repeat(32))),
  )
  await follower.logged('is not in pskFile')
})

test('the commands of certificates for devices make one, let it in, and take it away', async t => {
  const page = 'docs/how-to/certificates-for-devices.md'
  const made = resolve(ROOT, '.tap/fixtures/certificates-for-devices')
  mkdirSync(made, { recursive: true })
  makeCertificates(made)
  const file = (name: string): string => readFileSync(resolve(made, name), 'utf8')
  const files = {
    'server.crt': file('server.crt'),
    'server.key': file('server.key'),
    'ca.crt': file('ca.crt'),
  }

  const follower = await Follower.through(t, page, { files })

  await follower.logged('certificates.reloaded')
  await t.rejects(follower.runs(commandOf(page, 'mosquitto_pub')))
  await follower.logged('was revoked')
})

test('the commands that find out what happened do what the page says', async t => {
  const { outputs } = await Follower.through(t, 'docs/how-to/find-out-what-happened.md')

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
  const { outputs } = await Follower.through(t, 'docs/how-to/move-from-mosquitto.md', {
    adapted: line => line.replace('mosquitto.db', sample),
  })

  t.match(outputs[0], / 3 {2}sessions\n/)
  t.equal(outputs[1], outputs[0])
  t.match(outputs[2], /^old-inflight .* 2 +0 +3$/m)
})

test('the commands of the README let a message through', async t => {
  await Follower.through(t, 'README.md')
})

test('the commands for sessions, share groups and figures find the clients that they name', async t => {
  const device = 'mosquitto_sub -i esp32-7f -u sensor-1 -c -q 1 -t a -E'

  await Promise.all([
    Follower.through(t, 'docs/how-to/sessions.md', { before: [START, device] }),
    Follower.through(t, 'docs/how-to/share-the-load.md', {
      before: [START],
      adapted: line => line.replace(/^mosquitto_sub/, '$& -i worker-1'),
    }),
    Follower.through(t, 'docs/how-to/queues.md', { before: [START] }),
    Follower.through(t, 'docs/how-to/monitor.md', {
      before: [START],
      adapted: line => line.replace(/^mosquitto_sub/, '$& -i esp32-7f'),
    }),
    ...FOLLOWED_BESIDE_A_BROKER.map(page => Follower.through(t, page, { before: [START] })),
  ])
})

test('the programs with queues do what their pages say, also when one of them dies', async t => {
  await Follower.through(t, FOLLOWED_WITH_PROGRAMS, { before: [START] })
})

test('a backup is made and restored by the commands of its page', async t => {
  const { outputs } = await Follower.through(t, 'docs/how-to/back-up.md', {
    before: [START],
    adapted: line => line.replace('/backups', 'backups').replace('./pondhawk-data', 'restored'),
  })

  t.match(outputs.at(-1), /\S/)
})

test('a store in NATS has its sessions again', { skip: SKIP }, async t => {
  await Follower.through(t, 'docs/how-to/store-in-nats.md')
})

test('the certificates for development let a client in, a page gets its token, and Home Assistant a user', async t => {
  await Promise.all([
    Follower.through(t, 'certs/README.md'),
    Follower.through(t, 'docs/how-to/home-assistant.md'),
    Follower.through(t, 'docs/how-to/browser-tokens.md', {
      before: ['pondhawk user add alice --generate', START],
      adapted: line => line.replace('-u alice', '-u alice:PASSWORD'),
    }),
  ])
})
