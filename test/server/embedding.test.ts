// A program that embeds the broker and is wrong about it is told so, and nobody comes in by its mistake.

import mqtt from 'mqtt'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { runInNewContext } from 'node:vm'
import { test } from 'tap'
import { PROGRAM_EVENTS } from '../../src/broker/observer.ts'
import {
  type BrokerEvents,
  ConfigError,
  createBroker,
  type EmbedOptions,
  type Log,
  MemoryStore,
  StartError,
  UNRESTRICTED,
} from '../../src/index.ts'
import { brokerOnPort } from '../interop/programs.ts'

const ONCE = { reconnectPeriod: 0, protocolVersion: 5 } as const

function listeningLog(): { log: Log; errors: string[] } {
  const errors: string[] = []
  const silent = (): void => {}
  const error = ({ cause }: Readonly<Record<string, unknown>>, sentence: string): void => {
    errors.push(`${sentence} ${String(cause)}`)
  }
  return { log: { debug: silent, info: silent, warn: silent, error }, errors }
}

test('options that do not exist are refused, with what was meant', async t => {
  const table: readonly (readonly [object, string | RegExp])[] = [
    [
      { authenticate: () => true },
      'authenticate: unknown option "authenticate" (createBroker({ access: { authenticate } }))',
    ],
    [{ acces: {} }, 'acces: unknown option "acces" (did you mean access?)'],
    [{ port: 1_883 }, 'port: unknown option "port" (listeners: [{ port }])'],
    [{ persistence: {} }, 'persistence: unknown option "persistence" (createBroker({ store }))'],
    [
      { access: { authentcate: () => true } },
      'access.authentcate: unknown option "authentcate" (did you mean authenticate?)',
    ],
    [
      { access: { authenticate: true } },
      'access.authenticate: must be a function, not true or false',
    ],
    [{ access: {} }, 'access: needs authenticate(credentials)'],
    [{ access: { beginExchange: () => null } }, 'access: needs authenticate(credentials)'],
    [
      { log: { level: 'debug' } },
      'log: must have the methods debug, info, warn and error, as pino has',
    ],
    [{ store: { commit: () => {} } }, /^store: a store of your own needs open\n/],
    [{ store: 'disk' }, 'store: must be a store, or how to store, and not text'],
    [{ commitFailed: 'stop' }, 'commitFailed: must be a function'],
    [{ listeners: [{ prot: 1 }] }, 'listeners.0.prot: unknown key "prot" (did you mean "port"?)'],
  ]
  for (const [options, message] of table) {
    await t.rejects(createBroker(options as EmbedOptions), { message, code: 'ERR_CONFIG' })
  }
  await t.rejects(createBroker(null as unknown as EmbedOptions), ConfigError)
})

test('nothing can be assigned to a broker, and what was meant is told', async t => {
  const broker = await createBroker()
  t.teardown(() => broker.close())
  const table: readonly (readonly [string, RegExp])[] = [
    ['authenticate', /broker\.authenticate cannot be assigned to \(createBroker\(\{ access: /],
    ['authorizePublish', /permissions\.mayPublish/],
    ['publsh', /did you mean publish\?/],
    ['publish', /broker\.publish cannot be assigned to$/],
    ['statistics', /broker\.statistics cannot be assigned to$/],
    ['whatever', /broker\.whatever cannot be assigned to$/],
  ]
  for (const [name, message] of table) {
    t.throws(() => Object.assign(broker, { [name]: () => true }), message, name)
    // A script of the old kind would not hear of it otherwise.
    t.throws(() => runInNewContext(`broker.${name} = () => true`, { broker }), { message }, name)
  }
  t.throws(() => broker.on('conected' as 'connected', () => {}), /did you mean connected\?/)
  t.equal(Object.keys(broker).length, 0)
  t.throws(() => broker.on('connected', 'handler' as never), /must be a function/)
  t.throws(() => broker.subscribe('a', null as never), /must be a function/)
  const none = await createBroker({ listeners: undefined } as unknown as EmbedOptions)
  t.strictSame(none.listeners, [])
  await none.close()
})

test('a boolean is a verdict, and a promise of one is awaited', async t => {
  const { broker, port } = await brokerOnPort({
    access: { authenticate: async ({ username }) => username === 'pond' },
  })
  t.teardown(() => broker.close())
  const url = `mqtt://127.0.0.1:${port}`

  await t.rejects(mqtt.connectAsync(url, { ...ONCE, username: 'frog' }), { code: 0x86 })
  const client = await mqtt.connectAsync(url, { ...ONCE, username: 'pond' })
  await client.endAsync()
})

test('a right that is answered with a promise counts as no', async t => {
  const { log, errors } = listeningLog()
  const permissions = {
    mayPublish: async () => true,
    maySubscribe: () => {
      throw new Error('a fault of the rules')
    },
  }
  const { broker, port } = await brokerOnPort({
    log,
    access: { authenticate: () => ({ kind: 'allowed', permissions }) as never },
  })
  t.teardown(() => broker.close())
  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, ONCE)
  t.teardown(() => client.endAsync())

  await t.rejects(client.publishAsync('a', 'x', { qos: 1 }), { code: 0x87 })
  await t.rejects(client.subscribeAsync('a', { qos: 1 }))
  t.match(errors, [
    /^mayPublish must answer true or false at once, and gave a promise/,
    /a fault of the rules/,
  ])
})

test('a program that gives access may listen beyond this machine', async t => {
  const open = { listeners: [{ host: '0.0.0.0', port: 0, plaintext: true }] }
  await t.rejects(createBroker(open), { code: 'ERR_CONFIG', message: /anybody could connect/ })
  for (const access of [{ authenticate: () => false }, { anonymous: 'everywhere' }] as const) {
    const broker = await createBroker({ ...open, access })
    t.equal(broker.listeners.length, 1)
    await broker.close()
  }
})

test('a method may be handed over without its broker', async t => {
  const broker = await createBroker()
  t.teardown(() => broker.close())
  const server = createServer(broker.handle)
  await new Promise<void>(listening => server.listen(0, '127.0.0.1', listening))
  t.teardown(() => server.close())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const { publish, subscribe } = broker
  const heard: string[] = []
  const connected = new Promise<string>(got => broker.on('connected', each => got(each.address)))
  subscribe('a', ({ payload }) => heard.push(payload.toString()))

  const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, ONCE)
  t.teardown(() => client.endAsync())
  await publish({ topic: 'a', payload: 'x' })

  t.strictSame(heard, ['x'])
  t.equal(await connected, '127.0.0.1')
  t.throws(() => broker.handle('socket' as never), TypeError)
})

test('a handler that throws, or promises and fails, is logged, and the others hear all the same', async t => {
  const { log, errors } = listeningLog()
  const broker = await createBroker({ log })
  t.teardown(() => broker.close())
  const heard: string[] = []
  broker.on('published', () => {
    throw new Error('at once')
  })
  broker.on('published', async () => {
    throw new Error('later')
  })
  broker.on('published', () => heard.push('published'))
  broker.subscribe('#', async () => {
    throw new Error('a handler')
  })

  t.equal(await broker.publish({ topic: 'a', payload: 'x' }), 1)
  await new Promise(resolve => setImmediate(resolve))

  t.strictSame(heard, ['published'])
  t.equal(errors.length, 3)
  t.match(errors.join(' '), /at once[^]*(?:a handler|later)/)
})

test('a log that fails breaks nothing', async t => {
  const fail = (): void => {
    throw new Error('a fault of the log')
  }
  const { broker, port } = await brokerOnPort({
    log: { debug: fail, info: fail, warn: fail, error: fail },
    access: { authenticate: () => 'yes' as never },
  })
  t.teardown(() => broker.close())

  await t.rejects(mqtt.connectAsync(`mqtt://127.0.0.1:${port}`, ONCE), { code: 0x88 })
  t.equal(await broker.publish({ topic: 'a', payload: 'x' }), 0)
})

/** A store whose commits end when the test says so. */
class SlowStore extends MemoryStore {
  readonly commits: (() => void)[] = []
  override commit(done: (error: Error | null) => void): void {
    this.commits.push(() => super.commit(done))
  }
}

class FailingStore extends MemoryStore {
  override commit(done: (error: Error | null) => void): void {
    done(new Error('EIO'))
  }
}

test('publish resolves when the message is committed, and not before', async t => {
  const store = new SlowStore()
  const broker = await createBroker({ store })
  let isDone = false
  const kept = broker
    .publish({ topic: 'a', payload: 'x', retain: true })
    .then(() => (isDone = true))
  t.equal(await broker.publish({ topic: 'b', payload: 'nothing to store' }), 0)
  for (let turns = 0; turns < 5; turns++) await new Promise(resolve => setImmediate(resolve))
  t.equal(isDone, false)

  t.equal(store.commits.length, 1)
  store.commits.shift()?.()
  await kept
  t.equal(isDone, true)
  await broker.close()
})

test('publish rejects when the store fails, and after the broker was closed', async t => {
  const broken = await createBroker({ store: new FailingStore(), commitFailed: () => {} })
  await t.rejects(broken.publish({ topic: 'a', payload: 'x', retain: true }), /EIO/)
  await t.rejects(broken.publish({ topic: 'a', payload: 'x', retain: true }), /EIO/)

  const broker = await createBroker({ shutdown: { drainSeconds: 0 }, store: new SlowStore() })
  const never = broker.publish({ topic: 'a', payload: 'x', retain: true })
  await Promise.all([
    t.rejects(never, /the broker was closed before this was stored/),
    broker.close(),
  ])
  await t.rejects(broker.publish({ topic: 'a', payload: 'x' }), { code: 'ERR_CLOSED' })
})

test('a start that fails gives programs a code, without words about flags', async t => {
  const other = createServer()
  await new Promise<void>(done => other.listen(0, '127.0.0.1', done))
  t.teardown(() => other.close())
  const address = other.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const directory = t.testdir({ file: 'x' })
  const failure = async (options: EmbedOptions): Promise<StartError> => {
    try {
      await createBroker(options)
    } catch (error) {
      if (error instanceof StartError) return error
    }
    throw new Error('it started')
  }

  const taken = await failure({ listeners: [{ port: 0 }, { port }] })
  t.match(taken, { code: 'EADDRINUSE', part: { kind: 'listener', index: 1 } })
  t.equal(taken.message, `mqtt://127.0.0.1:${port} is taken by another program.`)
  t.match(await failure({ store: { directory: `${directory}/file/a` } }), { code: 'ENOTDIR' })
  const first = await createBroker({ store: { directory: `${directory}/a` } })
  t.teardown(() => first.close())
  const locked = await failure({ store: { directory: `${directory}/a` } })
  t.match(locked, { code: 'ERR_STORE_LOCKED', part: { kind: 'store' } })
  for (const { message } of [taken, locked]) t.notMatch(message, /--|-p /)
  await t.rejects(createBroker({ listeners: [{ host: '0.0.0.0' }] }), { code: 'ERR_CONFIG' })
  t.ok(UNRESTRICTED.mayPublish('a', 0, false))
})

test('a program may listen to the events that the guide names, and to no others', async t => {
  const guide = readFileSync(new URL('../../../docs/how-to/embed.md', import.meta.url), 'utf8')
  const [, row = ''] = /^\| `broker\.on\(name, listener\)` \| (.*) \|$/m.exec(guide) ?? []
  const named = [...row.matchAll(/`(\w+)`/g)].map(([, name]) => name)
  const broker = await createBroker()
  t.teardown(() => broker.close())

  t.strictSame(named, Object.keys(PROGRAM_EVENTS))
  for (const name of named) broker.on(name as keyof BrokerEvents, () => {})
  t.throws(() => broker.on('failed' as keyof BrokerEvents, () => {}), /has no event "failed"/)
})

for (const [answer, published] of [
  [true, 1],
  [UNRESTRICTED, 1],
  [false, 0],
  [undefined, 0],
] as const) {
  test(`a will of an earlier run is published ${published} times when permissionsOf answers ${String(answer)}`, async t => {
    const store = new MemoryStore()
    const access = {
      authenticate: () => true,
      ...(answer !== undefined && { permissionsOf: () => answer }),
    }
    const listeners = [{ host: '127.0.0.1', port: 0 }]
    const first = await createBroker({ store, access, listeners })
    const will = { topic: 'w', payload: Buffer.from('gone'), qos: 1, retain: true } as const
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${first.listeners[0]?.port}`, {
      ...ONCE,
      will,
    })
    await first.close()
    client.end(true)

    const second = await createBroker({ store, access })
    t.equal(second.statistics.willsPublished, published)
    t.equal(second.statistics.dropped['not-authorized'], 1 - published)
    await second.close()
  })
}
