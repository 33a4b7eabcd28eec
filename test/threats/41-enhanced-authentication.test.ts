// Case 41: enhanced authentication, by SCRAM, over TCP and WebSocket. Out of order, replayed, broken off, never ending, and what strangers
// can find out about names.

import { renameSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import mqtt from 'mqtt'
import { type Test, test } from 'tap'
import type { Access } from '../../src/access/access.ts'
import { newPbkdf2, newScram } from '../../src/access/password/hashing.ts'
import { newDecoyKeyLine } from '../../src/access/password/password-file.ts'
import { formatHash } from '../../src/access/password/password-hash.ts'
import { UNRESTRICTED } from '../../src/access/permissions.ts'
import { createBroker, type EmbedOptions } from '../../src/index.ts'
import type { Packet } from '../../src/packet/packet.ts'
import { fieldsOf, ScramClient } from '../access/scram/scram-client.ts'
import { WireClient } from '../wire-client.ts'

const ITERATIONS = 4_096
const METHOD = 'SCRAM-SHA-256'

const scramLine = (name: string, password: string, by: 'sha256' | 'sha512' = 'sha256'): string =>
  `${name}:${formatHash(newScram(Buffer.from(password), by, ITERATIONS))}\n`

const USERS = `${newDecoyKeyLine()}${scramLine('alice', 'secret')}${scramLine('bob', 'other')}${scramLine('a=b,c', 'x', 'sha512')}plain:${formatHash(newPbkdf2(Buffer.from('x'), 101))}\n`

async function brokerWith(t: Test, options: EmbedOptions) {
  const broker = await createBroker({
    listeners: [
      { host: '127.0.0.1', port: 0 },
      { protocol: 'ws', host: '127.0.0.1', port: 0 },
    ],
    ...options,
  })
  t.teardown(() => broker.close())
  const [tcp = 0, ws = 0] = broker.listeners.map(({ port }) => port)
  return { broker, ports: { tcp, ws } }
}

async function scramBroker(t: Test, options: EmbedOptions = {}) {
  const usersFile = resolve(t.testdir({ users: USERS }), 'users')
  return { ...(await brokerWith(t, { access: { usersFile }, ...options })), usersFile }
}

const withData = (data: Buffer, method = METHOD) => ({
  authenticationMethod: method,
  authenticationData: data,
})

function auth(client: WireClient, data: Buffer, reason: 0x18 | 0x19 = 0x18, method = METHOD): void {
  client.says({ type: 'auth', reason, properties: withData(data, method) })
}

function dataIn(packet: Packet | null): Buffer | undefined {
  const has = packet?.type === 'auth' || packet?.type === 'connack'
  return has ? packet.properties.authenticationData : undefined
}

/** `connack 0x0`, `auth 0x18`, `closed`. */
function inWords(packet: Packet | null): string {
  if (packet === null) return 'closed'
  return 'reason' in packet ? `${packet.type} 0x${packet.reason.toString(16)}` : packet.type
}

/** CONNECT and the challenge to it. */
async function challenged(client: WireClient, scram: ScramClient, clientId = 'a'): Promise<Buffer> {
  client.connects({ clientId, properties: withData(scram.first) })
  const packet = await client.hears()
  if (packet?.type !== 'auth') throw new Error(inWords(packet))
  return packet.properties.authenticationData ?? Buffer.alloc(0)
}

async function loggedIn(port: number, name: string, password: string, clientId = name) {
  const client = await WireClient.open(port)
  const scram = new ScramClient(name, password)
  auth(client, scram.final(await challenged(client, scram, clientId)))
  return { client, scram, answer: await client.hears() }
}

for (const transport of ['tcp', 'ws'] as const) {
  test(`SCRAM lets in who knows the password, and proves that the broker knows the user (${transport})`, async t => {
    const { broker, ports } = await scramBroker(t)
    const users: (string | null)[] = []
    broker.on('connected', ({ username }) => users.push(username))
    const client = await WireClient.open(ports[transport], transport)
    const scram = new ScramClient('alice', 'secret')

    const challenge = await challenged(client, scram)
    auth(client, scram.final(challenge))
    const connack = await client.hears()

    t.match(fieldsOf(challenge), {
      r: new RegExp(`^${scram.nonce.replaceAll('+', '\\+')}.{24}$`),
      i: '4096',
    })
    t.equal(inWords(connack), 'connack 0x0')
    t.ok(scram.isProvedBy(dataIn(connack)))
    t.strictSame(users, ['alice'])
    client.breaks()
  })

  test(`MQTT.js logs in by SCRAM (${transport})`, async t => {
    const { ports } = await scramBroker(t)
    const scram = new ScramClient('alice', 'secret')
    const scheme = transport === 'tcp' ? 'mqtt' : 'ws'
    const client = mqtt.connect(`${scheme}://127.0.0.1:${ports[transport]}/mqtt`, {
      protocolVersion: 5,
      reconnectPeriod: 0,
      properties: withData(scram.first),
    })
    client.handleAuth = (packet, done) =>
      done(undefined, {
        cmd: 'auth',
        reasonCode: 0x18,
        properties: withData(scram.final(packet.properties?.authenticationData)),
      })
    const [connack] = await new Promise<[{ properties?: { authenticationData?: Buffer } }]>(
      (settle, failed) => {
        client.once('connect', (...heard) => settle(heard as never))
        client.once('error', failed)
      },
    )

    t.ok(scram.isProvedBy(connack.properties?.authenticationData))
    await client.endAsync()
  })
}

test('SCRAM-SHA-512, a name with = and a comma, and the same user by his password in CONNECT', async t => {
  const { ports } = await scramBroker(t)
  const client = await WireClient.open(ports.tcp)
  const scram = new ScramClient('a=b,c', 'x', 'sha512')

  client.connects({ properties: withData(scram.first, 'SCRAM-SHA-512') })
  auth(client, scram.final(dataIn(await client.hears())), 0x18, 'SCRAM-SHA-512')
  const connack = await client.hears()

  t.equal(inWords(connack), 'connack 0x0')
  t.ok(scram.isProvedBy(dataIn(connack)))
  const plain = await WireClient.open(ports.tcp)
  plain.connects({ clientId: 'b', username: 'alice', password: Buffer.from('secret') })
  t.equal(inWords(await plain.hears()), 'connack 0x0')
  const wrong = await WireClient.open(ports.tcp)
  wrong.connects({ clientId: 'c', username: 'alice', password: Buffer.from('Secret') })
  t.equal(inWords(await wrong.hears()), 'connack 0x86')
  for (const each of [client, plain]) each.breaks()
})

test('a wrong password, an unknown user and one without a hash for SCRAM are told the same, bytes and all', async t => {
  const { broker, ports } = await scramBroker(t)
  const told = await Promise.all(
    [
      ['alice', 'wrong'],
      ['nobody', 'secret'],
      ['plain', 'x'],
      ['a=b,c', 'x'],
    ].map(async ([name = '', password = '']) => {
      const { answer, client } = await loggedIn(ports.tcp, name, password)
      return [answer, await client.hears()]
    }),
  )

  for (const each of told) t.strictSame(each, told[0])
  t.equal(inWords(told[0]?.[0] ?? null), 'connack 0x87')
  t.equal(broker.statistics.connectionsRefused, 4)
})

test('a name that is no user has one salt and one number of iterations, also after a restart', async t => {
  const asked = async (port: number, name: string) => {
    const client = await WireClient.open(port)
    const { s, i } = fieldsOf(await challenged(client, new ScramClient(name, 'x')))
    client.breaks()
    return { s, i }
  }
  const { broker, ports, usersFile } = await scramBroker(t)
  const stranger = await asked(ports.tcp, 'stranger')
  const alice = await asked(ports.tcp, 'alice')

  t.strictSame(await asked(ports.tcp, 'stranger'), stranger)
  t.not((await asked(ports.tcp, 'stranger 2')).s, stranger.s)
  t.equal(stranger.i, alice.i)
  t.equal(stranger.s?.length, alice.s?.length)
  writeFileSync(`${usersFile}.next`, `${USERS}${scramLine('carol', 'x')}`)
  await broker.close()
  renameSync(`${usersFile}.next`, usersFile)
  const after = await brokerWith(t, { access: { usersFile } })
  t.strictSame(
    await asked(after.ports.tcp, 'stranger'),
    stranger,
    'after a restart, and with another user',
  )
})

const WRONG_FIRST: readonly (readonly [string, string])[] = [
  ['', 'no message'],
  ['n,,n=alice', 'no nonce'],
  ['n=alice,r=abc', 'no header'],
  ['p=tls-exporter,,n=alice,r=abc', 'channel binding'],
  ['n,a=bob,n=alice,r=abc', 'on behalf of another'],
  ['n,,m=x,n=alice,r=abc', 'an extension'],
  ['n,,n=ali=20ce,r=abc', 'an escape that there is not'],
  ['n,,n=alice,r=a\u0000b', 'a zero byte'],
  [`n,,n=alice,r=${'a'.repeat(5_000)}`, 'too long'],
]

test('a first message that is not SCRAM is refused, and its connection closed', async t => {
  const { ports } = await scramBroker(t)
  for (const [message, what] of WRONG_FIRST) {
    const client = await WireClient.open(ports.tcp)
    client.connects({ properties: withData(Buffer.from(message)) })
    t.equal(inWords(await client.hears()), 'connack 0x87', what)
    t.equal(await client.hears(), null, what)
  }
  const other = await WireClient.open(ports.tcp)
  other.connects({ properties: withData(Buffer.from('n,,n=alice,r=abc'), 'SCRAM-SHA-1') })
  t.equal(inWords(await other.hears()), 'connack 0x8c')
})

test('a last message with another nonce, header or user is refused', async t => {
  const { ports } = await scramBroker(t)
  const finals: readonly (readonly [string, (final: string) => string])[] = [
    ['another nonce', final => final.replace(/r=[^,]+/, 'r=abc')],
    ['the nonce of the client alone', final => final.replace(/,r=([^,]{16})[^,]+/, ',r=$1')],
    ['another header', final => final.replace('c=biws', 'c=eSws')],
    ['no proof', final => final.replace(/,p=.+/, '')],
    ['an empty proof', final => final.replace(/,p=.+/, ',p=')],
    ['a short proof', final => final.replace(/,p=.+/, ',p=AAAA')],
    ['something behind', final => `${final},x=y`],
  ]
  for (const [what, changed] of finals) {
    const client = await WireClient.open(ports.tcp)
    const scram = new ScramClient('alice', 'secret')
    const final = scram.final(await challenged(client, scram)).toString()
    t.not(changed(final), final, what)
    auth(client, Buffer.from(changed(final)))
    t.equal(inWords(await client.hears()), 'connack 0x87', what)
    t.equal(await client.hears(), null, what)
  }
  const named = await WireClient.open(ports.tcp)
  named.connects({ username: 'bob', properties: withData(new ScramClient('alice', 'x').first) })
  t.equal(inWords(await named.hears()), 'connack 0x87', 'CONNECT names another user')
})

test('what was heard once opens no second connection', async t => {
  const { ports } = await scramBroker(t)
  const nonce = 'thesamenonce'
  const client = await WireClient.open(ports.tcp)
  const scram = new ScramClient('alice', 'secret', 'sha256', nonce)
  const final = scram.final(await challenged(client, scram))
  auth(client, final)
  t.equal(inWords(await client.hears()), 'connack 0x0')

  const thief = await WireClient.open(ports.tcp)
  await challenged(thief, new ScramClient('alice', '', 'sha256', nonce), 'thief')
  auth(thief, final)

  t.equal(inWords(await thief.hears()), 'connack 0x87')
  client.breaks()
})

test('AUTH out of order, by another method, or anything else in between, ends the connection', async t => {
  const { ports } = await scramBroker(t)
  const scram = (): ScramClient => new ScramClient('alice', 'secret')
  const told = async (talk: (client: WireClient) => Promise<void> | void) => {
    const client = await WireClient.open(ports.tcp)
    await talk(client)
    return [inWords(await client.hears()), inWords(await client.hears())]
  }

  t.strictSame(
    await told(client => auth(client, scram().first)),
    ['closed', 'closed'],
    'before CONNECT',
  )
  t.strictSame(
    await told(async client => {
      await challenged(client, scram())
      auth(client, scram().first, 0x19)
    }),
    ['connack 0x82', 'closed'],
    'anew, before the end',
  )
  t.strictSame(
    await told(async client => {
      await challenged(client, scram())
      auth(client, scram().first, 0x18, 'SCRAM-SHA-512')
    }),
    ['connack 0x82', 'closed'],
    'another method',
  )
  t.strictSame(
    await told(async client => {
      await challenged(client, scram())
      auth(client, scram().first)
    }),
    ['connack 0x87', 'closed'],
    'the first message twice',
  )
  t.strictSame(
    await told(async client => {
      await challenged(client, scram())
      client.says({ type: 'pingreq' })
    }),
    ['connack 0x82', 'closed'],
    'a packet in between',
  )
})

test('a client that breaks off in the middle leaves nothing, and takes nobody’s session', async t => {
  const { broker, ports } = await scramBroker(t)
  const { client } = await loggedIn(ports.tcp, 'alice', 'secret', 'a')

  for (let count = 0; count < 50; count++) {
    const thief = await WireClient.open(ports.tcp)
    const scram = new ScramClient('alice', 'wrong')
    const challenge = await challenged(thief, scram, 'a')
    if (count % 2 === 0) auth(thief, scram.final(challenge))
    thief.breaks()
  }

  client.says({ type: 'pingreq' })
  t.equal(inWords(await client.hears()), 'pingresp')
  while (broker.statistics.connectionsAccepted < 51 || broker.connectionCount > 1) {
    await new Promise(setImmediate)
  }
  client.breaks()
})

test('a client authenticates anew as itself, and not as another user or by another method', async t => {
  const { ports } = await scramBroker(t)
  const again = async (client: WireClient, scram: ScramClient) => {
    auth(client, scram.first, 0x19)
    const challenge = await client.hears()
    if (challenge?.type !== 'auth') return challenge
    auth(client, scram.final(dataIn(challenge)))
    return client.hears()
  }
  const { client } = await loggedIn(ports.tcp, 'alice', 'secret')

  const same = new ScramClient('alice', 'secret')
  const success = await again(client, same)
  t.equal(inWords(success), 'auth 0x0')
  t.ok(same.isProvedBy(dataIn(success)))
  t.equal(inWords(await again(client, new ScramClient('bob', 'other'))), 'disconnect 0x87')
  t.equal(await client.hears(), null)

  const wrong = (await loggedIn(ports.tcp, 'alice', 'secret')).client
  t.equal(inWords(await again(wrong, new ScramClient('alice', 'x'))), 'disconnect 0x87')
  const method = (await loggedIn(ports.tcp, 'alice', 'secret')).client
  auth(method, new ScramClient('alice', 'secret').first, 0x19, 'SCRAM-SHA-512')
  t.equal(inWords(await method.hears()), 'disconnect 0x82')
})

test('a password that changes between the two messages is the one that counts', async t => {
  let isReloaded: () => void = () => {}
  const reloaded = new Promise<void>(settle => (isReloaded = settle))
  const hear = (line: object): void => {
    if ('event' in line && line.event === 'access.reloaded') isReloaded()
  }
  const log = { debug: hear, info: hear, warn: hear, error: hear }
  const { ports, usersFile } = await scramBroker(t, { log })
  const client = await WireClient.open(ports.tcp)
  const scram = new ScramClient('alice', 'secret')
  const challenge = await challenged(client, scram)

  writeFileSync(usersFile, USERS.replace(/^alice:.*$/m, scramLine('alice', 'new').trim()))
  await reloaded
  auth(client, scram.final(challenge))

  t.equal(inWords(await client.hears()), 'connack 0x87')
})

test('an authentication that never ends is ended, at CONNECT and anew', async t => {
  const endless: Access = {
    authenticate: () => ({ kind: 'allowed', permissions: UNRESTRICTED }),
    permissionsOf: () => null,
    beginExchange: () => ({
      step: ({ data }) =>
        String(data) === 'done'
          ? { kind: 'allowed', permissions: UNRESTRICTED }
          : { kind: 'continue', data: null },
    }),
  }
  const limits = { authenticationStepsMax: 3 }
  const { ports } = await brokerWith(t, { access: endless, limits })
  const more = Buffer.from('more')

  const client = await WireClient.open(ports.tcp)
  client.connects({ properties: withData(more) })
  t.equal(inWords(await client.hears()), 'auth 0x18')
  auth(client, more)
  t.equal(inWords(await client.hears()), 'auth 0x18')
  auth(client, more)
  t.equal(inWords(await client.hears()), 'connack 0x87')
  t.equal(await client.hears(), null)

  const anew = await WireClient.open(ports.tcp)
  anew.connects({ properties: withData(Buffer.from('done')) })
  t.equal(inWords(await anew.hears()), 'connack 0x0')
  auth(anew, Buffer.from('done'), 0x19)
  t.equal(inWords(await anew.hears()), 'auth 0x0')
  auth(anew, more, 0x19)
  auth(anew, more)
  auth(anew, more)
  t.equal(inWords(await anew.hears()), 'auth 0x18')
  t.equal(inWords(await anew.hears()), 'auth 0x18')
  t.equal(inWords(await anew.hears()), 'disconnect 0x87')
})
