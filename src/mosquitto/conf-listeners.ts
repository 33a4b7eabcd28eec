// The listeners of a mosquitto.conf.

import { networkInterfaces } from 'node:os'
import { resolve } from 'node:path'
import { DEFAULT_CIPHERS } from 'node:tls'
import { isMountPoint, isOfThisMachine, MOUNT_POINT_FORM } from '../config/parse.ts'
import { type ConfFile, quoted, type Setting, type Settings } from './conf-file.ts'
import { type Mapping, settingOf, textIn, valueIn } from './mapping.ts'

export interface ConfListener {
  /** The line that begins it. */
  readonly line: Pick<Setting, 'key' | 'place'>
  readonly settings: Settings
  /** It is there because no line begins one. */
  readonly isImplied: boolean
  readonly isOfThisMachine: boolean
}

const DEFAULT_PORT = 1_883

/** Options that are about users, and begin no listener. */
const NO_LISTENER = ['per_listener_settings']

/** Maps the listeners, and returns them in the order of our configuration. */
export function mapListeners(conf: ConfFile, mapping: Mapping): readonly ConfListener[] {
  const listeners = [...firstOf(conf), ...conf.listeners.map(settings => namedOf(settings))]
  if (listeners.length === 0) {
    const path = ['listeners', 0]
    mapping.set([...path, 'host'], 'localhost', 'no line begins a listener')
    mapping.set([...path, 'port'], DEFAULT_PORT, 'no line begins a listener')
    const line = { key: 'listener', place: conf.file }
    return [{ line, settings: conf.first, isImplied: true, isOfThisMachine: true }]
  }
  return listeners.map((listener, index) => mapListener(listener, index, conf, mapping))
}

type Opened = Omit<ConfListener, 'isOfThisMachine'>

/** mosquitto opens one for lines before any `listener` if a value is not the default. */
function firstOf({ first }: ConfFile): readonly Opened[] {
  const telling = [...first.values()].flat().filter(isTelling)
  const [line] = telling
  return line === undefined ? [] : [{ line, settings: first, isImplied: false }]
}

function isTelling({ option, value }: Setting): boolean {
  if (NO_LISTENER.includes(option.name)) return false
  const isDefault =
    value === false ||
    (option.name === 'protocol' && value === 'mqtt') ||
    (option.name === 'max_connections' && value === -1) ||
    (option.name === 'max_qos' && value === 2) ||
    ['max_topic_alias', 'max_topic_alias_broker'].includes(option.name)
  return option.name === 'allow_anonymous' || !isDefault
}

function namedOf(settings: Settings): Opened {
  const line = settingOf(settings, 'listener')
  return { line: line ?? { key: 'listener', place: '' }, settings, isImplied: false }
}

function mapListener(
  opened: Opened,
  index: number,
  conf: ConfFile,
  mapping: Mapping,
): ConfListener {
  const { settings, line } = opened
  const path = ['listeners', index]
  const place = placeOf(opened, mapping)
  const from = `${line.place} ${line.key}`
  for (const [key, value] of Object.entries(place)) mapping.set([...path, key], value, from)
  mapProtocol(settings, path, mapping)
  const isSecure = mapTls(opened, path, conf, mapping)
  const isLocal = isOfThisMachine({ host: place.host ?? 'localhost', ...place })
  if (!isSecure && !isLocal) {
    mapping.set([...path, 'plaintext'], true, 'mosquitto serves it without TLS')
    mapping.note(line, 'it is served without TLS: passwords and messages can be read on the way')
  }
  const connections = settingOf(settings, 'max_connections')
  if (connections !== null && Number(connections.value) > 0) {
    const value = Math.min(1_000_000, Number(connections.value))
    mapping.set([...path, 'connectionsMax'], value, [connections])
  }
  const proxy = settingOf(settings, 'enable_proxy_protocol')
  if (proxy !== null && proxy.value !== 0) {
    mapping.set([...path, 'proxyProtocol'], true, [proxy])
    mapping.note(proxy, 'a header of either version is read, from every address that connects')
  }
  mapTerms(settings, path, mapping)
  return { ...opened, isOfThisMachine: isLocal }
}

/** What holds for all clients of the listener. */
function mapTerms(settings: Settings, path: readonly (string | number)[], mapping: Mapping): void {
  const mountPoint = settingOf(settings, 'mount_point')
  if (mountPoint !== null) {
    const text = String(mountPoint.value)
    if (!isMountPoint(text)) mapping.refuse(mountPoint, `${quoted(text)} ${MOUNT_POINT_FORM}`)
    mapping.set([...path, 'mountPoint'], text, [mountPoint])
  }
  const qos = settingOf(settings, 'max_qos')
  if (qos !== null) mapping.set([...path, 'qosMax'], qos.value, [qos])
  const named = settingOf(settings, 'use_username_as_clientid')
  if (named?.value !== true) return
  mapping.set([...path, 'usernameIsClientId'], true, [named])
  const proved = settingOf(settings, 'use_identity_as_username')
  if (proved?.value === true) {
    mapping.note(named, 'CONNECT must have the name of the certificate as its user name')
  }
}

interface Place {
  readonly host?: string
  readonly port?: number
  readonly path?: string
}

function placeOf({ settings, line }: Opened, mapping: Mapping): Place {
  const [port = '', named] = (textIn(settings, 'listener') ?? '').split(/[ \t]+/)
  const number = port === '' ? valueIn(settings, 'port', DEFAULT_PORT) : Number(port)
  if (number === 0 && named !== undefined) return { path: resolve(named) }
  if (!Number.isInteger(number) || number < 1 || number > 65_535) {
    mapping.refuse(line, `${quoted(port)} is not a port (1 to 65535)`)
  }
  const host = named ?? textIn(settings, 'bind_address') ?? null
  return { host: deviceHost(settings, mapping) ?? host ?? everywhere(settings), port: number }
}

/** To listen on more addresses than those of the device would be less safe. */
function deviceHost(settings: Settings, mapping: Mapping): string | null {
  const device = settingOf(settings, 'bind_interface')
  if (device === null) return null
  const addresses = networkInterfaces()[String(device.value)] ?? []
  const [first] = addresses.toSorted((one, other) => one.family.localeCompare(other.family))
  if (first === undefined) {
    mapping.refuse(device, `this machine has no device ${quoted(String(device.value))}`)
    return null
  }
  mapping.note(device, `only ${first.address} is served, the address that the device has now`)
  return first.address
}

function everywhere(settings: Settings): string {
  const domain = textIn(settings, 'socket_domain')
  if (domain === 'ipv4') return '0.0.0.0'
  if (domain === 'ipv6') return '::'
  const all = Object.values(networkInterfaces()).flat()
  return all.some(each => each?.family === 'IPv6') ? '::' : '0.0.0.0'
}

function mapProtocol(settings: Settings, path: readonly (string | number)[], mapping: Mapping) {
  const protocol = settingOf(settings, 'protocol')
  if (protocol === null || protocol.value === 'mqtt') return
  if (protocol.value !== 'websockets') {
    mapping.refuse(protocol, `must be mqtt or websockets, not ${quoted(String(protocol.value))}`)
    return
  }
  mapping.set([...path, 'protocol'], 'ws', [protocol])
  const origins = settings.get('websockets_origin') ?? []
  if (origins.length > 0) {
    mapping.set(
      [...path, 'origins'],
      origins.map(({ value }) => String(value)),
      origins,
    )
    return
  }
  mapping.set([...path, 'origins'], ['*'], 'without websockets_origin all are let in')
  mapping.note(protocol, 'web pages of every origin may connect; websockets_origin bounds them')
}

const FILES = { certfile: 'certFile', keyfile: 'keyFile', cafile: 'caFile', crlfile: 'crlFile' }
const VERSIONS: Readonly<Record<string, string>> = {
  'tlsv1.1': 'TLSv1.2',
  'tlsv1.2': 'TLSv1.2',
  'tlsv1.3': 'TLSv1.3',
}

/** Returns whether the listener has TLS. */
function mapTls(
  { settings, line }: Opened,
  listener: readonly (string | number)[],
  conf: ConfFile,
  mapping: Mapping,
): boolean {
  const path = [...listener, 'tls']
  const psk = settingOf(settings, 'psk_hint')
  if (!['certfile', 'keyfile', 'cafile'].some(name => settings.has(name)) && psk === null) {
    return false
  }
  const hasCertificate = settings.has('certfile') && settings.has('keyfile')
  if (!hasCertificate && (psk === null || settings.has('certfile'))) {
    mapping.refuse(line, 'TLS needs certfile and keyfile')
  }
  for (const [name, key] of Object.entries(FILES)) {
    const file = settingOf(settings, name)
    if (file !== null) mapping.set([...path, key], resolve(String(file.value)), [file])
  }
  if (psk !== null) mapPsk(psk, path, conf.isPerListener ? settings : conf.global, mapping)
  mapVersion(settings, path, mapping)
  mapCiphers(settings, path, mapping)
  const asking = ['require_certificate', 'use_identity_as_username']
    .flatMap(name => settings.get(name) ?? [])
    .filter(({ value }) => value === true)
  if (asking.length > 0 && hasCertificate) {
    // With use_identity_as_username alone mosquitto lets nobody in.
    mapping.set([...path, 'requireCertificate'], true, asking)
    const [first = line] = asking
    if (!settings.has('cafile')) mapping.refuse(first, 'needs cafile, to verify certificates with')
  }
  return true
}

function mapPsk(
  hint: Setting,
  path: readonly (string | number)[],
  secure: Settings,
  mapping: Mapping,
): void {
  const file = settingOf(secure, 'psk_file')
  if (file === null) {
    mapping.refuse(hint, 'needs psk_file')
    return
  }
  mapping.set([...path, 'pskFile'], resolve(String(file.value)), [file])
  mapping.set([...path, 'pskHint'], hint.value, [hint])
}

function mapVersion(
  settings: Settings,
  path: readonly (string | number)[],
  mapping: Mapping,
): void {
  const version = settingOf(settings, 'tls_version')
  if (version === null) return
  const least = VERSIONS[String(version.value)]
  if (least === undefined) {
    mapping.refuse(version, `must be one of ${Object.keys(VERSIONS).join(', ')}`)
    return
  }
  mapping.set([...path, 'minVersion'], least, [version])
  if (version.value === 'tlsv1.1') mapping.note(version, 'the oldest version here is TLS 1.2')
}

/** One list has the ciphers of all versions; those of a version that no line names are the defaults. */
function mapCiphers(
  settings: Settings,
  path: readonly (string | number)[],
  mapping: Mapping,
): void {
  const found = ['ciphers_tls1.3', 'ciphers'].flatMap(name => settings.get(name) ?? [])
  if (found.length === 0) return
  const defaults = DEFAULT_CIPHERS.split(':')
  const own = textIn(settings, 'ciphers')?.split(':') ?? []
  const all = [
    ...(textIn(settings, 'ciphers_tls1.3')?.split(':') ?? defaults.filter(isOfTls13)),
    ...(own.length > 0 ? own : defaults.filter(name => !isOfTls13(name))),
  ]
  mapping.set([...path, 'ciphers'], all.join(':'), found)
}

function isOfTls13(cipher: string): boolean {
  return cipher.startsWith('TLS_')
}
