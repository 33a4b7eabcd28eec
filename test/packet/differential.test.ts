// Our codec against mqtt-packet 9, in both directions, over generated packets.

import mqttPacket, { type Packet as TheirPacket } from 'mqtt-packet'
import { test } from 'tap'
import { decode } from '../../src/packet/decode.ts'
import { Framer } from '../../src/packet/framer.ts'
import { MalformedPacket } from '../../src/packet/malformed.ts'
import { encode } from '../../src/packet/encode.ts'
import {
  NO_PROPERTIES,
  type Packet,
  type Properties,
  type ProtocolVersion,
} from '../../src/packet/packet.ts'
import { connectReturnCode } from '../../src/packet/reason.ts'
import { Random, generatedPacket } from './generated-packets.ts'

const PACKETS = 120_000
const VERSIONS = [3, 4, 5] as const

// Where the two differ, and why ours is what it is. Whatever is not explained here fails the test. None of it makes
// one read a packet otherwise than the other; `asTheirs` is this list as code.
//
// 1. mqtt-packet names some members otherwise (messageId, dup, granted), and a list of one subscription identifier
//    is a number.
// 2. It reads the flag properties as booleans; section 2.2.2.2 calls them bytes of 0 or 1.
// 3. It keeps user properties in an object: their order across names is lost, which [MQTT-3.3.2-18] forbids, and an
//    empty value is lost when another of the same name follows.
// 4. It keeps the return codes of 3.x as they are; we keep reason codes of 5.0 in every version.
// 5. It writes a reason code of 0 into PUBACK and its kin; we leave it out, as section 3.4.2.1 allows.

/** What mqtt-packet refuses to write although it is a packet, or null. */
function theyCannotWrite(packet: Packet): string | null {
  if (
    packet.type === 'connect' &&
    packet.clientId === '' &&
    (packet.version === 3 || !packet.cleanStart)
  ) {
    return 'an empty client id: whether it is accepted is for the server to say, not for the codec'
  }
  return null
}

const BOOLEANS = [
  'payloadFormatIndicator',
  'requestProblemInformation',
  'requestResponseInformation',
  'retainAvailable',
  'wildcardSubscriptionAvailable',
  'subscriptionIdentifiersAvailable',
  'sharedSubscriptionAvailable',
] as const

/** Our properties as mqtt-packet has them. */
function theirProperties(properties: Properties): Record<string, unknown> | undefined {
  if (properties === NO_PROPERTIES) return undefined
  const { userProperties, subscriptionIdentifiers, ...rest } = properties
  const theirs: Record<string, unknown> = { ...rest }
  for (const name of BOOLEANS) if (theirs[name] !== undefined) theirs[name] = theirs[name] === 1
  if (subscriptionIdentifiers !== undefined) {
    const [only, ...more] = subscriptionIdentifiers
    theirs['subscriptionIdentifier'] = more.length === 0 ? only : subscriptionIdentifiers
  }
  if (userProperties !== undefined) {
    const grouped: Record<string, string | string[]> = {}
    for (const [name, value] of userProperties) {
      const known = grouped[name]
      if (known === undefined || known === '') grouped[name] = value
      else grouped[name] = Array.isArray(known) ? [...known, value] : [known, value]
    }
    theirs['userProperties'] = grouped
  }
  return theirs
}

/** Our packet as mqtt-packet would have it. */
function asTheirs(packet: Packet, version: ProtocolVersion): Record<string, unknown> {
  const properties = 'properties' in packet ? theirProperties(packet.properties) : undefined
  const own = properties === undefined ? {} : { properties }
  switch (packet.type) {
    case 'connect':
      return {
        cmd: 'connect',
        protocolId: version === 3 ? 'MQIsdp' : 'MQTT',
        protocolVersion: version,
        clean: packet.cleanStart,
        clientId: packet.clientId,
        keepalive: packet.keepAliveSeconds,
        ...(packet.username === null ? {} : { username: packet.username }),
        ...(packet.password === null ? {} : { password: packet.password }),
        ...(packet.will === null ? {} : { will: theirWill(packet.will) }),
        ...own,
      }
    case 'connack':
      return {
        cmd: 'connack',
        sessionPresent: packet.sessionPresent,
        ...(version === 5
          ? { reasonCode: packet.reason }
          : { returnCode: connectReturnCode(packet.reason) }),
        ...own,
      }
    case 'publish':
      return {
        cmd: 'publish',
        dup: packet.duplicate,
        qos: packet.qos,
        retain: packet.retain,
        topic: packet.topic,
        payload: packet.payload,
        ...(packet.qos === 0 ? {} : { messageId: packet.packetId }),
        ...own,
      }
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return {
        cmd: packet.type,
        messageId: packet.packetId,
        ...(version === 5 ? { reasonCode: packet.reason } : {}),
        ...own,
      }
    case 'subscribe':
      return {
        cmd: 'subscribe',
        messageId: packet.packetId,
        subscriptions: packet.subscriptions.map(
          ({ filter, qos, noLocal, retainAsPublished, retainHandling }) => ({
            topic: filter,
            qos,
            ...(version === 5 ? { nl: noLocal, rap: retainAsPublished, rh: retainHandling } : {}),
          }),
        ),
        ...own,
      }
    case 'suback':
      return { cmd: 'suback', messageId: packet.packetId, granted: packet.reasons, ...own }
    case 'unsubscribe':
      return {
        cmd: 'unsubscribe',
        messageId: packet.packetId,
        unsubscriptions: packet.filters,
        ...own,
      }
    case 'unsuback':
      return {
        cmd: 'unsuback',
        messageId: packet.packetId,
        ...(version === 5 ? { granted: packet.reasons } : {}),
        ...own,
      }
    case 'disconnect':
    case 'auth':
      return { cmd: packet.type, ...(version === 5 ? { reasonCode: packet.reason } : {}), ...own }
    case 'pingreq':
    case 'pingresp':
      return { cmd: packet.type }
  }
}

function theirWill(
  will: NonNullable<Extract<Packet, { type: 'connect' }>['will']>,
): Record<string, unknown> {
  const properties = theirProperties(will.properties)
  return {
    topic: will.topic,
    payload: will.payload,
    qos: will.qos,
    retain: will.retain,
    ...(properties === undefined ? {} : { properties }),
  }
}

/** Only the members that ours has: theirs has some more of its own, such as `length`. */
function picked(
  theirs: Record<string, unknown>,
  like: Record<string, unknown>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.keys(like).map(name => {
      const value = theirs[name]
      const model = like[name]
      if (isPlain(value) && isPlain(model)) return [name, picked(value, model)]
      if (Array.isArray(value) && Array.isArray(model)) {
        return [
          name,
          value.map((each, index) =>
            isPlain(each) && isPlain(model[index]) ? picked(each, model[index]) : each,
          ),
        ]
      }
      return [name, value]
    }),
  )
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && !Array.isArray(value) && !Buffer.isBuffer(value)
  )
}

function parsedByThem(bytes: Buffer, version: ProtocolVersion): Record<string, unknown> | Error {
  const parser = mqttPacket.parser({ protocolVersion: version })
  let result: TheirPacket | Error = new Error('no packet came out')
  parser.on('packet', packet => (result = packet))
  parser.on('error', error => (result = error as Error))
  parser.parse(bytes)
  return result as unknown as Record<string, unknown> | Error
}

function normalized(value: unknown): string {
  return JSON.stringify(value, (_name, each: unknown) => {
    if (isPlain(each)) {
      if (each['type'] === 'Buffer' && Array.isArray(each['data']))
        return Buffer.from(each['data'] as number[]).toString('hex')
      return Object.fromEntries(
        Object.entries(each).sort(([one], [other]) => (one < other ? -1 : 1)),
      )
    }
    return each
  })
}

for (const version of VERSIONS) {
  test(`mqtt-packet reads what we write, and we read what it writes, version ${version}`, async t => {
    const random = new Random(version)
    const unexplained: string[] = []
    let read = 0
    let written = 0

    for (let count = 0; count < PACKETS / 3; count++) {
      const packet = generatedPacket(random, version)
      const like = asTheirs(packet, version)
      const theirs = parsedByThem(encode(packet, version), version)
      read += 1
      if (theirs instanceof Error || normalized(picked(theirs, like)) !== normalized(like)) {
        unexplained.push(
          `we wrote ${normalized(like)}, it read ${theirs instanceof Error ? theirs.message : normalized(picked(theirs, like))}`,
        )
        continue
      }
      if (theyCannotWrite(packet) !== null) continue
      const bytes = mqttPacket.generate(like as unknown as TheirPacket, {
        protocolVersion: version,
      })
      const ours = decode(bytes, 0, bytes.length, version)
      written += 1
      if (normalized(asTheirs(ours, version)) !== normalized(like)) {
        unexplained.push(
          `it wrote ${normalized(like)}, we read ${normalized(asTheirs(ours, version))}`,
        )
      }
    }

    t.strictSame(unexplained.slice(0, 3), [])
    t.equal(read, PACKETS / 3)
    t.ok(written > (PACKETS / 3) * 0.9, `${written} were written by mqtt-packet`)
  })
}

/** What mqtt-packet refuses and we take, by its own words: each is right to be taken. */
const THEY_REFUSE: readonly RegExp[] = [
  // 3.1 gives these bits no meaning.
  /^3 Invalid connack flags/,
  /^3 Invalid header flag bits/,
  /^3 Will (?:QoS|Retain Flag) must be set to zero/,
  /^3 Connect flag bit 0 must be 0/,
  // AUTH without a body says success (5.0, section 3.15.2.1).
  /^5 Invalid auth reason code/,
]

test('no packet that mqtt-packet refuses is accepted, over packets with a changed byte', async t => {
  const unexplained = new Map<string, string>()
  let refusedByUs = 0
  let refusedByThem = 0

  for (const version of VERSIONS) {
    const random = new Random(100 + version)
    for (let count = 0; count < 15_000; count++) {
      const bytes = encode(generatedPacket(random, version), version)
      if (bytes.length > 300) continue
      const at = random.below(bytes.length)
      bytes[at] = random.below(256)
      const ours = readByUs(bytes, version)
      if (ours === 'incomplete') continue
      const theirs = parsedByThem(bytes, version)
      if (ours === 'refused') refusedByUs += 1
      if (!(theirs instanceof Error)) continue
      refusedByThem += 1
      if (
        ours === 'taken' &&
        !THEY_REFUSE.some(each => each.test(`${version} ${theirs.message}`))
      ) {
        unexplained.set(`${version} ${theirs.message}`, bytes.toString('hex'))
      }
    }
  }

  t.strictSame([...unexplained].slice(0, 10), [])
  t.ok(refusedByUs > refusedByThem, `we refused ${refusedByUs}, mqtt-packet ${refusedByThem}`)
})

function readByUs(bytes: Buffer, version: ProtocolVersion): 'taken' | 'refused' | 'incomplete' {
  const framer = new Framer(1_000_000)
  try {
    framer.push(bytes)
    if (!framer.next() || framer.end !== bytes.length) return 'incomplete'
    decode(framer.bytes, framer.start, framer.end, version)
    return 'taken'
  } catch (error) {
    if (error instanceof MalformedPacket) return 'refused'
    throw error
  }
}
