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
      `${file}:5:3  limits.receiveMax: must be a number, not string`,
      '        receiveMax: none',
      '        ^',
    ].join('\n'),
  })
})

test('broken YAML is an error with its place', async t => {
  const directory = t.testdir({ 'pondhawk.yaml': 'limits:\n  receiveMax: [1\n' })

  t.throws(() => load(resolve(directory, 'pondhawk.yaml')), /pondhawk\.yaml:\d+:\d+ {2}/)
})

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
    message: 'PONDHAWK_LIMITS__RECEIVE_MAX: must be 1 or more',
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
