// Packets by seeded dice: every type, every version, every property, sizes from nothing to a few kilobytes.

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
export class Dice {
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

export function generatedPacket(dice: Dice, version: ProtocolVersion): Packet {
  const type = dice.of(PACKET_TYPES)
  if (type === 'auth' && version < 5) return { type: 'pingreq' }
  return MAKERS[type](dice, version)
}

const MAKERS: Readonly<Record<PacketType, (dice: Dice, version: ProtocolVersion) => Packet>> = {
  connect,
  connack: (dice, version) => {
    const reason =
      version === 5
        ? reasonOf(dice, 'connack')
        : dice.of([0x00, 0x84, 0x85, 0x88, 0x86, 0x87] as const)
    const sessionPresent = version > 3 && reason === 0 && dice.chance(2)
    return {
      type: 'connack',
      sessionPresent,
      reason,
      properties: properties(dice, version, 'connack'),
    }
  },
  publish: (dice, version) => {
    const qos = dice.of([0, 1, 2] as const)
    return {
      type: 'publish',
      duplicate: qos > 0 && dice.chance(2),
      qos,
      retain: dice.chance(2),
      topic: dice.topic(),
      packetId: qos === 0 ? 0 : dice.id(),
      properties: properties(dice, version, 'publish'),
      payload: dice.bytes(),
    }
  },
  puback: acknowledgement('puback'),
  pubrec: acknowledgement('pubrec'),
  pubrel: acknowledgement('pubrel'),
  pubcomp: acknowledgement('pubcomp'),
  subscribe: (dice, version) => ({
    type: 'subscribe',
    packetId: dice.id(),
    subscriptions: Array.from({ length: 1 + dice.below(4) }, () => ({
      filter: dice.of(['#', '+', 'a/+/b', 'a/#', '$share/g/x', dice.topic()]),
      qos: dice.of([0, 1, 2] as const),
      noLocal: version === 5 && dice.chance(2),
      retainAsPublished: version === 5 && dice.chance(2),
      retainHandling: version === 5 ? dice.of([0, 1, 2] as const) : 0,
    })),
    properties: properties(dice, version, 'subscribe'),
  }),
  suback: (dice, version) => ({
    type: 'suback',
    packetId: dice.id(),
    reasons: Array.from({ length: 1 + dice.below(4) }, () =>
      version === 5 ? reasonOf(dice, 'suback') : dice.of([0, 1, 2, 0x80] as const),
    ),
    properties: properties(dice, version, 'suback'),
  }),
  unsubscribe: (dice, version) => ({
    type: 'unsubscribe',
    packetId: dice.id(),
    filters: Array.from({ length: 1 + dice.below(4) }, () => dice.topic()),
    properties: properties(dice, version, 'unsubscribe'),
  }),
  unsuback: (dice, version) => ({
    type: 'unsuback',
    packetId: dice.id(),
    reasons:
      version < 5
        ? []
        : Array.from({ length: 1 + dice.below(4) }, () => reasonOf(dice, 'unsuback')),
    properties: properties(dice, version, 'unsuback'),
  }),
  pingreq: () => ({ type: 'pingreq' }),
  pingresp: () => ({ type: 'pingresp' }),
  disconnect: (dice, version) => ({
    type: 'disconnect',
    reason: version === 5 ? reasonOf(dice, 'disconnect') : 0,
    properties: properties(dice, version, 'disconnect'),
  }),
  auth: (dice, version) => ({
    type: 'auth',
    reason: reasonOf(dice, 'auth'),
    properties: { ...properties(dice, version, 'auth'), authenticationMethod: 'SCRAM-SHA-256' },
  }),
}

function connect(dice: Dice, version: ProtocolVersion): Packet {
  const username = dice.chance(2) ? dice.text() : null
  return {
    type: 'connect',
    version,
    cleanStart: dice.chance(2),
    keepAliveSeconds: dice.below(65_536),
    clientId: dice.text(),
    username,
    password: username !== null && dice.chance(2) ? dice.bytes() : null,
    will: dice.chance(2) ? will(dice, version) : null,
    properties: properties(dice, version, 'connect'),
  }
}

function will(dice: Dice, version: ProtocolVersion): Will {
  return {
    topic: dice.topic(),
    payload: dice.bytes(),
    qos: dice.of([0, 1, 2] as const) satisfies QoS,
    retain: dice.chance(2),
    properties: properties(dice, version, 'will'),
  }
}

function acknowledgement(type: 'puback' | 'pubrec' | 'pubrel' | 'pubcomp') {
  return (dice: Dice, version: ProtocolVersion): Packet => ({
    type,
    packetId: dice.id(),
    reason: version === 5 ? reasonOf(dice, type) : 0,
    properties: properties(dice, version, type),
  })
}

function reasonOf(dice: Dice, type: PacketType): ReasonCode {
  // The table above holds nothing else.
  return dice.of(REASONS[type] ?? [0]) as ReasonCode
}

type Maker = (dice: Dice) => unknown

const seconds: Maker = dice => (dice.chance(5) ? 0xffff_ffff : dice.below(100_000))
const flag: Maker = dice => dice.below(2)
const text: Maker = dice => dice.text()
const topic: Maker = dice => dice.topic()
const bytes: Maker = dice => dice.bytes()
const positive: Maker = dice => 1 + dice.below(65_535)
const size: Maker = dice => 1 + dice.below(268_435_455)

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
    subscriptionIdentifiers: dice =>
      Array.from({ length: 1 + dice.below(3) }, () => 1 + dice.below(268_435_455)),
  },
  puback: WORDS,
  pubrec: WORDS,
  pubrel: WORDS,
  pubcomp: WORDS,
  subscribe: { subscriptionIdentifiers: dice => [1 + dice.below(268_435_455)] },
  suback: WORDS,
  unsubscribe: {},
  unsuback: WORDS,
  disconnect: { ...WORDS, sessionExpiryInterval: seconds, serverReference: text },
  auth: { ...WORDS, authenticationData: bytes },
}

function properties(dice: Dice, version: ProtocolVersion, place: string): Properties {
  if (version < 5 || dice.chance(3)) return NO_PROPERTIES
  const drawn: Record<string, unknown> = {}
  for (const [name, make] of Object.entries(PROPERTIES[place] ?? {})) {
    if (dice.chance(3)) drawn[name] = make(dice)
  }
  if (dice.chance(3)) {
    drawn['userProperties'] = Array.from({ length: 1 + dice.below(3) }, (): UserProperty => [
      dice.text(),
      dice.text(),
    ])
  }
  return Object.keys(drawn).length === 0 ? NO_PROPERTIES : drawn
}
