// Random packets from a seed: every type, version and property, with sizes up to a few kilobytes.

import {
  NO_PROPERTIES,
  type Packet,
  type Properties,
  type ProtocolVersion,
  type QoS,
  type UserProperty,
  type Will,
} from '../../src/packet/packet.ts'
import type { ReasonCode } from '../../src/packet/reason.ts'

export const PACKET_TYPES = [
  'connect',
  'connack',
  'publish',
  'puback',
  'pubrec',
  'pubrel',
  'pubcomp',
  'subscribe',
  'suback',
  'unsubscribe',
  'unsuback',
  'pingreq',
  'pingresp',
  'disconnect',
  'auth',
] as const

type PacketType = (typeof PACKET_TYPES)[number]

const TEXTS = [
  '',
  'a',
  'pond/depth',
  'größe/µ',
  '池/鷹',
  '𝄞',
  '\ufeffbom',
  '/',
  '//',
  'a//b',
  '$x',
  'x'.repeat(200),
]
const REASONS: Readonly<Partial<Record<PacketType, readonly number[]>>> = {
  puback: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  pubrec: [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99],
  pubrel: [0x00, 0x92],
  pubcomp: [0x00, 0x92],
  suback: [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2],
  unsuback: [0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91],
  connack: [0x00, 0x80, 0x81, 0x82, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x97, 0x9f],
  disconnect: [0x00, 0x04, 0x80, 0x81, 0x82, 0x87, 0x8b, 0x8d, 0x8e, 0x93, 0x94, 0x95, 0x97],
  auth: [0x00, 0x18, 0x19],
}

/** The same numbers for the same seed. */
export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** A whole number from 0 up to `sides` - 1. */
  below(sides: number): number {
    // Mulberry32.
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % sides
  }

  chance(oneIn: number): boolean {
    return this.below(oneIn) === 0
  }

  of<Value>(values: readonly Value[]): Value {
    const value = values[this.below(values.length)]
    if (value === undefined) throw new Error('nothing to choose from')
    return value
  }

  text(): string {
    return this.of(TEXTS)
  }

  topic(): string {
    return `t/${this.text()}`
  }

  bytes(): Buffer {
    const length = this.chance(50) ? this.below(20_000) : this.below(100)
    return Buffer.alloc(length, this.below(256))
  }

  id(): number {
    return this.chance(10) ? 65_535 : 1 + this.below(65_535)
  }
}

export function generatedPacket(random: Random, version: ProtocolVersion): Packet {
  const type = random.of(PACKET_TYPES)
  if (type === 'auth' && version < 5) return { type: 'pingreq' }
  return MAKERS[type](random, version)
}

const MAKERS: Readonly<Record<PacketType, (random: Random, version: ProtocolVersion) => Packet>> = {
  connect,
  connack: (random, version) => {
    const reason =
      version === 5
        ? reasonOf(random, 'connack')
        : random.of([0x00, 0x84, 0x85, 0x88, 0x86, 0x87] as const)
    const sessionPresent = version > 3 && reason === 0 && random.chance(2)
    return {
      type: 'connack',
      sessionPresent,
      reason,
      properties: properties(random, version, 'connack'),
    }
  },
  publish: (random, version) => {
    const qos = random.of([0, 1, 2] as const)
    return {
      type: 'publish',
      duplicate: qos > 0 && random.chance(2),
      qos,
      retain: random.chance(2),
      topic: random.topic(),
      packetId: qos === 0 ? 0 : random.id(),
      properties: properties(random, version, 'publish'),
      payload: random.bytes(),
    }
  },
  puback: acknowledgement('puback'),
  pubrec: acknowledgement('pubrec'),
  pubrel: acknowledgement('pubrel'),
  pubcomp: acknowledgement('pubcomp'),
  subscribe: (random, version) => ({
    type: 'subscribe',
    packetId: random.id(),
    subscriptions: Array.from({ length: 1 + random.below(4) }, () => ({
      filter: random.of(['#', '+', 'a/+/b', 'a/#', '$share/g/x', random.topic()]),
      qos: random.of([0, 1, 2] as const),
      noLocal: version === 5 && random.chance(2),
      retainAsPublished: version === 5 && random.chance(2),
      retainHandling: version === 5 ? random.of([0, 1, 2] as const) : 0,
    })),
    properties: properties(random, version, 'subscribe'),
  }),
  suback: (random, version) => ({
    type: 'suback',
    packetId: random.id(),
    reasons: Array.from({ length: 1 + random.below(4) }, () =>
      version === 5 ? reasonOf(random, 'suback') : random.of([0, 1, 2, 0x80] as const),
    ),
    properties: properties(random, version, 'suback'),
  }),
  unsubscribe: (random, version) => ({
    type: 'unsubscribe',
    packetId: random.id(),
    filters: Array.from({ length: 1 + random.below(4) }, () => random.topic()),
    properties: properties(random, version, 'unsubscribe'),
  }),
  unsuback: (random, version) => ({
    type: 'unsuback',
    packetId: random.id(),
    reasons:
      version < 5
        ? []
        : Array.from({ length: 1 + random.below(4) }, () => reasonOf(random, 'unsuback')),
    properties: properties(random, version, 'unsuback'),
  }),
  pingreq: () => ({ type: 'pingreq' }),
  pingresp: () => ({ type: 'pingresp' }),
  disconnect: (random, version) => ({
    type: 'disconnect',
    reason: version === 5 ? reasonOf(random, 'disconnect') : 0,
    properties: properties(random, version, 'disconnect'),
  }),
  auth: (random, version) => ({
    type: 'auth',
    reason: reasonOf(random, 'auth'),
    properties: { ...properties(random, version, 'auth'), authenticationMethod: 'SCRAM-SHA-256' },
  }),
}

function connect(random: Random, version: ProtocolVersion): Packet {
  const username = random.chance(2) ? random.text() : null
  return {
    type: 'connect',
    version,
    cleanStart: random.chance(2),
    keepAliveSeconds: random.below(65_536),
    clientId: random.text(),
    username,
    password: username !== null && random.chance(2) ? random.bytes() : null,
    will: random.chance(2) ? will(random, version) : null,
    properties: properties(random, version, 'connect'),
  }
}

function will(random: Random, version: ProtocolVersion): Will {
  return {
    topic: random.topic(),
    payload: random.bytes(),
    qos: random.of([0, 1, 2] as const) satisfies QoS,
    retain: random.chance(2),
    properties: properties(random, version, 'will'),
  }
}

function acknowledgement(type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp') {
  return (random: Random, version: ProtocolVersion): Packet => ({
    type,
    packetId: random.id(),
    reason: version === 5 ? reasonOf(random, type) : 0,
    properties: properties(random, version, type),
  })
}

function reasonOf(random: Random, type: PacketType): ReasonCode {
  // The table above holds nothing else.
  return random.of(REASONS[type] ?? [0]) as ReasonCode
}

type Maker = (random: Random) => unknown

const seconds: Maker = random => (random.chance(5) ? 0xffff_ffff : random.below(100_000))
const flag: Maker = random => random.below(2)
const text: Maker = random => random.text()
const topic: Maker = random => random.topic()
const bytes: Maker = random => random.bytes()
const positive: Maker = random => 1 + random.below(65_535)
const size: Maker = random => 1 + random.below(268_435_455)

const WORDS = { reasonString: text }
const CONTENT = {
  payloadFormatIndicator: flag,
  messageExpiryInterval: seconds,
  contentType: text,
  responseTopic: topic,
  correlationData: bytes,
}
const PROPERTIES: Readonly<Record<string, Readonly<Partial<Record<keyof Properties, Maker>>>>> = {
  connect: {
    sessionExpiryInterval: seconds,
    receiveMaximum: positive,
    maximumPacketSize: size,
    topicAliasMaximum: positive,
    requestResponseInformation: flag,
    requestProblemInformation: flag,
    authenticationMethod: text,
  },
  will: { ...CONTENT, willDelayInterval: seconds },
  connack: {
    ...WORDS,
    sessionExpiryInterval: seconds,
    receiveMaximum: positive,
    maximumQoS: flag,
    retainAvailable: flag,
    maximumPacketSize: size,
    assignedClientIdentifier: text,
    topicAliasMaximum: positive,
    wildcardSubscriptionAvailable: flag,
    subscriptionIdentifiersAvailable: flag,
    sharedSubscriptionAvailable: flag,
    serverKeepAlive: positive,
    responseInformation: text,
    serverReference: text,
    authenticationMethod: text,
    authenticationData: bytes,
  },
  publish: {
    ...CONTENT,
    topicAlias: positive,
    subscriptionIdentifiers: random =>
      Array.from({ length: 1 + random.below(3) }, () => 1 + random.below(268_435_455)),
  },
  puback: WORDS,
  pubrec: WORDS,
  pubrel: WORDS,
  pubcomp: WORDS,
  subscribe: { subscriptionIdentifiers: random => [1 + random.below(268_435_455)] },
  suback: WORDS,
  unsubscribe: {},
  unsuback: WORDS,
  disconnect: { ...WORDS, sessionExpiryInterval: seconds, serverReference: text },
  auth: { ...WORDS, authenticationData: bytes },
}

function properties(random: Random, version: ProtocolVersion, place: string): Properties {
  if (version < 5 || random.chance(3)) return NO_PROPERTIES
  const drawn: Record<string, unknown> = {}
  for (const [name, make] of Object.entries(PROPERTIES[place] ?? {})) {
    if (random.chance(3)) drawn[name] = make(random)
  }
  if (random.chance(3)) {
    drawn['userProperties'] = Array.from({ length: 1 + random.below(3) }, (): UserProperty => [
      random.text(),
      random.text(),
    ])
  }
  return Object.keys(drawn).length === 0 ? NO_PROPERTIES : drawn
}
