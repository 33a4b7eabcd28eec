// The clients that most people have: mosquitto_pub and mosquitto_sub, as Debian ships them.

import { X509Certificate } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { test } from 'tap'
import { makeCertificates } from '../transport/world.ts'
import { brokerOnPort, next, Program, run } from './programs.ts'

const VERSIONS = ['31', '311', '5'] as const

for (const version of VERSIONS) {
  test(`mosquitto_sub hears mosquitto_pub at every QoS over -V ${version}`, async t => {
    const { broker, port } = await brokerOnPort()
    t.teardown(() => broker.close())
    const address = ['-h', '127.0.0.1', '-p', `${port}`, '-V', version]
    const subscribed = next(broker, 'subscribed')
    const sub = new Program('mosquitto_sub', [
      ...address,
      '-t',
      'pond/#',
      '-q',
      '2',
      '-v',
      '-C',
      '3',
    ])
    await subscribed

    for (const qos of ['0', '1', '2']) {
      const message = ['-t', `pond/q${qos}`, '-m', `qos ${qos}`, '-q', qos]
      const { status } = await run('mosquitto_pub', [...address, ...message])
      t.equal(status, 0)
    }

    const { output } = await sub.ends()
    t.equal(output, 'pond/q0 qos 0\npond/q1 qos 1\npond/q2 qos 2\n')
  })
}

test('a retained message reaches a client that subscribes later, until it is cleared', async t => {
  const { broker, port } = await brokerOnPort()
  t.teardown(() => broker.close())
  const address = ['-h', '127.0.0.1', '-p', `${port}`]
  await run('mosquitto_pub', [...address, '-t', 'level', '-m', '3 m', '-r', '-q', '1'])

  const first = await run('mosquitto_sub', [...address, '-t', 'level', '-C', '1', '-W', '5'])
  await run('mosquitto_pub', [...address, '-t', 'level', '-n', '-r'])
  const second = await run('mosquitto_sub', [...address, '-t', 'level', '-C', '1', '-W', '1'])

  t.equal(first.output, '3 m\n')
  // 27 is what mosquitto_sub ends with when its time is up.
  t.strictSame([second.output, second.status], ['', 27])
})

test('the will of a client that is killed is published', async t => {
  const { broker, port } = await brokerOnPort()
  t.teardown(() => broker.close())
  const address = ['-h', '127.0.0.1', '-p', `${port}`]
  let subscribed = next(broker, 'subscribed')
  const watcher = new Program('mosquitto_sub', [...address, '-t', 'wills/#', '-v', '-C', '1'])
  await subscribed
  subscribed = next(broker, 'subscribed')
  const will = ['--will-topic', 'wills/sensor', '--will-payload', 'gone', '--will-qos', '1']
  const sensor = new Program('mosquitto_sub', [...address, '-t', 'x', ...will])
  await subscribed

  await sensor.killed()

  t.equal((await watcher.ends()).output, 'wills/sensor gone\n')
})

test('a client that keeps its session gets the messages that it missed when it returns', async t => {
  const { broker, port } = await brokerOnPort()
  t.teardown(() => broker.close())
  const address = ['-h', '127.0.0.1', '-p', `${port}`]
  const reader = [...address, '-c', '-i', 'reader', '-t', 'news', '-q', '1']
  await run('mosquitto_sub', [...reader, '-E'])

  await run('mosquitto_pub', [...address, '-t', 'news', '-m', 'one', '-q', '1'])
  await run('mosquitto_pub', [...address, '-t', 'news', '-m', 'two', '-q', '2'])

  const { output } = await run('mosquitto_sub', [...reader, '-C', '2', '-W', '5'])
  t.equal(output, 'one\ntwo\n')
})

test('two members of a share group get every message once, over 3.1.1 and 5 alike', async t => {
  const { broker, port } = await brokerOnPort()
  t.teardown(() => broker.close())
  const address = ['-h', '127.0.0.1', '-p', `${port}`]
  const members: Program[] = []
  for (const version of ['311', '5']) {
    const subscribed = next(broker, 'subscribed')
    const args = [...address, '-V', version, '-t', '$share/workers/jobs', '-q', '1', '-C', '5']
    members.push(new Program('mosquitto_sub', args))
    await subscribed
  }

  for (let job = 0; job < 10; job++) {
    await run('mosquitto_pub', [...address, '-t', 'jobs', '-m', `${job}`, '-q', '1'])
  }

  const outputs = await Promise.all(members.map(async member => (await member.ends()).output))
  t.strictSame(outputs.flatMap(output => output.trim().split('\n')).sort(), [
    '0',
    '1',
    '2',
    '3',
    '4',
    '5',
    '6',
    '7',
    '8',
    '9',
  ])
})

test('mosquitto_rr gets its answer by response topic and correlation data', async t => {
  const { broker, port } = await brokerOnPort()
  t.teardown(() => broker.close())
  broker.subscribe('ask', ({ properties }) => {
    if (properties.responseTopic === undefined) return
    const { responseTopic, correlationData } = properties
    broker.publish({
      topic: responseTopic,
      payload: 'forty-two',
      properties: correlationData === undefined ? {} : { correlationData },
    })
  })

  const { output } = await run('mosquitto_rr', [
    ...['-h', '127.0.0.1', '-p', `${port}`, '-V', '5'],
    ...['-t', 'ask', '-e', 'answer', '-m', '?', '-W', '5'],
  ])

  t.equal(output, 'forty-two\n')
})

test('a large message passes whole', async t => {
  const { broker, port } = await brokerOnPort()
  t.teardown(() => broker.close())
  const address = ['-h', '127.0.0.1', '-p', `${port}`]
  const payload = 'x'.repeat(100_000)
  const subscribed = next(broker, 'subscribed')
  const sub = new Program('mosquitto_sub', [...address, '-t', 'big', '-q', '1', '-C', '1'])
  await subscribed

  await run('mosquitto_pub', [...address, '-t', 'big', '-m', payload, '-q', '1'])

  t.equal((await sub.ends()).output, `${payload}\n`)
})

test('mosquitto_pub and mosquitto_sub speak TLS with client certificates, and are refused without', async t => {
  const directory = t.testdir()
  makeCertificates(directory, 'sensor-7')
  const path = (name: string): string => `${directory}/${name}`
  const { broker, port } = await brokerOnPort({
    listeners: [
      {
        host: '127.0.0.1',
        port: 0,
        tls: {
          certFile: path('server.crt'),
          keyFile: path('server.key'),
          caFile: path('ca.crt'),
          requireCertificate: true,
        },
      },
    ],
  })
  t.teardown(() => broker.close())
  const server = ['-h', 'localhost', '-p', `${port}`, '--cafile', path('ca.crt')]
  const certificate = ['--cert', path('sensor-7.crt'), '--key', path('sensor-7.key')]
  const subscribed = next(broker, 'subscribed')
  const sub = new Program('mosquitto_sub', [...server, ...certificate, '-t', 'a', '-C', '1'])
  await subscribed

  const stranger = await run('mosquitto_pub', [...server, '-t', 'a', '-m', 'let me in', '-q', '1'])
  const known = await run('mosquitto_pub', [
    ...server,
    ...certificate,
    '-t',
    'a',
    '-m',
    'hi',
    '-q',
    '1',
  ])

  t.not(stranger.status, 0)
  t.equal(known.status, 0)
  t.equal((await sub.ends()).output, 'hi\n')
})

test('a certificate makes a user whose rules hold, and a list keeps others out', async t => {
  const directory = t.testdir()
  makeCertificates(directory, 'sensor-7')
  makeCertificates(directory, 'sensor-8')
  const path = (name: string): string => `${directory}/${name}`
  const { fingerprint256 } = new X509Certificate(readFileSync(path('sensor-7.crt')))
  const tls = {
    certFile: path('server.crt'),
    keyFile: path('server.key'),
    caFile: path('ca.crt'),
    requireCertificate: true,
  }
  const { broker, port } = await brokerOnPort({
    listeners: [{ host: '127.0.0.1', port: 0, tls }],
    access: {
      certificates: { user: 'commonName', fingerprints: [fingerprint256] },
      rules: 'pattern readwrite devices/%u/#',
    },
  })
  t.teardown(() => broker.close())
  const publish = (name: string, topic: string) =>
    run('mosquitto_pub', [
      ...['-h', 'localhost', '-p', `${port}`, '--cafile', path('ca.crt'), '-V', '5'],
      ...['--cert', path(`${name}.crt`), '--key', path(`${name}.key`)],
      ...['-u', 'admin', '-t', topic, '-m', 'x', '-q', '1'],
    ])
  const heard: string[] = []
  broker.on('published', ({ topic }) => heard.push(topic))
  broker.on('publishRefused', (_clientId, topic) => heard.push(`refused ${topic}`))
  const users: (string | null)[] = []
  broker.on('connected', ({ username }) => users.push(username))

  const own = await publish('sensor-7', 'devices/sensor-7/a')
  await publish('sensor-7', 'devices/sensor-8/a')
  const unlisted = await publish('sensor-8', 'devices/sensor-8/a')

  t.equal(own.status, 0)
  t.not(unlisted.status, 0)
  t.strictSame(heard, ['devices/sensor-7/a', 'refused devices/sensor-8/a'])
  t.strictSame(users, ['sensor-7', 'sensor-7'], 'and not the name that CONNECT claims')
})

test('mosquitto clients come through a Unix socket', async t => {
  const directory = mkdtempSync(`${tmpdir()}/pond-`)
  t.teardown(() => rmSync(directory, { recursive: true }))
  const path = `${directory}/pond.sock`
  const { broker } = await brokerOnPort({ listeners: [{ path }] })
  t.teardown(() => broker.close())
  const subscribed = next(broker, 'subscribed')
  const sub = new Program('mosquitto_sub', ['--unix', path, '-t', 'a', '-C', '1'])
  await subscribed

  await run('mosquitto_pub', ['--unix', path, '-t', 'a', '-m', 'hi', '-q', '1'])

  t.equal((await sub.ends()).output, 'hi\n')
})
