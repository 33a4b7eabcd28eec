import { resolve } from 'node:path'
import { test } from 'tap'
import { loadConfig } from '../../src/config/load.ts'

function load(file: string | null, environment: Record<string, string> = {}) {
  return loadConfig({ file, environment, overrides: {} })
}

test('an error names file, line and column, and points at the place', async t => {
  const directory = t.testdir({
    'pondhawk.yaml':
      'listeners:\n  - host: 127.0.0.1\n    prot: 9001\nlimits:\n  receiveMax: none\n',
  })
  const file = resolve(directory, 'pondhawk.yaml')

  t.throws(() => load(file), {
    message: [
      `${file}:3:5  listeners.0.prot: unknown key "prot" (did you mean "port"?)`,
      '          prot: 9001',
      '          ^',
      `${file}:5:3  limits.receiveMax: must be a whole number, not "none"`,
      '        receiveMax: none',
      '        ^',
    ].join('\n'),
  })
})

test('broken YAML is an error with its place', async t => {
  const directory = t.testdir({ 'pondhawk.yaml': 'limits:\n  receiveMax: [1\n' })

  t.throws(() => load(resolve(directory, 'pondhawk.yaml')), /pondhawk\.yaml:\d+:\d+ {2}/)
})

test('an alias that stands for nothing, or for too much, is an error of the file', async t => {
  const bomb = ['a: &a [x, x]', ...Array.from({ length: 12 }, (_, index) => bombLine(index))]
  const directory = t.testdir({ 'nothing.yaml': 'log: *x\n', 'bomb.yaml': bomb.join('\n') })

  for (const name of ['nothing.yaml', 'bomb.yaml']) {
    const file = resolve(directory, name)
    t.throws(() => load(file), { code: 'ERR_CONFIG', message: new RegExp(`${name}: .*alias`) })
  }
})

function bombLine(index: number): string {
  const before = index === 0 ? 'a' : `b${index - 1}`
  return `b${index}: &b${index} [${Array.from({ length: 9 }, () => `*${before}`).join()}]`
}

test('a key that is no text is an error with its place', async t => {
  const directory = t.testdir({ 'pondhawk.yaml': '? [a, b]\n: 1\n' })

  t.throws(() => load(resolve(directory, 'pondhawk.yaml')), /pondhawk\.yaml:1:\d+ {2}/)
})

test('no error has a password or its hash', async t => {
  const hash = `$7$1$${'A'.repeat(16)}$${'B'.repeat(88)}`
  const files = {
    'misplaced.yaml': `usres: {alice: "${hash}"}\n`,
    'number.yaml': 'access:\n  users: {alice: 271828}\n',
    'no-map.yaml': 'access:\n  users: hunter2\n',
    'syntax.yaml': `access: {users: {alice: "${hash}", [}}\n`,
    'alias.yaml': `access: {users: {alice: *${hash}}}\n`,
    'top-alias.yaml': `*${hash}\n`,
    'block.yaml': `access: {users: {alice: |${hash}\n}}\n`,
    'value.yaml': `limits: {receiveMax: "${hash}"}\n`,
    'word.yaml': `access: {anonymous: "${hash}"}\n`,
    'key.yaml': `${hash}: 1\n`,
  }
  const directory = t.testdir(files)

  for (const name of Object.keys(files)) {
    const message = thrownBy(() => load(resolve(directory, name)))
    t.match(message, name)
    t.notMatch(message, /AAAA|BBBB|271828|hunter2/, name)
  }
})

function thrownBy(load: () => unknown): string {
  try {
    load()
    return ''
  } catch (error) {
    return String(error)
  }
}

test('a missing file is an error with its name', async t => {
  t.throws(() => load('/nowhere/pondhawk.yaml'), {
    message: '/nowhere/pondhawk.yaml cannot be read (ENOENT)',
  })
})

test('JSON is read as well', async t => {
  const directory = t.testdir({ 'pondhawk.json': '{"limits": {"receiveMax": 7}}' })

  t.equal(load(resolve(directory, 'pondhawk.json')).limits.receiveMax, 7)
})

test('the environment goes before the file, in any spelling of its case', async t => {
  const directory = t.testdir({ 'pondhawk.yaml': 'limits:\n  receiveMax: 7\n  inFlightMax: 8\n' })
  const file = resolve(directory, 'pondhawk.yaml')

  const { limits, log } = load(file, {
    PONDHAWK_LIMITS__RECEIVE_MAX: '9',
    PONDHAWK_LOG__level: 'warn',
    PATH: '/bin',
  })

  t.strictSame([limits.receiveMax, limits.inFlightMax, log.level], [9, 8, 'warn'])
})

test('an error in the environment names the variable', async t => {
  t.throws(() => load(null, { PONDHAWK_LIMITS__RECEIVE_MAX: '-1' }), {
    message: 'PONDHAWK_LIMITS__RECEIVE_MAX: must be 1 or more, not -1',
  })
})

test('files are looked for beside the configuration that names them', async t => {
  const directory = t.testdir({
    'pondhawk.yaml':
      'listeners:\n  - tls: {certFile: s.crt, keyFile: /k.key, sni: {a.b: {certFile: x, keyFile: y}}}\n',
  })

  const [listener] = load(resolve(directory, 'pondhawk.yaml')).listeners

  t.match(listener?.tls, {
    certFile: resolve(directory, 's.crt'),
    keyFile: '/k.key',
    sni: { 'a.b': { certFile: resolve(directory, 'x') } },
  })
})

test('an entry of a list goes by its number in the environment', async t => {
  const directory = t.testdir({
    'pondhawk.yaml': 'listeners: [{port: 1}, {port: 2, origins: [a, b]}]\n',
  })
  const file = resolve(directory, 'pondhawk.yaml')

  const { listeners } = load(file, {
    PONDHAWK_LISTENERS__1__ORIGINS__1: 'c',
    PONDHAWK_LISTENERS__2__PORT: '3',
    PONDHAWK_LISTENERS__0__HOST: '::1',
  })
  t.match(listeners, [
    { host: '::1', port: 1 },
    { port: 2, origins: ['a', 'c'] },
    { host: 'localhost', port: 3 },
  ])
  // Without a file the list is what it is without a word.
  const own = load(null, { PONDHAWK_LISTENERS__0__PORT: '1884' }).listeners
  t.match(own, [
    { protocol: 'mqtt', port: 1_884 },
    { protocol: 'ws', port: 8_083 },
  ])
  const whole = { PONDHAWK_LISTENERS__0__PORT: '5', PONDHAWK_LISTENERS: '[{port: 4, host: "::1"}]' }
  t.match(load(null, whole).listeners, [{ host: '::1', port: 5 }])
})

test('a variable that is wrong is named, with what was meant', async t => {
  const table: readonly (readonly [string, string, string])[] = [
    ['PONDHAWK_LIMTS__X', '1', 'unknown key "LIMTS" (did you mean "limits"?)'],
    [
      'PONDHAWK_LIMITS__PACKET_BYTE_MAX',
      '1',
      'unknown key "PACKET_BYTE_MAX" (did you mean "packetBytesMax"?)',
    ],
    ['PONDHAWK_LISTENERS__0__PROT', '1', 'unknown key "PROT" (did you mean "port"?)'],
    [
      'PONDHAWK_LISTENERS__7__PORT',
      '1',
      'the list has entries 0 to 1, and entry 2 would be the next: there is no 7',
    ],
    [
      'PONDHAWK_LISTENERS__first__PORT',
      '1',
      'the list has entries 0 to 1, and entry 2 would be the next: there is no first',
    ],
    ['PONDHAWK_LISTENERS__0__ORIGINS', 'a,b', 'must be a list, as [one, two], not "a,b"'],
    ['PONDHAWK_PORT', '1', 'unknown key "PORT" (did you mean listeners.0.port?)'],
    ['PONDHAWK_RECEIVE_MAX', '1', 'unknown key "RECEIVE_MAX" (did you mean limits.receiveMax?)'],
    ['PONDHAWK_LIMITS', '7', 'must be a map of keys and values, not 7'],
  ]
  for (const [name, value, sentence] of table) {
    t.throws(() => load(null, { [name]: value }), { message: `${name}: ${sentence}` }, name)
  }
  t.throws(() => load(null, { PONDHAWK___PROTO____X: '1' }), /unknown key/)
})

test('a variable does not hide what is wrong in the file', async t => {
  const directory = t.testdir({ 'a.yaml': 'listeners: {port: 1}\nlimits: many\n' })
  const file = resolve(directory, 'a.yaml')

  t.throws(() => load(file, { PONDHAWK_LISTENERS__0__PORT: '2' }), {
    message: 'PONDHAWK_LISTENERS__0__PORT: listeners is a map in the file, and no list',
  })
  t.throws(() => load(file, { PONDHAWK_LIMITS__RECEIVE_MAX: '2' }), {
    message: 'PONDHAWK_LIMITS__RECEIVE_MAX: limits is text in the file, and no map',
  })
})
