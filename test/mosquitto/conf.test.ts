// mosquitto.conf as people have it: 16 real files, and each rule of the format that 2.0 and 2.1 agree on.

import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Test, test } from 'tap'
import { loadConfig } from '../../src/config/load.ts'
import { isConfOfMosquitto } from '../../src/config/load.ts'
import type { Config } from '../../src/config/config-types.ts'
import { inputOf, mapConfFile, type MappedConf, yamlOf } from '../../src/mosquitto/conf-config.ts'
import { ConfError, readConfFile } from '../../src/mosquitto/conf-file.ts'
import { CONF_OPTIONS, confOption } from '../../src/mosquitto/conf-options.ts'
import { optionsPage } from '../../src/mosquitto/print-options.ts'
import { SILENT } from '../../src/observe/log.ts'
import { startServer } from '../../src/server/server.ts'
import { makeCertificates } from '../transport/world.ts'
import { parse } from 'yaml'
import { parseConfig } from '../../src/config/parse.ts'

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../../..')
const SAMPLES = resolve(ROOT, 'test/mosquitto/samples')

interface Sample {
  readonly file: string
  readonly '2.0.11': { readonly parse: 'ok' | 'error'; readonly line?: number }
}

const INDEX = JSON.parse(readFileSync(resolve(SAMPLES, 'conf/index.json'), 'utf8')) as Sample[]

function mapped(t: Test, text: string, files: Readonly<Record<string, string>> = {}): MappedConf {
  const folder = t.testdir({ 'mosquitto.conf': text, ...files })
  return mapConfFile(resolve(folder, 'mosquitto.conf'))
}

function configOf({ values }: MappedConf): Config {
  return loadConfig({ file: null, base: inputOf(values), environment: {}, overrides: {} })
}

/** Returns the lines of the error, without the folder. */
function mistakes(t: Test, text: string): readonly string[] {
  const folder = t.testdir({ 'm.conf': text })
  try {
    mapConfFile(resolve(folder, 'm.conf'))
  } catch (error) {
    if (!(error instanceof ConfError)) throw error
    t.equal(error.status, 3)
    return error.message.replaceAll(`${folder}/`, '').split('\n')
  }
  return []
}

test('the table has each option of mosquitto 2.0 and 2.1 once, with what becomes of it', async t => {
  const [, ...rows] = readFileSync(resolve(SAMPLES, 'options.tsv'), 'utf8').trim().split('\n')
  const names = rows.map(row => row.split('\t')[0] ?? '')

  t.strictSame(CONF_OPTIONS.map(({ name }) => name).sort(), names.sort())
  t.equal(names.length, 132)
  for (const { name, type, scope, repeats, outcome, text, min, max } of CONF_OPTIONS) {
    t.ok(['bool', 'int', 'word', 'words', 'text'].includes(type), `${name}: ${type}`)
    t.ok(['global', 'secure', 'listener', 'bridge'].includes(scope), `${name}: ${scope}`)
    t.ok(['adds', 'last', 'once'].includes(repeats), `${name}: ${repeats}`)
    t.ok(['becomes', 'instead', 'refuses'].includes(outcome), `${name}: ${outcome}`)
    t.ok(text.length > 5 && min <= max, name)
  }
  t.equal(readFileSync(resolve(ROOT, 'docs/reference/mosquitto-conf.md'), 'utf8'), optionsPage())
  t.equal(confOption('auth_opt_backends')?.name, 'plugin_opt_*')
  t.equal(confOption('Listener'), undefined)
})

test('the 16 real files are read as mosquitto reads them, and all are taken for mosquitto.conf', async t => {
  for (const { file, '2.0.11': expected } of INDEX) {
    const path = resolve(SAMPLES, 'conf', file)
    t.ok(isConfOfMosquitto(path), file)
    try {
      readConfFile(path)
      t.equal(expected.parse, 'ok', file)
    } catch (error) {
      const { message, status } = error as ConfError
      const isFolder = message.includes('include_dir')
      t.equal(status, isFolder ? 13 : 3, file)
      if (!isFolder) t.match(message, `${file}:${expected.line}  `)
    }
  }
  t.notOk(isConfOfMosquitto(resolve(ROOT, 'config/pondhawk.yaml')))
})

/** Returns the sample with the folders of its machine in this one. */
function moved(text: string, folder: string): string {
  return text
    .replaceAll(/(?<= )\/(?=mosquitto|data|ssl|share|etc|certs|keys|run|var)/g, `${folder}/`)
    .replaceAll(' certs/', ` ${folder}/certs/`)
    .replaceAll('c:\\broker\\etc\\', `${folder}/certs/`)
}

test('brokers start from the real files that need nothing we do not have, and open their listeners', async t => {
  const folder = t.testdir({})
  const made = resolve(folder, 'certs')
  for (const name of ['share/mosquitto', 'etc/mosquitto/conf.d', 'mosquitto/config', 'certs']) {
    mkdirSync(resolve(folder, name), { recursive: true })
  }
  makeCertificates(made)
  for (const name of [
    'mosquitto/config/mosquitto.passwd',
    'mosquitto/config/passwd',
    'etc/mosquitto/passwd',
  ])
    writeFileSync(resolve(folder, name), '')
  writeFileSync(resolve(made, 'acl.file'), 'topic #\n')
  for (const name of ['passwd', 'acl']) writeFileSync(resolve(folder, 'mosquitto', name), '')
  mkdirSync(resolve(folder, 'mosquitto/data'))
  mkdirSync(resolve(folder, 'keys/server'), { recursive: true })
  copyFileSync(
    resolve(ROOT, 'test/access/mosquitto/samples/dynamic-security-2.1.2.json'),
    resolve(folder, 'mosquitto/data/dynsec.json'),
  )
  copyFileSync(resolve(made, 'server.key'), resolve(folder, 'keys/server/server.key'))
  const live = resolve(folder, 'etc/letsencrypt/live/mqtt.example.com')
  mkdirSync(live, { recursive: true })
  const pem = (name: string): string => readFileSync(resolve(made, name), 'utf8')
  writeFileSync(resolve(live, 'cert.pem'), pem('server.crt'))
  writeFileSync(resolve(live, 'fullchain.pem'), pem('ca.crt'))
  writeFileSync(resolve(live, 'privkey.pem'), pem('server.key'))
  const opened: Record<string, readonly string[]> = {}
  const refused: Record<string, string> = {}

  for (const { file } of INDEX) {
    const path = resolve(folder, file)
    writeFileSync(path, moved(readFileSync(resolve(SAMPLES, 'conf', file), 'utf8'), folder))
    let config
    try {
      config = configOf(mapConfFile(path))
    } catch (error) {
      refused[file] = (error as Error).message.replaceAll(`${folder}/`, '').split('\n')[0] ?? ''
      continue
    }
    const listeners = config.listeners.map(each => ({ ...each, host: '127.0.0.1', port: 0 }))
    const store = { ...config.store, durability: 'memory' as const }
    const server = await startServer({ ...config, listeners, store }, SILENT)
    opened[file] = server.listeners.map(({ name }) => name.replace(/:.*/, ''))
    await server.close()
  }

  t.strictSame(opened, {
    '02.conf': ['mqtt'],
    '03.conf': ['mqtt', 'ws'],
    '04.conf': ['mqtt', 'ws'],
    '05.conf': ['mqtt', 'mqtts', 'wss'],
    '06.conf': ['mqtts', 'mqtt'],
    '07.conf': ['mqtt'],
    '08.conf': ['mqtt'],
    '09.conf': ['mqtt'],
    '13.conf': ['mqtts'],
    '15.conf': ['mqtt'],
    '16.conf': ['mqtts', 'mqtt'],
  })
  t.strictSame(Object.keys(refused), ['01.conf', '10.conf', '11.conf', '12.conf', '14.conf'])
  t.match(
    refused['01.conf'],
    /^01.conf:11 {2}auth_plugin: .* plugins of mosquitto cannot be loaded/,
  )
})

test('values are read to the byte: comments, blanks, repeats, and the end of a line', async t => {
  const conf = mapped(
    t,
    [
      '# comment',
      '   ',
      ' listener 1883 127.0.0.1 # MQTT',
      'max_queued_messages 5 # few',
      'max_queued_messages 0x10',
      'allow_anonymous 1\r',
      'password_file  p w # 1 \t\r',
      'persistence true',
    ].join('\n'),
  )
  const { limits, access, listeners, store } = configOf(conf)

  t.equal(limits.queuedMessagesMax, 16)
  t.equal(access.anonymous, 'everywhere')
  t.equal(access.usersFile, resolve('p w # 1'))
  t.match(listeners, [{ host: '127.0.0.1', port: 1883, plaintext: false }])
  t.equal(store.directory, resolve('pondhawk-data'))
  t.equal(conf.databaseFile, resolve('mosquitto.db'))
})

test('a mistake is told with its file and line, and all mistakes at once', async t => {
  const table: readonly (readonly [string, readonly string[]])[] = [
    ['\tlistener 1', ['m.conf:1  mosquitto has no option "\\tlistener"']],
    [
      'allow_anonymous\ttrue',
      ['m.conf:1  after allow_anonymous there must be a space, and no tab'],
    ],
    [' # x', ['m.conf:1  a comment begins with # as the first character of its line']],
    ['\uFEFFuser x', ['m.conf:1  mosquitto has no option "\\u{feff}user" (did you mean user?)']],
    ['max_qos 3\nlog_type odd', ['m.conf:1  max_qos must be 0 to 2, not 3']],
    [
      'persistence yes\nuser',
      ['m.conf:1  persistence must be true or false, not "yes"', 'm.conf:2  user has no value'],
    ],
    [
      'persistence_file a\npersistence_file b',
      ['m.conf:2  persistence_file is there twice: see m.conf:1'],
    ],
    [
      'allow_anonymous true\nper_listener_settings true',
      ['m.conf:2  per_listener_settings must stand before all options about users'],
    ],
    ['listener 70000', ['m.conf:1  listener: "70000" is not a port (1 to 65535)']],
    ['listener 8883\ncertfile a', ['m.conf:1  listener: TLS needs certfile and keyfile']],
    [
      'log_type odd',
      [
        'm.conf:1  log_type: "odd" is not one of all, debug, subscribe, unsubscribe, websockets, internal, information, notice, warning, error, none',
      ],
    ],
    [
      'persistent_client_expiration 10',
      [
        'm.conf:1  persistent_client_expiration: must be a number and one of s, h, d, w, m, y, not "10"',
      ],
    ],
  ]
  for (const [text, expected] of table) t.strictSame(mistakes(t, text), expected, text)
})

test('what would make the broker less safe refuses to start, and what merely differs is told once', async t => {
  const refusing = [
    'clientid_prefixes a*',
    'http_dir /x',
    'tls_engine e',
    'plugin /x.so',
    'mount_point a',
    'mount_point $SYS/',
    'plugin_opt_x 1',
    'use_subject_as_username true',
    'tls_keyform engine',
    'bind_interface nosuch0',
    'psk_hint h',
    'proxy_protocol_v2_require_tls true',
    'global_plugin /x.so',
  ]
  for (const line of refusing) {
    t.match(
      mistakes(t, `listener 1883\n${line}\n`)[0],
      new RegExp(`^m.conf:2  ${line.split(' ')[0]}: `),
    )
  }
  const { notes } = mapped(
    t,
    'listener 1\npid_file a\nmax_qos 1\nlistener 2\nmax_qos 1\nlog_dest stdout\n',
  )
  t.match(notes, [
    /mosquitto.conf:1, 4 {2}listener: it is served without TLS/,
    /mosquitto.conf:2 {2}pid_file: no file has the process id/,
  ])
  t.equal(notes.length, 2)
})

test('listeners are those that mosquitto opens', async t => {
  const opened = (text: string) =>
    configOf(mapped(t, `allow_anonymous true\n${text}`)).listeners.map(
      ({ host, port, path, protocol }) =>
        path ?? `${protocol} ${host.replace('::', '0.0.0.0')} ${port}`,
    )

  t.strictSame(opened(''), ['mqtt localhost 1883'])
  t.strictSame(opened('port 1884\nbind_address 127.0.0.2'), ['mqtt 127.0.0.2 1884'])
  t.strictSame(opened('protocol mqtt\nlistener 1885'), ['mqtt 0.0.0.0 1885'])
  t.strictSame(opened('max_connections 5\nlistener 1885 localhost\nport 1886'), [
    'mqtt 0.0.0.0 1886',
    'mqtt localhost 1885',
  ])
  t.strictSame(opened('listener 0 /run/m.sock\nlistener 9001\nprotocol websockets'), [
    '/run/m.sock',
    'ws 0.0.0.0 9001',
  ])
  t.strictSame(opened('listener 1\nsocket_domain ipv4\nbind_interface lo'), ['mqtt 127.0.0.1 1'])
})

test('what a listener asks of its clients is taken over', async t => {
  const text = 'clientid_prefixes home-\nlistener 1883 localhost\nmount_point a/b/\nmax_qos 1\n'
  const { listeners, access } = configOf(mapped(t, `${text}use_username_as_clientid true\n`))

  t.match(listeners, [{ mountPoint: 'a/b/', qosMax: 1, usernameIsClientId: true }])
  t.equal(access.clientIdPattern, 'home-*')
})

test('with per_listener_settings listeners have users and rules of their own where their files differ', async t => {
  const both =
    'per_listener_settings true\nlistener 1883 localhost\nallow_anonymous true\nlistener 1884\n'
  const { access, listeners } = configOf(mapped(t, `${both}password_file p\n`))

  t.match(access, { anonymous: 'everywhere', usersFile: resolve('p') })
  t.match(listeners, [{ requireUser: false }, { requireUser: true }])
  const differing = configOf(mapped(t, `${both}password_file p\nacl_file a\n`)).listeners
  t.strictSame(
    differing.map(each => each.access),
    [
      { anonymous: 'everywhere' },
      { anonymous: 'never', usersFile: resolve('p'), rulesFile: resolve('a') },
    ],
  )
  t.match(configOf(mapped(t, 'listener 1883\n')).access, { anonymous: 'never', users: {} })
  t.equal(configOf(mapped(t, 'password_file p\n')).access.anonymous, 'loopback')
})

test('the plugin of dynamic security becomes its file, which is read as it is', async t => {
  const plugin = 'plugin /usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so\n'
  const file = resolve(ROOT, 'test/access/mosquitto/samples/dynamic-security-2.1.2.json')
  const listener = 'listener 1883 127.0.0.1\nallow_anonymous false\n'
  const conf = mapped(t, `${listener}${plugin}plugin_opt_config_file ${file}\n`)
  const config = configOf(conf)
  const server = await startServer(
    { ...config, listeners: config.listeners.map(each => ({ ...each, port: 0 })) },
    SILENT,
  )
  await server.close()

  t.match(config.access, { dynamicSecurityFile: file, anonymous: 'never' })
  t.equal(config.access.users, undefined)
  t.match(conf.notes, [/the broker itself reads its file/])
  t.match(mistakes(t, `${listener}${plugin}`)[0], /needs plugin_opt_config_file/)
  const beside = `${listener}${plugin}plugin_opt_config_file f\npassword_file p\n`
  t.match(mistakes(t, beside)[0], /^m.conf:5 {2}password_file: the dynamic security has users/)
})

test('certificates, keys and ciphers are those of the file', async t => {
  const tls = 'listener 8883\ncafile ca\ncertfile c\nkeyfile k\ntls_version tlsv1.3\n'
  const { listeners, access } = configOf(
    mapped(
      t,
      `${tls}use_identity_as_username true\nciphers_tls1.3 TLS_AES_128_GCM_SHA256\nciphers A:B\n`,
    ),
  )

  t.match(listeners[0]?.tls, {
    certFile: resolve('c'),
    requireCertificate: true,
    minVersion: 'TLSv1.3',
    ciphers: 'TLS_AES_128_GCM_SHA256:A:B',
  })
  t.match(access, { certificates: { user: 'commonName' }, users: {} })
  const mixed = `${tls}require_certificate true\n${tls.replace('8883', '8884')}use_identity_as_username true\n`
  t.match(mistakes(t, mixed)[0], /use_identity_as_username: must be the same for all/)
  const keys = configOf(
    mapped(t, 'psk_file k\nlistener 8883\npsk_hint h\nuse_identity_as_username true\n'),
  )
  t.match(keys, {
    listeners: [{ tls: { pskFile: resolve('k'), pskHint: 'h' } }],
    access: { psk: { user: 'identity' } },
  })
})

test('a folder of files is read in the order of mosquitto, each without the listener before it', async t => {
  const folder = t.testdir({
    'mosquitto.conf': 'listener 1883 127.0.0.1\ninclude_dir DIR\nmax_connections 7\n',
    d: {
      'b.conf': 'max_queued_messages 3\n',
      'B.conf': 'max_queued_messages 2\n',
      'a.conf': 'max_queued_messages 1\n',
      '.z.conf': 'max_keepalive 9\n',
      'c.txt': 'no\n',
    },
  })
  const file = resolve(folder, 'mosquitto.conf')
  writeFileSync(file, readFileSync(file, 'utf8').replace('DIR', resolve(folder, 'd')))
  const { limits, listeners } = configOf(mapConfFile(file))

  t.match(limits, { queuedMessagesMax: 3, keepAliveSecondsMax: 9 })
  t.match(listeners, [{ connectionsMax: 7 }])
  writeFileSync(resolve(folder, 'd/a.conf'), `include_dir ${folder}\n`)
  t.throws(() => mapConfFile(file), /a.conf:1 {2}include_dir counts in the main file only/)
})

test('as YAML it is the same configuration, and comments name the lines', async t => {
  for (const { file } of INDEX.filter(({ file: name }) =>
    ['03.conf', '04.conf', '15.conf'].includes(name),
  )) {
    const conf = mapConfFile(resolve(SAMPLES, 'conf', file))
    const yaml = yamlOf(conf, file)

    t.strictSame(parseConfig(parse(yaml)), configOf(conf), file)
    if (file === '04.conf') t.match(yaml, /port: 1883 # .*04.conf:3 listener$/m)
  }
  t.equal(readdirSync(resolve(SAMPLES, 'conf')).length, 17)
})

test('bridges are mapped with their prefixes, and a right that would grow refuses', async t => {
  const lines = [
    'listener 1883 127.0.0.1',
    'connection a b',
    'addresses one [::1]:1884',
    'topic d/# in 1 "" a/x/',
    'topic # both 2 "site one/" ""',
    'topic s',
    'cleansession true',
    'try_private false',
    'remote_username u',
    'remote_password "p w"',
    'restart_timeout 10 120 # growing',
    'notifications_local_only true',
    'bridge_cafile /ca.crt',
    'connection second',
    'address other:8883',
    'topic t out',
    'bridge_protocol_version mqttv50',
  ]
  const conf = mapped(t, lines.join('\n'))
  const topic = { filter: 's', direction: 'out', qos: 0, localPrefix: '', remotePrefix: '' }
  t.match(configOf(conf).bridges, {
    a: {
      addresses: ['one:1883', '[::1]:1884'],
      protocol: '3.1.1',
      cleanStart: true,
      bridgeBit: false,
      username: 'u',
      password: '"p w"',
      restartSecondsMin: 10,
      restartSecondsMax: 120,
      notifications: 'local',
      tls: { caFile: '/ca.crt' },
      topics: [
        { ...topic, filter: 'd/#', direction: 'in', qos: 1, remotePrefix: 'a/x/' },
        { ...topic, filter: '#', direction: 'both', qos: 2, localPrefix: 'site one/' },
        topic,
      ],
    },
    second: { addresses: ['other:8883'], protocol: '5', tls: undefined },
  })
  for (const [line, sentence] of [
    ['local_username u', /a bridge has all rights here/],
    ['bridge_psk 00', /no pre-shared keys/],
    ['topic x sideways', /expected FILTER, out, in or both/],
    ['restart_timeout 0', /are not seconds/],
  ] as const) {
    t.throws(() => mapped(t, [...lines, line].join('\n')), { message: sentence }, line)
  }
})

const LARGE: readonly (readonly [string, string, RegExp])[] = [
  ['spaces within a value', `acl_file a${' '.repeat(500_000)}b`, /^$/],
  ['returns within a line', `${'\r'.repeat(500_000)}b`, /has no option/],
  ['wrong lines', 'foo bar\n'.repeat(200_000), /:100 {2}.*\nand perhaps more$/s],
  ['topics of a bridge', `connection a\naddress h\n${'topic a\n'.repeat(20_000)}`, /^$/],
  ['listeners', 'listener 1883\n'.repeat(20_000), /1001 {2}more than 1000 times listener/],
  ['bridges', 'connection a\n'.repeat(20_000), /1001 {2}more than 1000 times connection/],
]

for (const [what, text, expected] of LARGE) {
  test(`a file with very many ${what} is read or refused in a bounded time`, t => {
    const started = performance.now()

    const found = mistakes(t, text)

    t.match(found.join('\n'), expected)
    // Each took minutes.
    t.ok(performance.now() - started < 5_000)
    t.end()
  })
}
