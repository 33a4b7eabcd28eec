// Words of a client in our own words: every string that a client chooses, at its greatest length, times every refusal.

import { test } from 'tap'
import type { Access } from '../../src/access/access.ts'
import { UNRESTRICTED } from '../../src/access/permissions.ts'
import {
  NO_PROPERTIES,
  type Packet,
  type Properties,
  type ProtocolVersion,
} from '../../src/packet/packet.ts'
import { NOT_AUTHORIZED, SUCCESS } from '../../src/packet/reason.ts'
import { WORDS_BYTES_MAX } from '../../src/packet/text.ts'
import { Pond } from '../pond.ts'

const BYTES_MAX = 65_535
const LIMITS = {
  connectPacketBytesMax: 4_194_304,
  packetBytesMax: 4_194_304,
  clientIdBytesMax: BYTES_MAX,
}

/** Strings of 65,535 bytes or a few less; some grow when they are quoted, some end within a character where they are cut. */
const LONG: Readonly<Record<string, string>> = {
  ascii: 'x'.repeat(BYTES_MAX),
  quotes: '"'.repeat(BYTES_MAX),
  backslashes: '\\'.repeat(BYTES_MAX),
  'two bytes a character': 'ö'.repeat(BYTES_MAX / 2),
  'three bytes a character': '€'.repeat(BYTES_MAX / 3),
  'four bytes a character': '🎈'.repeat(BYTES_MAX / 4),
  'one byte, then four a character': `x${'🎈'.repeat((BYTES_MAX - 1) / 4)}`,
  'line separators': '\u2028'.repeat(BYTES_MAX / 3),
  'control characters': '\u0001'.repeat(BYTES_MAX),
  nulls: '\u0000'.repeat(BYTES_MAX),
  levels: '/'.repeat(BYTES_MAX),
  wildcards: '#'.repeat(BYTES_MAX),
  'a share name': `$share/${'g'.repeat(BYTES_MAX - 7)}`,
}

const CONNECT = {
  type: 'connect',
  cleanStart: true,
  keepAliveSeconds: 60,
  clientId: 'a',
  username: null,
  password: null,
  will: null,
  properties: NO_PROPERTIES,
} as const
const WILL = { topic: 'w', payload: Buffer.from('x'), qos: 0, retain: false } as const
const PUBLISH = {
  type: 'publish',
  duplicate: false,
  qos: 1,
  retain: false,
  topic: 'a',
  packetId: 1,
  properties: NO_PROPERTIES,
  payload: Buffer.from('x'),
} as const
const REQUEST = { qos: 0, noLocal: false, retainAsPublished: false, retainHandling: 0 } as const

/** Everything that a stranger may say as its first packet with the string somewhere in it. */
const OPENINGS: Readonly<
  Record<string, (text: string, version: ProtocolVersion) => readonly Packet[]>
> = {
  'client id': (clientId, version) => [{ ...CONNECT, version, clientId }],
  'user name': (username, version) => [{ ...CONNECT, version, username }],
  password: (text, version) => [
    { ...CONNECT, version, username: 'u', password: Buffer.from(text) },
  ],
  'will topic': (topic, version) => [
    { ...CONNECT, version, will: { ...WILL, topic, properties: NO_PROPERTIES } },
  ],
  'will payload': (text, version) => [
    {
      ...CONNECT,
      version,
      will: { ...WILL, payload: Buffer.from(text), properties: NO_PROPERTIES },
    },
  ],
  'will properties': (text, version) => [
    {
      ...CONNECT,
      version,
      will: { ...WILL, properties: { ...ofPublish(text), responseTopic: text } },
    },
  ],
  'authentication method': (text, version) => [
    {
      ...CONNECT,
      version,
      properties: { authenticationMethod: text, authenticationData: Buffer.from(text) },
    },
  ],
  'user properties': (text, version) => [
    { ...CONNECT, version, properties: { userProperties: [[text, text]] } },
  ],
  'a first packet that is none': (topic, version) => [
    { ...PUBLISH, topic },
    { ...CONNECT, version },
  ],
}

/** Everything that a client which is in may say with the string somewhere in it. */
const WORDS: Readonly<Record<string, (text: string) => Packet>> = {
  'topic of PUBLISH': topic => ({ ...PUBLISH, topic }),
  'topic of a retained PUBLISH': topic => ({ ...PUBLISH, topic, retain: true }),
  'topic of QoS 2': topic => ({ ...PUBLISH, topic, qos: 2 }),
  'properties of PUBLISH': text => ({ ...PUBLISH, properties: ofPublish(text) }),
  'response topic': text => ({ ...PUBLISH, properties: { responseTopic: text } }),
  'alias for a topic': topic => ({ ...PUBLISH, topic, properties: { topicAlias: 1 } }),
  'payload that is to be UTF-8': text => ({
    ...PUBLISH,
    payload: Buffer.concat([Buffer.from(text), Buffer.from([0xff])]),
    properties: { payloadFormatIndicator: 1 },
  }),
  'filter of SUBSCRIBE': filter => subscribing(filter),
  'filter with a wildcard': text => subscribing(`${text.slice(0, -4)}/a#`),
  'share name': text => subscribing(`$share/${text.slice(10)}/a`, { noLocal: true }),
  'user property of SUBSCRIBE': text => ({
    ...subscribing('$share/g/a'),
    properties: { userProperties: [['strategy', text]] },
  }),
  'filter of UNSUBSCRIBE': text => ({
    type: 'unsubscribe',
    packetId: 2,
    filters: [text],
    properties: NO_PROPERTIES,
  }),
  'reason of PUBACK': text => ({
    type: 'puback',
    packetId: 9,
    reason: SUCCESS,
    properties: { reasonString: text },
  }),
  'reason of PUBREC': text => ({
    type: 'pubrec',
    packetId: 9,
    reason: NOT_AUTHORIZED,
    properties: { reasonString: text },
  }),
  'reason of DISCONNECT': text => ({
    type: 'disconnect',
    reason: 0x80,
    properties: { reasonString: text, userProperties: [[text, text]], sessionExpiryInterval: 1 },
  }),
  AUTH: text => ({
    type: 'auth',
    reason: 0x19,
    properties: { authenticationMethod: text, reasonString: text },
  }),
  'a second CONNECT': text => ({ ...CONNECT, version: 5, clientId: text }),
}

function ofPublish(text: string): Properties {
  return {
    contentType: text,
    correlationData: Buffer.from(text).subarray(0, BYTES_MAX),
    userProperties: [
      [text, ''],
      ['', text],
    ],
  }
}

function subscribing(filter: string, options: { readonly noLocal?: boolean } = {}): Packet {
  const subscriptions = [{ ...REQUEST, ...options, filter }]
  return { type: 'subscribe', packetId: 2, subscriptions, properties: NO_PROPERTIES }
}

/** Quotes what it was asked, as an author of rules well may. */
const quoting: Access = {
  authenticate: ({ clientId, username, password }) =>
    username === null && clientId.length < 1_000
      ? { kind: 'allowed', permissions: UNRESTRICTED }
      : {
          kind: 'refused',
          reason: NOT_AUTHORIZED,
          sentence: `no user ${username} with ${password?.toString()} at ${clientId}`,
        },
  beginExchange: method => ({
    step: () => ({ kind: 'refused', reason: NOT_AUTHORIZED, sentence: `no method ${method}` }),
  }),
  permissionsOf: () => null,
}
const refusing: Access = {
  authenticate: () => ({
    kind: 'allowed',
    permissions: { mayPublish: () => false, maySubscribe: () => false },
  }),
  beginExchange: () => null,
  permissionsOf: () => null,
}

class Listener {
  readonly long: string[] = []
  #heard = (sentence: string): void => {
    if (Buffer.byteLength(sentence) > WORDS_BYTES_MAX) this.long.push(sentence.slice(0, 80))
  }

  pond(access?: Access): Pond {
    const observer = {
      refused: (_client: unknown, _reason: unknown, sentence: string) => this.#heard(sentence),
      disconnected: (_client: unknown, _reason: unknown, sentence: string) => this.#heard(sentence),
      publishRefused: (_id: string, _topic: string, _reason: unknown, sentence: string) =>
        this.#heard(sentence),
    }
    return new Pond({ limits: LIMITS, observer, ...(access !== undefined && { access }) })
  }

  hears(packets: readonly Packet[]): void {
    for (const packet of packets)
      if ('properties' in packet) this.#heard(packet.properties.reasonString ?? '')
  }
}

for (const version of [3, 4, 5] as const) {
  for (const [place, opening] of Object.entries(OPENINGS)) {
    test(`${place} of any length at version ${version} harms nobody else, and what is said of it is short`, async t => {
      for (const [kind, text] of Object.entries(LONG)) {
        for (const access of [undefined, quoting, refusing]) {
          const listener = new Listener()
          const pond = listener.pond(access)
          const witness = pond.client('witness', { version })
          const client = pond.stranger('a', { version })
          for (const packet of opening(text, version)) if (!client.isClosed) client.says(packet)
          listener.hears(client.receives())

          witness.pings()
          t.strictSame(witness.hears(), ['pingresp'], kind)
          t.strictSame(listener.long, [], kind)
        }
      }
    })
  }

  for (const [place, words] of Object.entries(WORDS)) {
    test(`${place} of any length from a client of version ${version} harms nobody else, and what is said of it is short`, async t => {
      for (const [kind, text] of Object.entries(LONG)) {
        for (const access of [undefined, refusing]) {
          const listener = new Listener()
          const pond = listener.pond(access)
          const witness = pond.client('witness', { version })
          const client = pond.client('a', { version })
          client.says(words(text))
          listener.hears(client.receives())

          witness.pings()
          t.strictSame(witness.hears(), ['pingresp'], kind)
          t.strictSame(listener.long, [], kind)
        }
      }
    })
  }
}
