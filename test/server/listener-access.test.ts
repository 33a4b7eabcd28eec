// Listeners with users and rules of their own: whoever is known by one is nobody by the others.

import { copyFileSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt'
import { type Test, test } from 'tap'
import { newPbkdf2 } from '../../src/access/password/hashing.ts'
import { formatHash } from '../../src/access/password/password-hash.ts'
import { realmOf, withinRealm } from '../../src/access/realm.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { createBroker } from '../../src/index.ts'

const LOCAL = { host: '127.0.0.1', port: 0 }
const TOPIC = '$CONTROL/dynamic-security/v1'
const SAMPLES = fileURLToPath(new URL('../../../test/access/mosquitto/samples/', import.meta.url))

function usersOf(password: string, ...names: readonly string[]): string {
  const hash = (): string => formatHash(newPbkdf2(Buffer.from(password), 101))
  return names.map(name => `${name}:${hash()}\n`).join('')
}

async function started(t: Test) {
  const folder = t.testdir({
    main: usersOf('main', 'anna', 'admin'),
    own: usersOf('own', 'anna'),
    rules: 'topic read #\nuser anna\ntopic readwrite #\n',
    mainRules: 'user anna\ntopic readwrite main/#\nuser admin\ntopic readwrite $CONTROL/#\n',
  })
  const file = (name: string): string => resolve(folder, name)
  copyFileSync(resolve(SAMPLES, 'init-2.0.11.json'), file('security.json'))
  const broker = await createBroker({
    listeners: [
      LOCAL,
      { ...LOCAL, host: '127.0.0.2', access: { usersFile: file('own'), rulesFile: file('rules') } },
      { ...LOCAL, host: '127.0.0.3', access: { dynamicSecurityFile: file('security.json') } },
      {
        ...LOCAL,
        host: '127.0.0.4',
        access: { anonymous: 'everywhere', rulesFile: file('rules') },
      },
    ],
    access: { usersFile: file('main'), rulesFile: file('mainRules') },
  })
  t.teardown(() => broker.close())
  const connect = async (
    listener: number,
    username?: string,
    password?: string,
    clientId?: string,
  ) => {
    const { port } = broker.listeners[listener] ?? { port: 0 }
    const options: IClientOptions = {
      protocolVersion: 5,
      reconnectPeriod: 0,
      ...(clientId !== undefined && {
        clientId,
        clean: false,
        properties: { sessionExpiryInterval: 60 },
      }),
      ...(username !== undefined && { username, password: password ?? '' }),
    }
    const client = mqtt.connect(`mqtt://127.0.0.${listener + 1}:${port}`, options)
    await new Promise<void>((settle, fail) => {
      client.once('connect', () => settle())
      client.once('error', fail)
    })
    return client
  }
  return { broker, connect, file }
}

function codeOf(doing: Promise<unknown>): Promise<unknown> {
  return doing.then(
    () => 0,
    (error: { code?: unknown }) => error.code,
  )
}

function sends(client: MqttClient, topic: string): Promise<unknown> {
  return codeOf(client.publishAsync(topic, '{}', { qos: 1 }))
}

test('each listener knows its own users, by its own rules', async t => {
  const { connect } = await started(t)
  const main = await connect(0, 'anna', 'main')
  const own = await connect(1, 'anna', 'own')
  const nameless = await connect(3)

  t.equal(await sends(main, 'main/a'), 0)
  t.equal(await sends(main, 'other'), 0x87)
  t.equal(await sends(own, 'other'), 0)
  t.equal(await sends(nameless, 'other'), 0x87)
  t.equal(await codeOf(connect(0, 'anna', 'own')), 0x86)
  t.equal(await codeOf(connect(1, 'anna', 'main')), 0x86)
  t.equal(await codeOf(connect(1, 'admin', 'main')), 0x86)
  t.equal(await codeOf(connect(1)), 0x86)
  for (const client of [main, own, nameless]) await client.endAsync()
})

test('a user of one listener does not get the session of the same name at another', async t => {
  const { connect } = await started(t)
  const owner = await connect(1, 'anna', 'own', 'lamp')
  await owner.subscribeAsync('secret', { qos: 1 })
  await owner.endAsync()

  t.equal(await codeOf(connect(0, 'anna', 'main', 'lamp')), 0x87)
  const again = await connect(1, 'anna', 'own', 'lamp')
  t.ok(again.connected)
  await again.endAsync()
})

test('only users of the listener with the dynamic security may give its commands', async t => {
  const { connect } = await started(t)
  const admin = await connect(2, 'admin', 'adminpw')
  const other = await connect(0, 'admin', 'main')

  t.equal(await sends(other, TOPIC), 0x87, 'although the rules of its own listener allow it')
  t.equal(await sends(admin, TOPIC), 0)
  await admin.endAsync()
  await other.endAsync()
})

test('a change of the file of one listener ends only connections of its users', async t => {
  const { connect, file } = await started(t)
  const main = await connect(0, 'anna', 'main')
  const own = await connect(1, 'anna', 'own')
  const ended = new Promise(settle =>
    own.once('disconnect', ({ reasonCode }) => settle(reasonCode)),
  )

  writeFileSync(file('own'), usersOf('new', 'anna'))

  t.equal(await ended, 0x87)
  t.equal(await sends(main, 'main/a'), 0)
  await (await connect(1, 'anna', 'new')).endAsync()
  await main.endAsync()
})

test('a realm is a part of how a client was authenticated, which no method can be', async t => {
  const identity = {
    clientId: 'a',
    username: 'u',
    address: '',
    authentication: 'password at x at y',
  }

  t.equal(realmOf(identity), 'x at y')
  t.equal(withinRealm(identity).authentication, 'password')
  t.equal(realmOf({ authentication: 'password' }), null)
  const file = { dynamicSecurityFile: 'a' }
  t.throws(() => parseConfig({ access: file, listeners: [{ access: file }] }), /one file only/)
  await t.rejects(
    createBroker({
      listeners: [{ ...LOCAL, access: { usersFile: 'a' } }],
      access: { authenticate: () => true },
    }),
    /decides on all clients/,
  )
  const both = { ...file, usersFile: 'b' }
  t.throws(() => parseConfig({ listeners: [{ access: both }] }), /listeners.0.access.usersFile/)
})
