// The grammar of MQTT packets as one table, written from the specifications (3.1, 3.1.1 and 5.0) and not from our codec. Packets
// are made from it, and the reference decoder reads by it.

export type Version = 3 | 4 | 5

/** A part of a packet's body. `reasonAndProperties` may be left out from its end on. */
export type Field =
  | 'protocol'
  | 'connectFlags'
  | 'keepAlive'
  | 'properties'
  | 'clientId'
  | 'will'
  | 'userName'
  | 'password'
  | 'acknowledgeFlags'
  | 'connectReason'
  | 'topicName'
  | 'identifierIfAcknowledged'
  | 'payload'
  | 'identifier'
  | 'reasonAndProperties'
  | 'subscriptions'
  | 'filters'
  | 'reasons'

export interface PacketRule {
  readonly name: string
  /** The flags of the fixed header (5.0, table 2-2); null for PUBLISH, which uses them. */
  readonly flags: number | null
  /** The fields in each version; null where the version has no such packet. */
  readonly fields: Readonly<Record<Version, readonly Field[] | null>>
  /** The bit of the packet in the places of properties. */
  readonly place: number
}

const CONNECT: readonly Field[] = ['protocol', 'connectFlags', 'keepAlive']
const CONNECT_PAYLOAD: readonly Field[] = ['clientId', 'will', 'userName', 'password']
const IDENTIFIER: readonly Field[] = ['identifier']
const ANSWER_5: readonly Field[] = ['identifier', 'reasonAndProperties']
const PUBLISH: readonly Field[] = ['topicName', 'identifierIfAcknowledged']

function same(fields: readonly Field[]): Readonly<Record<Version, readonly Field[]>> {
  return { 3: fields, 4: fields, 5: fields }
}

/** With the fields of 3.1 and 3.1.1, and those of 5.0. */
function both(
  old: readonly Field[] | null,
  fields: readonly Field[],
): Readonly<Record<Version, readonly Field[] | null>> {
  return { 3: old, 4: old, 5: fields }
}

function rule(
  type: number,
  name: string,
  flags: number | null,
  fields: Readonly<Record<Version, readonly Field[] | null>>,
): PacketRule {
  return { name, flags, fields, place: 1 << type }
}

/** Sections 3.1 to 3.15, by packet type. Type 0 is reserved. */
export const PACKETS: readonly PacketRule[] = [
  rule(0, 'reserved', 0, both(null, [])),
  rule(
    1,
    'connect',
    0,
    both([...CONNECT, ...CONNECT_PAYLOAD], [...CONNECT, 'properties', ...CONNECT_PAYLOAD]),
  ),
  rule(
    2,
    'connack',
    0,
    both(
      ['acknowledgeFlags', 'connectReason'],
      ['acknowledgeFlags', 'connectReason', 'properties'],
    ),
  ),
  rule(3, 'publish', null, both([...PUBLISH, 'payload'], [...PUBLISH, 'properties', 'payload'])),
  rule(4, 'puback', 0, both(IDENTIFIER, ANSWER_5)),
  rule(5, 'pubrec', 0, both(IDENTIFIER, ANSWER_5)),
  rule(6, 'pubrel', 2, both(IDENTIFIER, ANSWER_5)),
  rule(7, 'pubcomp', 0, both(IDENTIFIER, ANSWER_5)),
  rule(
    8,
    'subscribe',
    2,
    both(['identifier', 'subscriptions'], ['identifier', 'properties', 'subscriptions']),
  ),
  rule(9, 'suback', 0, both(['identifier', 'reasons'], ['identifier', 'properties', 'reasons'])),
  rule(
    10,
    'unsubscribe',
    2,
    both(['identifier', 'filters'], ['identifier', 'properties', 'filters']),
  ),
  rule(11, 'unsuback', 0, both(IDENTIFIER, ['identifier', 'properties', 'reasons'])),
  rule(12, 'pingreq', 0, same([])),
  rule(13, 'pingresp', 0, same([])),
  rule(14, 'disconnect', 0, both([], ['reasonAndProperties'])),
  rule(15, 'auth', 0, both(null, ['reasonAndProperties'])),
]

/** The place of the will's properties, which are within CONNECT. */
export const WILL_PLACE: number = 1 << 0

export type ValueKind =
  'flag' | 'uint16' | 'uint32' | 'varint' | 'string' | 'topic' | 'binary' | 'pair'

export interface PropertyRule {
  readonly id: number
  /** The name in `Properties`. */
  readonly name: string
  readonly kind: ValueKind
  readonly places: number
  /** Whether 0 is forbidden, and by which fault. */
  readonly zero: 'allowed' | 'protocol' | 'alias'
  readonly repeats: boolean
}

function placesOf(names: string): number {
  return names
    .split(' ')
    .map(name =>
      name === 'will' ? WILL_PLACE : (PACKETS.find(each => each.name === name)?.place ?? 0),
    )
    .reduce((bits, bit) => bits | bit, 0)
}

const ANSWERS = 'connack puback pubrec pubrel pubcomp suback unsuback disconnect auth'

/** Table 2-4 of 5.0, and sections 3.1.2.11 to 3.15.2.2. */
export const PROPERTIES: readonly PropertyRule[] = [
  property(0x01, 'payloadFormatIndicator', 'flag', 'publish will'),
  property(0x02, 'messageExpiryInterval', 'uint32', 'publish will'),
  property(0x03, 'contentType', 'string', 'publish will'),
  property(0x08, 'responseTopic', 'topic', 'publish will'),
  property(0x09, 'correlationData', 'binary', 'publish will'),
  property(0x0b, 'subscriptionIdentifiers', 'varint', 'publish subscribe', 'protocol'),
  property(0x11, 'sessionExpiryInterval', 'uint32', 'connect connack disconnect'),
  property(0x12, 'assignedClientIdentifier', 'string', 'connack'),
  property(0x13, 'serverKeepAlive', 'uint16', 'connack'),
  property(0x15, 'authenticationMethod', 'string', 'connect connack auth'),
  property(0x16, 'authenticationData', 'binary', 'connect connack auth'),
  property(0x17, 'requestProblemInformation', 'flag', 'connect'),
  property(0x18, 'willDelayInterval', 'uint32', 'will'),
  property(0x19, 'requestResponseInformation', 'flag', 'connect'),
  property(0x1a, 'responseInformation', 'string', 'connack'),
  property(0x1c, 'serverReference', 'string', 'connack disconnect'),
  property(0x1f, 'reasonString', 'string', ANSWERS),
  property(0x21, 'receiveMaximum', 'uint16', 'connect connack', 'protocol'),
  property(0x22, 'topicAliasMaximum', 'uint16', 'connect connack'),
  property(0x23, 'topicAlias', 'uint16', 'publish', 'alias'),
  property(0x24, 'maximumQoS', 'flag', 'connack'),
  property(0x25, 'retainAvailable', 'flag', 'connack'),
  property(0x26, 'userProperties', 'pair', `connect publish will subscribe unsubscribe ${ANSWERS}`),
  property(0x27, 'maximumPacketSize', 'uint32', 'connect connack', 'protocol'),
  property(0x28, 'wildcardSubscriptionAvailable', 'flag', 'connack'),
  property(0x29, 'subscriptionIdentifiersAvailable', 'flag', 'connack'),
  property(0x2a, 'sharedSubscriptionAvailable', 'flag', 'connack'),
]

/** The properties that a packet or will may have, by its place. */
export const PROPERTIES_OF: ReadonlyMap<number, readonly PropertyRule[]> = new Map(
  [WILL_PLACE, ...PACKETS.map(({ place }) => place)].map(place => [
    place,
    PROPERTIES.filter(({ places }) => (places & place) !== 0),
  ]),
)

/** By identifier. */
export const PROPERTY_BY_ID: readonly (PropertyRule | undefined)[] = Array.from(
  { length: 0x2b },
  (_, id) => PROPERTIES.find(each => each.id === id),
)

function property(
  id: number,
  name: string,
  kind: ValueKind,
  places: string,
  zero: PropertyRule['zero'] = 'allowed',
): PropertyRule {
  const repeats = kind === 'pair' || name === 'subscriptionIdentifiers'
  return { id, name, kind, places: placesOf(places), zero, repeats }
}

const PUBLISH_REASONS = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99]
const RELEASE_REASONS = [0x00, 0x92]

/** The reason codes of each packet (5.0, tables 3-1, 3-4 to 3-11, 3-13), by packet type. */
export const REASONS: readonly (readonly number[])[] = [
  [],
  [],
  [
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8c, 0x90, 0x95, 0x97,
    0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9f,
  ],
  [],
  PUBLISH_REASONS,
  PUBLISH_REASONS,
  RELEASE_REASONS,
  RELEASE_REASONS,
  [],
  [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8f, 0x91, 0x97, 0x9e, 0xa1, 0xa2],
  [],
  [0x00, 0x11, 0x80, 0x83, 0x87, 0x8f, 0x91],
  [],
  [],
  [
    0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8b, 0x8d, 0x8e, 0x8f, 0x90, 0x93, 0x94, 0x95,
    0x96, 0x97, 0x98, 0x99, 0x9a, 0x9b, 0x9c, 0x9d, 0x9e, 0x9f, 0xa0, 0xa1, 0xa2,
  ],
  [0x00, 0x18, 0x19],
]

/** The return codes of SUBACK in 3.1.1 (section 3.9.3). */
export const OLD_SUBACK_REASONS: readonly number[] = [0x00, 0x01, 0x02, 0x80]

/** The reason codes of 5.0 that have the meaning of CONNACK's return codes 0 to 5 (3.1.1, table 3.1). */
export const REASON_OF_RETURN_CODE: readonly number[] = [0x00, 0x84, 0x85, 0x88, 0x86, 0x87]
