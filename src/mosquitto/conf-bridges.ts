// The bridges of a mosquitto.conf.

import { type ConfFile, quoted, type Setting, type Settings } from './conf-file.ts'
import { type Mapping, settingOf } from './mapping.ts'

const NAME_LENGTH_MAX = 64
/** mosquitto takes this port with TLS too. */
const PORT = 1_883

/** What becomes a key under another name, with the same value. */
const SAME: readonly (readonly [option: string, key: string])[] = [
  ['remote_clientid', 'clientId'],
  ['remote_username', 'username'],
  ['remote_password', 'password'],
  ['cleansession', 'cleanStart'],
  ['keepalive_interval', 'keepAliveSeconds'],
  ['try_private', 'bridgeBit'],
  ['bridge_outgoing_retain', 'retain'],
  ['notification_topic', 'notificationTopic'],
]
const SAME_TLS: readonly (readonly [option: string, key: string])[] = [
  ['bridge_cafile', 'caFile'],
  ['bridge_certfile', 'certFile'],
  ['bridge_keyfile', 'keyFile'],
  ['bridge_alpn', 'alpn'],
]
/** Options by which mosquitto speaks TLS. */
const TELLS_TLS = ['bridge_cafile', 'bridge_capath', 'bridge_tls_use_os_certs', 'bridge_certfile']

export function mapBridges(conf: ConfFile, mapping: Mapping): void {
  for (const bridge of conf.bridges) {
    const [connection] = bridge.get('connection') ?? []
    if (connection !== undefined) mapBridge(connection, bridge, mapping)
    refuseMoreRights(bridge, mapping)
  }
}

function mapBridge(connection: Setting, bridge: Settings, mapping: Mapping): void {
  const path = ['bridges', nameOf(connection, mapping)]
  mapAddresses(connection, bridge, path, mapping)
  mapSame(SAME, bridge, path, mapping)
  if (TELLS_TLS.some(name => bridge.has(name))) {
    mapping.set([...path, 'tls'], {}, 'mosquitto speaks TLS to it')
    mapSame(SAME_TLS, bridge, [...path, 'tls'], mapping)
  }
  const version = settingOf(bridge, 'bridge_protocol_version')
  const protocol = version?.value === 'mqttv50' ? '5' : '3.1.1'
  const from = version === null ? 'the default of mosquitto' : [version]
  mapping.set([...path, 'protocol'], protocol, from)
  if (version?.value === 'mqttv31') mapping.note(version, 'it is spoken to by MQTT 3.1.1')
  mapNotifications(bridge, path, mapping)
  mapPauses(bridge, path, mapping)
  const topics = bridge.get('topic') ?? []
  if (topics.length === 0) mapping.refuse(connection, 'it has no line `topic`')
  for (const [index, topic] of topics.entries()) {
    mapTopic(topic, [...path, 'topics', index], mapping)
  }
}

function nameOf(connection: Setting, mapping: Mapping): string {
  const given = String(connection.value)
  const name = given.replaceAll(/[^\w.-]/g, '-').slice(0, NAME_LENGTH_MAX)
  if (name !== given) mapping.note(connection, `it is called ${name}`)
  return name
}

function mapAddresses(
  connection: Setting,
  bridge: Settings,
  path: readonly string[],
  mapping: Mapping,
): void {
  const setting = settingOf(bridge, 'address')
  if (setting === null) {
    mapping.refuse(connection, 'it has no line `address`')
    return
  }
  const addresses = String(setting.value)
    .split(/[ \t]+/)
    .map(address => (/:\d+$/.test(address) ? address : `${address}:${PORT}`))
  mapping.set([...path, 'addresses'], addresses, [setting])
}

function mapSame(
  names: readonly (readonly [string, string])[],
  bridge: Settings,
  path: readonly string[],
  mapping: Mapping,
): void {
  for (const [option, key] of names) {
    const setting = settingOf(bridge, option)
    if (setting !== null) mapping.set([...path, key], setting.value, [setting])
  }
}

function mapNotifications(bridge: Settings, path: readonly string[], mapping: Mapping): void {
  const [all, local] = ['notifications', 'notifications_local_only'].map(name =>
    settingOf(bridge, name),
  )
  if (all?.value === false) mapping.set([...path, 'notifications'], 'none', [all])
  else if (local?.value === true) mapping.set([...path, 'notifications'], 'local', [local])
}

function mapPauses(bridge: Settings, path: readonly string[], mapping: Mapping): void {
  const setting = settingOf(bridge, 'restart_timeout')
  if (setting === null) return
  const [first = '', last = first] = String(setting.value).split(/[ \t]+/)
  const [min, max] = [Number(first), Number(last)]
  if (!(min >= 1 && max >= min)) {
    mapping.refuse(setting, `${quoted(String(setting.value))} are not seconds, the least first`)
    return
  }
  mapping.set([...path, 'restartSecondsMin'], Math.min(min, 3_600), [setting])
  mapping.set([...path, 'restartSecondsMax'], Math.min(max, 86_400), [setting])
}

/** `FILTER [out|in|both [QOS [LOCAL [REMOTE]]]]`; `""` is an empty word. */
function mapTopic(setting: Setting, path: readonly (string | number)[], mapping: Mapping): void {
  const words = wordsOf(String(setting.value))
  const [filter = '', direction = 'out', qos = '0', localPrefix = '', remotePrefix = ''] = words
  if (!['out', 'in', 'both'].includes(direction) || !/^[012]$/.test(qos)) {
    mapping.refuse(setting, 'expected FILTER, out, in or both, a QoS, and the two prefixes')
    return
  }
  mapping.set(path, { filter, direction, qos: Number(qos), localPrefix, remotePrefix }, [setting])
}

function wordsOf(text: string): readonly string[] {
  return [...text.matchAll(/"([^"]*)"|(\S+)/g)].map(([, inQuotes, word]) => inQuotes ?? word ?? '')
}

/** A bridge has all rights here. */
function refuseMoreRights(bridge: Settings, mapping: Mapping): void {
  const user = settingOf(bridge, 'local_username')
  if (user === null) return
  const sentence = `the rights of ${quoted(String(user.value))} would not count: a bridge has all rights here. Take the line out to accept that`
  mapping.refuse(user, sentence)
}
