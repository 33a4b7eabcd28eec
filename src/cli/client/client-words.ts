// The arguments of `pondhawk pub` and `pondhawk sub`, read as mosquitto's clients read them: the word after a flag is its value, whatever it
// begins with.

import { randomBytes } from 'node:crypto'
import {
  type ConnectPacket,
  NO_PROPERTIES,
  type Properties,
  type ProtocolVersion,
  type QoS,
  type Will,
} from '../../packet/packet.ts'
import { nearest } from '../../nearest.ts'
import type { Flag } from '../commands.ts'
import type { Endpoint } from './client-stream.ts'
import { type PropertyPacket, PropertyWords } from './property-words.ts'
import { type UsageError, usageOf } from '../usage-error.ts'

export class ClientWords {
  readonly command: 'pub' | 'sub'
  readonly positionals: readonly string[]
  readonly properties: PropertyWords
  readonly #values: ReadonlyMap<string, readonly string[]>

  /** Throws UsageError. */
  constructor(command: 'pub' | 'sub', flags: readonly Flag[], args: readonly string[]) {
    this.command = command
    const values = new Map<string, string[]>()
    const positionals: string[] = []
    const properties = new PropertyWords()
    const left = [...args]
    for (let word = left.shift(); word !== undefined; word = left.shift()) {
      if (!word.startsWith('-') || word === '-') {
        positionals.push(word)
        continue
      }
      const [name = '', joined] = word.startsWith('--') ? split(word) : [word]
      const flag = flags.find(each => name === `--${each.name}` || name === `-${each.short}`)
      if (flag === undefined) throw this.#unknown(name, flags)
      if (flag.name === 'property') {
        properties.take(left)
        continue
      }
      const value = flag.type === 'boolean' ? 'true' : (joined ?? left.shift())
      if (value === undefined) throw this.usage(`${name} needs a value: ${name} ${flag.value}.`)
      values.set(flag.name, [...(values.get(flag.name) ?? []), value])
    }
    this.#values = values
    this.positionals = positionals
    this.properties = properties
  }

  has(name: string): boolean {
    return this.#values.has(name)
  }

  /** Returns the last value of the flag, or null. */
  value(name: string): string | null {
    return this.#values.get(name)?.at(-1) ?? null
  }

  all(name: string): readonly string[] {
    return this.#values.get(name) ?? []
  }

  number(name: string, [least, most]: readonly [number, number]): number | null {
    const text = this.value(name)
    if (text === null) return null
    const value = Number(text)
    if (/^\d+(?:\.\d+)?$/.test(text) && value >= least && value <= most) return value
    throw this.usage(`--${name}: ${JSON.stringify(text)} is not a number from ${least} to ${most}.`)
  }

  qos(name: string): QoS {
    const text = this.value(name) ?? '0'
    if (text === '0') return 0
    if (text === '1') return 1
    if (text === '2') return 2
    throw this.usage(`--${name}: QoS is 0, 1 or 2, and not ${JSON.stringify(text)}.`)
  }

  usage(sentence: string): UsageError {
    return usageOf(this.command)(sentence)
  }

  #unknown(name: string, flags: readonly Flag[]): UsageError {
    const names = flags.map(each => each.name)
    const meant = name.startsWith('--') ? nearest(name.slice(2), names) : null
    const hint = meant === null ? '' : ` Did you mean --${meant}?`
    return this.usage(`pondhawk ${this.command} has no flag ${name}.${hint}`)
  }
}

function split(word: string): [string, string | undefined] {
  const at = word.indexOf('=')
  return at < 0 ? [word, undefined] : [word.slice(0, at), word.slice(at + 1)]
}

const VERSIONS: Readonly<Record<string, ProtocolVersion>> = {
  '5': 5,
  mqttv5: 5,
  '311': 4,
  mqttv311: 4,
  '31': 3,
  mqttv31: 3,
}

function versionOf(words: ClientWords): ProtocolVersion {
  const text = words.value('protocol-version')
  const version = text === null ? (words.properties.isEmpty ? 4 : 5) : VERSIONS[text]
  if (version === undefined) {
    throw words.usage(`--protocol-version: ${JSON.stringify(text)} is none of 5, 311, 31.`)
  }
  if (version !== 5 && !words.properties.isEmpty) {
    throw words.usage('-D needs MQTT 5: leave -V out, or say -V 5.')
  }
  return version
}

/** What a URL says, and what the single flags say. */
interface Place {
  readonly endpoint: Endpoint
  readonly username: string | null
  readonly password: string | null
  /** Of a URL of MQTT. */
  readonly topic: string | null
}

const PORTS = { mqtt: 1_883, mqtts: 8_883, ws: 80, wss: 443, unix: 0 } as const

export function placeOf(words: ClientWords): Place {
  const url = urlOf(words)
  const path = words.value('unix')
  const usesTls = ['cafile', 'cert', 'key'].some(name => words.has(name))
  if (words.has('cert') !== words.has('key')) throw words.usage('--cert and --key go together.')
  const plain = path === null ? (usesTls ? 'mqtts' : 'mqtt') : 'unix'
  const protocol = url === null ? plain : protocolOf(url, usesTls)
  const isWeb = protocol === 'ws' || protocol === 'wss'
  const host = url === null ? (words.value('host') ?? 'localhost') : url.hostname
  const given =
    url === null || url.port === '' ? words.number('port', [1, 65_535]) : Number(url.port)
  const inUrl = url === null ? '' : url.pathname.slice(1)
  return {
    endpoint: {
      protocol,
      host: host.replace(/^\[(.*)\]$/, '$1'),
      port: given ?? PORTS[protocol],
      path: path ?? (isWeb && url !== null ? url.pathname + url.search : ''),
      tls: {
        caFile: words.value('cafile'),
        certFile: words.value('cert'),
        keyFile: words.value('key'),
        checksName: !words.has('insecure'),
      },
    },
    username: words.value('username') ?? decoded(url?.username),
    password: words.value('pw') ?? decoded(url?.password),
    topic: isWeb || inUrl === '' ? null : decodeURIComponent(inUrl),
  }
}

function urlOf(words: ClientWords): URL | null {
  const text = words.value('url')
  if (text === null) return null
  const url = URL.canParse(text) ? new URL(text) : null
  const isKnown = url !== null && /^(?:mqtts?|wss?):$/.test(url.protocol) && url.hostname !== ''
  if (isKnown) return url
  throw words.usage(`--url: ${JSON.stringify(text)} is no URL of mqtt, mqtts, ws or wss.`)
}

function protocolOf({ protocol }: URL, usesTls: boolean): Endpoint['protocol'] {
  if (protocol === 'wss:' || (protocol === 'ws:' && usesTls)) return 'wss'
  if (protocol === 'ws:') return 'ws'
  return protocol === 'mqtts:' || usesTls ? 'mqtts' : 'mqtt'
}

function decoded(text: string | undefined): string | null {
  return text === undefined || text === '' ? null : decodeURIComponent(text)
}

const ANONYMOUS_ID_BYTES = 4
const NEVER_SECONDS = 0xffff_ffff

/** Returns the CONNECT that the words ask for. Throws UsageError. */
export function connectOf(words: ClientWords, place: Place): ConnectPacket {
  const version = versionOf(words)
  const keeps = words.has('disable-clean-session')
  if (keeps && !words.has('id'))
    throw words.usage('-c keeps a session, and needs a client id: -i ID.')
  const { username, password } = place
  if (password !== null && username === null && version !== 5) {
    throw words.usage('a password without a user name needs MQTT 5: -V 5.')
  }
  const prefix = words.value('id-prefix')
  const anonymous = `${words.command}-${randomBytes(ANONYMOUS_ID_BYTES).toString('hex')}`
  const clientId = prefix === null ? anonymous : `${prefix}${process.pid}`
  return {
    type: 'connect',
    version,
    cleanStart: !keeps,
    keepAliveSeconds: words.number('keepalive', [0, 65_535]) ?? 60,
    clientId: words.value('id') ?? clientId,
    username,
    password: password === null ? null : Buffer.from(password),
    will: willOf(words),
    properties: connectProperties(words, version, keeps),
  }
}

function connectProperties(
  words: ClientWords,
  version: ProtocolVersion,
  keeps: boolean,
): Properties {
  const given = propertiesFor(words, 'connect')
  const text = words.value('session-expiry-interval')
  const isEndless = text === '-1' || text === '∞' || (text === null && keeps)
  const seconds = isEndless
    ? NEVER_SECONDS
    : words.number('session-expiry-interval', [0, NEVER_SECONDS])
  if (version !== 5 || seconds === null) return given
  return { sessionExpiryInterval: seconds, ...given }
}

function willOf(words: ClientWords): Will | null {
  const topic = words.value('will-topic')
  if (topic === null) {
    const alone = ['will-payload', 'will-qos', 'will-retain'].find(name => words.has(name))
    if (alone !== undefined) throw words.usage(`--${alone} needs --will-topic.`)
    return null
  }
  return {
    topic,
    payload: Buffer.from(words.value('will-payload') ?? ''),
    qos: words.qos('will-qos'),
    retain: words.has('will-retain'),
    properties: propertiesFor(words, 'will'),
  }
}

export function propertiesFor(words: ClientWords, packet: PropertyPacket): Properties {
  return words.properties.of(packet) ?? NO_PROPERTIES
}
