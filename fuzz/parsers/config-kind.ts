// Configurations: what is accepted has no key that was ignored, and no listener is open to strangers without the words for it.

import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parse, stringify } from 'yaml'
import { loadConfig } from '../../src/config/load.ts'
import type { Random } from '../random.ts'
import type { Outcome } from '../target.ts'
import { count, type FileKind } from './file-target.ts'
import { bytesOf, mutatedText } from './text-maker.ts'

const HOSTS = [
  'localhost',
  '127.0.0.1',
  '::1',
  '0.0.0.0',
  '::',
  '192.0.2.1',
  'example.org',
  '127.1',
]
const TLS = { certFile: 'a.pem', keyFile: 'a.key' }
const HASH = `$7$1$${Buffer.alloc(12).toString('base64')}$${Buffer.alloc(64).toString('base64')}`
/** YAML that is more than keys and values. */
const STRANGE = [
  'a: &a [x, x]\nb: [*a, *a]\n',
  'log: &l {level: info}\nlimits: {<<: *l}\n',
  'log: *nowhere\n',
  '--- {}\n--- {}\n',
  '? [a, b]\n: 1\n',
  'log: !!js/function "x"\n',
  '__proto__: {access: {}}\n',
  'constructor: 1\n',
  'log: {level: info, level: debug}\n',
  '%YAML 1.1\n---\nlisteners: [{plaintext: yes}]\n',
  `a: &a [1]\n${Array.from({ length: 12 }, (_, index) => `b${index}: &b${index} [${`*${index === 0 ? 'a' : `b${index - 1}`},`.repeat(9)}1]\n`).join('')}`,
]

let file: string | null = null

export const CONFIG_KIND: FileKind = { name: 'config', make, check }

function make(random: Random): Buffer {
  const config = configAtRandom(random)
  const text = random.chance(2) ? stringify(config) : JSON.stringify(config, null, 1)
  const strange = random.chance(10) ? random.of(STRANGE) : ''
  const whole = text === '{}\n' || text === '{}' ? strange : strange + text
  return bytesOf(random.chance(4) ? whole : mutatedText(whole, random), random)
}

function configAtRandom(random: Random): Record<string, unknown> {
  const maybe = (key: string, values: readonly unknown[]): Record<string, unknown> =>
    random.chance(3) ? { [key]: random.of(values) } : {}
  const listeners = Array.from({ length: random.below(3) }, () => ({
    ...maybe('protocol', ['mqtt', 'ws']),
    ...maybe('host', HOSTS),
    ...maybe('port', [0, 1_883, 65_535]),
    ...maybe('tls', [TLS, { ...TLS, caFile: 'ca.pem', requireCertificate: true }]),
    ...maybe('plaintext', [true, false]),
    ...maybe('proxyProtocol', [true, false]),
  }))
  const access = {
    ...maybe('anonymous', ['never', 'loopback', 'everywhere']),
    ...maybe('users', [{ u: HASH }, {}]),
    ...maybe('usersFile', ['pondhawk.users']),
    ...maybe('rules', ['user u\ntopic read #\n']),
  }
  return {
    ...(listeners.length > 0 ? { listeners } : {}),
    ...(random.chance(2) ? { access } : {}),
    ...maybe('limits', [{ packetBytesMax: '1MiB', receiveMax: 10 }, {}]),
    ...maybe('log', [{ level: 'debug' }]),
    ...maybe('store', [{ durability: 'memory' }]),
  }
}

function check(bytes: Buffer, counts: Record<string, number>): Outcome {
  file ??= join(mkdtempSync(join(tmpdir(), 'fuzz-')), 'pondhawk.yaml')
  writeFileSync(file, bytes)
  try {
    const config = loadConfig({ file, environment: {}, overrides: {} })
    count(counts, 'accepted')
    return ignoredKey(parse(bytes.toString('utf8')) ?? {}, config, '') ?? openListener(config)
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'ERR_CONFIG')
      return `threw ${String(error)}`
    count(counts, 'refused')
    return error.message.includes(HASH.slice(0, 40)) ? 'the sentence has a hash' : null
  }
}

/** Everything that the file says is in the configuration. */
function ignoredKey(said: unknown, held: unknown, path: string): string | null {
  if (typeof said !== 'object' || said === null) return null
  if (typeof held !== 'object' || held === null) return `${path} was ignored`
  for (const [key, value] of Object.entries(said)) {
    if (!Object.hasOwn(held, key)) return `${path}.${key} was ignored`
    const ignored = ignoredKey(value, Reflect.get(held, key), `${path}.${key}`)
    if (ignored !== null) return ignored
  }
  return null
}

/** Keys of `access` that let nobody in. */
const NO_USERS = ['rules', 'rulesFile', 'anonymous', 'certificates']

function openListener({ listeners, access }: ReturnType<typeof loadConfig>): string | null {
  const asks = Object.entries(access).some(
    ([key, value]) => !NO_USERS.includes(key) && value !== undefined,
  )
  for (const { host, path, tls, plaintext } of listeners) {
    const isHere = path !== undefined || /^(?:localhost|127(?:\.\d+){3}|::1)$/.test(host)
    const isKnown = asks || access.anonymous === 'everywhere' || tls?.requireCertificate === true
    if (!isHere && !isKnown) return `${host} is open to everybody`
    if (!isHere && tls === undefined && !plaintext) return `${host} is open without TLS`
  }
  return null
}
