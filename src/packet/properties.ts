// The properties of MQTT 5.0 (section 2.2.2.2) as one table, which is used for decoding and encoding.

import { MalformedPacket } from './malformed.ts'
import { NO_PROPERTIES, type Properties, type UserProperty } from './packet.ts'
import type { Reader } from './reader.ts'
import { MALFORMED_PACKET, PROTOCOL_ERROR, QUOTA_EXCEEDED, TOPIC_ALIAS_INVALID } from './reason.ts'
import { Writer } from './writer.ts'

/** The place of a set of properties: in a packet, or in the will within CONNECT. */
export type PropertyPlace =
  | 'connect'
  | 'will'
  | 'connack'
  | 'publish'
  | 'puback'
  | 'pubrec'
  | 'pubrel'
  | 'pubcomp'
  | 'subscribe'
  | 'suback'
  | 'unsubscribe'
  | 'unsuback'
  | 'disconnect'
  | 'auth'

type WireType = 'flag' | 'byte' | 'uint16' | 'uint32' | 'varint' | 'string' | 'binary' | 'pair'

interface PropertyKind {
  readonly id: number
  readonly name: keyof Properties
  readonly wireType: WireType
  readonly places: readonly PropertyPlace[]
}

interface WrittenKind {
  readonly kind: PropertyKind
  readonly order: number
}

const ACKNOWLEDGEMENTS = ['puback', 'pubrec', 'pubrel', 'pubcomp'] as const
const ANSWERS = [
  ...ACKNOWLEDGEMENTS,
  'connack',
  'suback',
  'unsuback',
  'disconnect',
  'auth',
] as const
const ALL = [...ANSWERS, 'connect', 'publish', 'will', 'subscribe', 'unsubscribe'] as const

const USER_PROPERTY_ID = 0x26

const KINDS: readonly PropertyKind[] = [
  { id: 0x01, name: 'payloadFormatIndicator', wireType: 'flag', places: ['publish', 'will'] },
  { id: 0x02, name: 'messageExpiryInterval', wireType: 'uint32', places: ['publish', 'will'] },
  { id: 0x03, name: 'contentType', wireType: 'string', places: ['publish', 'will'] },
  { id: 0x08, name: 'responseTopic', wireType: 'string', places: ['publish', 'will'] },
  { id: 0x09, name: 'correlationData', wireType: 'binary', places: ['publish', 'will'] },
  {
    id: 0x0b,
    name: 'subscriptionIdentifiers',
    wireType: 'varint',
    places: ['publish', 'subscribe'],
  },
  {
    id: 0x11,
    name: 'sessionExpiryInterval',
    wireType: 'uint32',
    places: ['connect', 'connack', 'disconnect'],
  },
  { id: 0x12, name: 'assignedClientIdentifier', wireType: 'string', places: ['connack'] },
  { id: 0x13, name: 'serverKeepAlive', wireType: 'uint16', places: ['connack'] },
  {
    id: 0x15,
    name: 'authenticationMethod',
    wireType: 'string',
    places: ['connect', 'connack', 'auth'],
  },
  {
    id: 0x16,
    name: 'authenticationData',
    wireType: 'binary',
    places: ['connect', 'connack', 'auth'],
  },
  { id: 0x17, name: 'requestProblemInformation', wireType: 'flag', places: ['connect'] },
  { id: 0x18, name: 'willDelayInterval', wireType: 'uint32', places: ['will'] },
  { id: 0x19, name: 'requestResponseInformation', wireType: 'flag', places: ['connect'] },
  { id: 0x1a, name: 'responseInformation', wireType: 'string', places: ['connack'] },
  { id: 0x1c, name: 'serverReference', wireType: 'string', places: ['connack', 'disconnect'] },
  { id: 0x1f, name: 'reasonString', wireType: 'string', places: ANSWERS },
  { id: 0x21, name: 'receiveMaximum', wireType: 'uint16', places: ['connect', 'connack'] },
  { id: 0x22, name: 'topicAliasMaximum', wireType: 'uint16', places: ['connect', 'connack'] },
  { id: 0x23, name: 'topicAlias', wireType: 'uint16', places: ['publish'] },
  { id: 0x24, name: 'maximumQoS', wireType: 'flag', places: ['connack'] },
  { id: 0x25, name: 'retainAvailable', wireType: 'flag', places: ['connack'] },
  { id: USER_PROPERTY_ID, name: 'userProperties', wireType: 'pair', places: ALL },
  { id: 0x27, name: 'maximumPacketSize', wireType: 'uint32', places: ['connect', 'connack'] },
  { id: 0x28, name: 'wildcardSubscriptionAvailable', wireType: 'flag', places: ['connack'] },
  { id: 0x29, name: 'subscriptionIdentifiersAvailable', wireType: 'flag', places: ['connack'] },
  { id: 0x2a, name: 'sharedSubscriptionAvailable', wireType: 'flag', places: ['connack'] },
]

/**
 * The order in which properties are encoded. Those of CONNACK have mosquitto's order, because some programs compare its bytes.
 */
const FIRST: readonly string[] = ['topicAliasMaximum']
const LAST: readonly string[] = ['maximumPacketSize', 'receiveMaximum']
const KINDS_WRITTEN: readonly PropertyKind[] = [
  ...KINDS.filter(({ name }) => FIRST.includes(name)),
  ...KINDS.filter(({ name }) => !FIRST.includes(name) && !LAST.includes(name)),
  ...LAST.flatMap(name => KINDS.filter(kind => kind.name === name)),
]

/** With the place of each in that order. */
const WRITTEN_BY_NAME = new Map<string, WrittenKind>(
  KINDS_WRITTEN.map((kind, order) => [kind.name, { kind, order }]),
)

const KIND_BY_ID = new Map(KINDS.map(kind => [kind.id, kind]))

type Draft = Partial<Record<keyof Properties, unknown>> & {
  subscriptionIdentifiers?: number[]
  userProperties?: UserProperty[]
}

/** Reads the property length and that many bytes of properties. */
export function readProperties(reader: Reader, place: PropertyPlace): Properties {
  const length = reader.varint('property length')
  if (length === 0) return NO_PROPERTIES
  const end = reader.position + length
  if (end > reader.end) {
    throw new MalformedPacket(MALFORMED_PACKET, 'the properties are longer than their packet')
  }
  const draft: Draft = {}
  while (reader.position < end) readProperty(reader, place, draft)
  if (reader.position !== end) {
    throw new MalformedPacket(
      MALFORMED_PACKET,
      'a property is longer than the property length says',
    )
  }
  // The table gives each name its type, so the collected values are valid properties.
  return draft as Properties
}

function readProperty(reader: Reader, place: PropertyPlace, draft: Draft): void {
  const id = reader.varint('property identifier')
  const kind = KIND_BY_ID.get(id)
  if (kind === undefined || !kind.places.includes(place)) {
    throw new MalformedPacket(MALFORMED_PACKET, `property ${id} is not allowed in ${place}`)
  }
  const { name, wireType } = kind
  if (wireType === 'pair') {
    draft.userProperties ??= []
    const { userPropertiesMax } = reader
    if (draft.userProperties.length >= userPropertiesMax) {
      const sentence = `more than ${userPropertiesMax} user properties (limits.userPropertiesMax)`
      throw new MalformedPacket(QUOTA_EXCEEDED, sentence)
    }
    draft.userProperties.push([
      reader.string('user property name'),
      reader.string('user property value'),
    ])
    return
  }
  if (name === 'subscriptionIdentifiers') {
    readSubscriptionIdentifier(reader, place, draft)
    return
  }
  if (Object.hasOwn(draft, name))
    throw new MalformedPacket(PROTOCOL_ERROR, `${name} stands twice in ${place}`)
  const value = readValue(reader, kind)
  assertInRange(name, value)
  ;(draft as Record<string, unknown>)[name] = value
}

function readSubscriptionIdentifier(reader: Reader, place: PropertyPlace, draft: Draft): void {
  const identifier = reader.varint('subscription identifier')
  if (identifier === 0) throw new MalformedPacket(PROTOCOL_ERROR, 'subscription identifier 0')
  if (place === 'subscribe' && draft.subscriptionIdentifiers !== undefined) {
    throw new MalformedPacket(PROTOCOL_ERROR, 'a second subscription identifier in subscribe')
  }
  draft.subscriptionIdentifiers ??= []
  reader.assertListed(draft.subscriptionIdentifiers.length, 'subscription identifiers')
  draft.subscriptionIdentifiers.push(identifier)
}

function readValue(reader: Reader, kind: PropertyKind): number | string | Buffer {
  switch (kind.wireType) {
    case 'flag': {
      const value = reader.uint8(kind.name)
      if (value > 1)
        throw new MalformedPacket(PROTOCOL_ERROR, `${kind.name} is ${value}, not 0 or 1`)
      return value
    }
    case 'byte':
      return reader.uint8(kind.name)
    case 'uint16':
      return reader.uint16(kind.name)
    case 'uint32':
      return reader.uint32(kind.name)
    case 'varint':
      return reader.varint(kind.name)
    case 'binary':
      return reader.binary(kind.name)
    case 'string':
    case 'pair':
      return reader.string(kind.name)
  }
}

function assertInRange(name: keyof Properties, value: number | string | Buffer): void {
  if (value === 0 && (name === 'receiveMaximum' || name === 'maximumPacketSize')) {
    throw new MalformedPacket(PROTOCOL_ERROR, `${name} is 0`)
  }
  // [MQTT-3.3.2-8]
  if (value === 0 && name === 'topicAlias')
    throw new MalformedPacket(TOPIC_ALIAS_INVALID, 'topic alias 0')
  if (name === 'responseTopic' && typeof value === 'string' && !isTopicName(value)) {
    // [MQTT-3.3.2-14], [MQTT-4.7.3-1]
    throw new MalformedPacket(PROTOCOL_ERROR, 'the response topic is empty or has a wildcard')
  }
}

function isTopicName(text: string): boolean {
  return text !== '' && !/[+#]/.test(text)
}

const scratch = new Writer()

/**
 * Writes the property length and the properties; without properties one byte [MQTT-2.2.2-1]. With `userBytes` it leaves out the user
 * properties, which have so many bytes and come right behind.
 */
export function writeProperties(writer: Writer, properties: Properties, userBytes = 0): void {
  if (properties === NO_PROPERTIES) {
    writer.uint8(0)
    return
  }
  scratch.reset()
  for (const { kind } of kindsIn(properties)) {
    if (userBytes > 0 && kind.name === 'userProperties') continue
    const value = properties[kind.name]
    if (value !== undefined) writeProperty(scratch, kind, value)
  }
  writer.varint(scratch.length + userBytes)
  writer.raw(scratch.bytes.subarray(0, scratch.length))
}

/** Returns the bytes of user properties, without a length before them. */
export function userPropertyBytes(userProperties: readonly UserProperty[]): Buffer {
  const writer = new Writer()
  for (const [name, value] of userProperties) {
    writer.uint8(USER_PROPERTY_ID)
    writer.string(name)
    writer.string(value)
  }
  return writer.bytes.subarray(0, writer.length)
}

/** In the order in which they are written. To ask for each of the 27 costs more than all else of a PUBLISH. */
function kindsIn(properties: Properties): readonly WrittenKind[] {
  const found: WrittenKind[] = []
  for (const name of Object.keys(properties)) {
    const written = WRITTEN_BY_NAME.get(name)
    if (written === undefined) continue
    let at = found.length
    for (let before = found[at - 1]; before !== undefined && before.order > written.order;) {
      found[at] = before
      at -= 1
      before = found[at - 1]
    }
    found[at] = written
  }
  return found
}

function writeProperty(writer: Writer, kind: PropertyKind, value: unknown): void {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value]
  for (const each of values) {
    writer.uint8(kind.id)
    writeValue(writer, kind.wireType, each)
  }
}

function writeValue(writer: Writer, wireType: WireType, value: unknown): void {
  if (typeof value === 'number') {
    if (wireType === 'uint16') writer.uint16(value)
    else if (wireType === 'uint32') writer.uint32(value)
    else if (wireType === 'varint') writer.varint(value)
    else writer.uint8(value)
  } else if (typeof value === 'string') {
    writer.string(value)
  } else if (Buffer.isBuffer(value)) {
    writer.binary(value)
  } else if (Array.isArray(value)) {
    for (const text of value) writer.string(String(text))
  }
}
