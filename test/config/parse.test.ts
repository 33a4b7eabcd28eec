import { test } from 'tap'
import { configSchema } from '../../src/config/config.ts'
import { ConfigError } from '../../src/config/config-error.ts'
import { nearest } from '../../src/nearest.ts'
import { parseConfig } from '../../src/config/parse.ts'
import { keysAt } from '../../src/config/schema-keys.ts'

function problems(input: unknown): string[] {
  try {
    parseConfig(input)
    return []
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.problems.map(({ path, sentence }) => `${path.join('.')}: ${sentence}`)
  }
}

test('nothing at all is a configuration: loopback only, MQTT and WebSocket', async t => {
  const config = parseConfig(undefined)

  t.match(config.listeners, [
    { protocol: 'mqtt', host: 'localhost', port: 1_883 },
    { protocol: 'ws', host: 'localhost', port: 8_083 },
  ])
  t.equal(config.access.anonymous, 'loopback')
})

test('the error for an unknown key names the nearest known one', async t => {
  t.strictSame(problems({ limits: { packetByteMax: 1 } }), [
    'limits.packetByteMax: unknown key "packetByteMax" (did you mean "packetBytesMax"?)',
  ])
  t.strictSame(problems({ listeners: [{ prot: 1 }] }), [
    'listeners.0.prot: unknown key "prot" (did you mean "port"?)',
  ])
})

test('the error for a wrong word lists the accepted ones', async t => {
  t.strictSame(problems({ limits: { queueOverflow: 'spill' } }), [
    'limits.queueOverflow: must be one of "drop-newest", "drop-oldest", "refuse", not "spill"',
  ])
})

test('all that is wrong is told at once', async t => {
  t.equal(problems({ limits: { receiveMax: 0, inFlightMax: 'x' }, log: { level: 1 } }).length, 3)
})

test('an address beyond this machine is refused unless somebody says so', async t => {
  const open = { host: '0.0.0.0', port: 1_883, plaintext: true }

  t.match(problems({ listeners: [open] })[0], /anybody could connect/)
  t.throws(() => parseConfig({ listeners: [open] }), /or say access.anonymous: everywhere$/)
  t.strictSame(problems({ listeners: [open], access: { anonymous: 'everywhere' } }), [])
  const tls = { certFile: 'a', keyFile: 'b', caFile: 'c', requireCertificate: true }
  t.strictSame(problems({ listeners: [{ ...open, tls }] }), [])
  t.strictSame(problems({ listeners: [{ path: '/run/pond.sock' }] }), [])
  for (const host of ['127.0.0.1', '127.8.9.1', 'localhost', '::1']) {
    t.strictSame(problems({ listeners: [{ host }] }), [], host)
  }
  for (const host of ['::', '', '192.168.0.1', 'example.org', '127.0.0.1.example.org']) {
    t.equal(problems({ listeners: [{ host, plaintext: true }] }).length, 1, host)
  }
})

test('a listener with TLS has a certificate, or pre-shared keys, or both', async t => {
  const tls = (section: object, access = {}) => problems({ listeners: [{ tls: section }], access })
  const pair = { certFile: 'a', keyFile: 'b' }

  t.match(tls({}), [/needs certFile and keyFile, or pskFile/])
  t.match(tls({ certFile: 'a' }), [/certFile needs keyFile/])
  t.match(tls({ keyFile: 'a', pskFile: 'p' }), [/keyFile needs certFile/])
  t.match(tls({ pskFile: 'p', requestCertificate: true }), [/need certFile and keyFile/])
  t.match(tls({ ...pair, pskHint: 'h' }), [/pskHint is only for pskFile/])
  t.match(tls(pair, { psk: { user: 'identity' } }), [/no listener has pre-shared keys/])
  for (const section of [{ pskFile: 'p' }, { ...pair, pskFile: 'p', pskHint: 'h' }]) {
    t.strictSame(tls(section, { psk: { user: 'identity' } }), [])
  }
  const open = (section: object) => problems({ listeners: [{ host: '0.0.0.0', tls: section }] })
  t.strictSame(open({ pskFile: 'p' }), [], 'nobody comes in without a key')
  t.match(open({ ...pair, pskFile: 'p' }), [/anybody could connect/])
})

test('a listener that requires a user needs somebody who knows users', async t => {
  const listeners = [{ requireUser: true }]

  t.strictSame(problems({ listeners }), [
    'listeners.0.requireUser: needs users who prove their names (access.usersFile, for one)',
  ])
  t.strictSame(problems({ listeners, access: { usersFile: 'users' } }), [])
})

test('plaintext beyond this machine is refused unless its listener says so', async t => {
  const access = { usersFile: 'users' }
  const tls = { certFile: 'a', keyFile: 'b' }
  for (const protocol of ['mqtt', 'ws'] as const) {
    for (const host of ['0.0.0.0', '::', '', '192.168.0.1', 'example.org']) {
      const listener = { protocol, host }
      const own = { ...listener, plaintext: true }
      t.throws(
        () => parseConfig({ access, listeners: [own, listener] }),
        /without TLS .* or say listeners.1.plaintext: true$/,
      )
      t.strictSame(problems({ access, listeners: [own, { ...listener, tls }] }), [])
      // Each of the two words stands for itself.
      const anybody = { anonymous: 'everywhere' } as const
      t.match(problems({ access: anybody, listeners: [listener] })[0], /without TLS/)
      t.equal(problems({ listeners: [listener] }).length, 2)
    }
    for (const host of ['127.0.0.1', 'localhost', '::1']) {
      t.strictSame(problems({ access, listeners: [{ protocol, host }] }), [], host)
    }
  }
  t.strictSame(problems({ access, listeners: [{ path: '/run/pond.sock' }] }), [])
})

test('every number keeps to its range at the edges, and takes no NaN, fraction or text', async t => {
  for (const section of ['limits', 'share', 'shutdown'] as const) {
    const { shape } = configSchema.shape[section].unwrap()
    for (const [name, schema] of Object.entries(shape)) {
      const inner = schema.def.type === 'default' ? schema.unwrap() : schema
      if (inner.def.type !== 'number' || !('minValue' in inner)) continue
      const { minValue, maxValue } = inner as unknown as { minValue: number; maxValue: number }
      const accepts = (value: unknown): boolean =>
        problems({ [section]: { [name]: value } }).length === 0
      t.ok(accepts(minValue) && accepts(maxValue), `${name} takes ${minValue} and ${maxValue}`)
      for (const wrong of [
        minValue - 1,
        maxValue + 1,
        -1e9,
        Number.NaN,
        Infinity,
        1.5,
        '7',
        null,
      ]) {
        t.notOk(accepts(wrong), `${name} refuses ${String(wrong)}`)
      }
    }
  }
})

test('a name of Object.prototype is an unknown key like any other', async t => {
  t.equal(problems(JSON.parse('{"limits": {"__proto__x": 1, "constructor": 2}}')).length, 2)
})

test('the nearest word is found only when it is near', async t => {
  t.equal(nearest('strat', ['start', 'check']), 'start')
  t.equal(nearest('elephant', ['start', 'check']), null)
  t.equal(nearest('foo', ['on', 'off', 'publish']), null)
})

test('the keys at a path are those of the schema there', async t => {
  t.ok(keysAt(configSchema, ['listeners', 0]).includes('proxyProtocol'))
  t.strictSame(keysAt(configSchema, ['share', 'groups', 'workers']), ['strategy', 'weights'])
})

test('every number of bytes may be written as a size', async t => {
  const sizes: readonly (readonly [string, number])[] = [
    ['10MB', 10_000_000],
    ['16MiB', 16_777_216],
    ['1.5 mb', 1_500_000],
    ['64kB', 64_000],
    ['64KiB', 65_536],
    ['4096B', 4_096],
    ['1.1MB', 1_100_000],
  ]
  for (const [text, bytes] of sizes) {
    t.equal(parseConfig({ limits: { packetBytesMax: text } }).limits.packetBytesMax, bytes, text)
    t.equal(parseConfig({ store: { segmentBytes: '1MiB' } }).store.segmentBytes, 1_048_576)
    const limits = { bytesPerSecondMax: '1MiB', outgoingBytesPerSecondMax: '2kB' }
    t.match(parseConfig({ limits }).limits, {
      bytesPerSecondMax: 1_048_576,
      outgoingBytesPerSecondMax: 2_000,
    })
  }
  for (const text of ['10M', 'MB', '-1MB', '1e3MB', '10MBs', '0.3B', '1TB', '']) {
    t.match(
      problems({ limits: { packetBytesMax: text } })[0],
      /^limits.packetBytesMax: must be /,
      text,
    )
  }
  // What is no number of bytes has no size, and a client may have any name.
  t.equal(problems({ limits: { receiveMax: '1kB' } }).length, 1)
  const weights = { queuedBytesMax: '1kB' }
  t.equal(problems({ share: { groups: { g: { weights } } } }).length, 1)
})

test('a file that is no map of keys is refused', async t => {
  for (const [input, found] of [
    ['listener 1883', 'text'],
    [[1], 'a list'],
    [7, 'a number'],
    [null, 'nothing'],
  ] as const) {
    t.strictSame(problems(input), [`: expected keys and values (YAML or JSON), found ${found}`])
  }
  t.strictSame(problems({ limits: null }), [
    'limits: must be a map of keys and values, not nothing',
  ])
})

test('a log in JetStream is described as a whole, or refused with the key', async t => {
  const { jetstream } = parseConfig({ store: { jetstream: {} } }).store
  t.match(jetstream, { servers: ['nats://127.0.0.1:4222'], stream: 'pondhawk', replicas: 1 })
  const wrong: readonly (readonly [object, RegExp])[] = [
    [{ servers: ['127.0.0.1'] }, /store.jetstream.servers.0: expected nats:/],
    [{ servers: ['nats://user:secret@host'] }, /without a password/],
    [{ stream: 'a.b' }, /store.jetstream.stream: expected letters/],
    [{ replicas: 2 }, /store.jetstream.replicas: expected 1, 3 or 5/],
    [{ user: 'pondhawk' }, /store.jetstream.user: user and passwordFile belong together/],
    [{ bytesMax: '16MiB' }, /store.jetstream.bytesMax: is not larger than twice/],
  ]
  for (const [section, sentence] of wrong)
    t.throws(() => parseConfig({ store: { jetstream: section } }), sentence)
  t.throws(
    () => parseConfig({ store: { durability: 'memory', jetstream: {} } }),
    /store.jetstream: a store with durability: memory keeps nothing/,
  )
})
