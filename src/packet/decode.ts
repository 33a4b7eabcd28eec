// Bytes → packet, for every packet type and version. It refuses everything that the specification calls malformed.

import { decodeConnect } from './decode-connect.ts'
import { decodeSubscribe, decodeUnsubscribe } from './decode-filters.ts'
import { decodePublish } from './decode-publish.ts'
import { assertHeader, bodyStart, isLongHeader } from './fixed-header.ts'
import { MalformedPacket } from './malformed.ts'
import {
  type AcknowledgementPacket,
  type AuthPacket,
  type ConnackPacket,
  type DisconnectPacket,
  NO_PROPERTIES,
  type Packet,
  type ProtocolVersion,
  type ReadingTerms,
  type SubackPacket,
  type UnsubackPacket,
} from './packet.ts'
import { type PropertyPlace, readProperties } from './properties.ts'
import { Reader } from './reader.ts'
import {
  MALFORMED_PACKET,
  PROTOCOL_ERROR,
  type ReasonCode,
  reasonOfReturnCode,
  SUCCESS,
} from './reason.ts'
import { reasonIn } from './reasons-allowed.ts'

export { protocolVersionOf } from './decode-connect.ts'

const UNBOUNDED: Readonly<Record<ProtocolVersion, ReadingTerms>> = {
  3: { version: 3, userPropertiesMax: Infinity },
  4: { version: 4, userPropertiesMax: Infinity },
  5: { version: 5, userPropertiesMax: Infinity },
}

/** Decodes a packet that a broker sent to a client, which trusts it. */
export function decode(
  bytes: Buffer,
  start: number,
  end: number,
  version: ProtocolVersion,
): Packet {
  return decodeWithin(bytes, start, end, UNBOUNDED[version])
}

/**
 * `start` is at the fixed header, `end` behind the packet, as the framer found them. The version of a CONNECT is in
 * the packet itself. Throws MalformedPacket with the reason code that the specification gives.
 */
export function decodeWithin(
  bytes: Buffer,
  start: number,
  end: number,
  terms: ReadingTerms,
): Packet {
  const { version } = terms
  const first = bytes[start] ?? 0
  const flags = first & 0x0f
  const type = first >> 4
  // A length of one byte, which most packets have, cannot be longer than needed.
  const isShort = (bytes[start + 1] ?? 0) < 0x80
  if (type === 3 && isShort) return decodePublish(bytes, start + 2, end, flags, terms)
  const body = bodyStart(bytes, start)
  const isLong = isLongHeader(bytes, start, body)
  if (type === 3 && !isLong) return decodePublish(bytes, body, end, flags, terms)
  const reader = new Reader(bytes, body, end, terms.userPropertiesMax)
  if (type === 1) {
    const packet = decodeConnect(reader)
    assertHeader(type, flags, isLong, packet.version)
    reader.assertEnd(packet.type)
    return packet
  }
  assertHeader(type, flags, isLong, version)
  if (type === 3) return decodePublish(bytes, body, end, flags, terms)
  const packet = decodeBody(type, reader, version)
  reader.assertEnd(packet.type)
  return packet
}

/**
 * Returns the packet identifier of a PUBACK that has nothing behind it, as nearly all have; 0 for every other packet.
 * It spares most of the packets that subscribers send a reader and an object.
 */
export function plainPuback(bytes: Buffer, start: number, end: number): number {
  if (end - start !== 4 || bytes[start] !== 0x40 || bytes[start + 1] !== 2) return 0
  return ((bytes[start + 2] ?? 0) << 8) | (bytes[start + 3] ?? 0)
}

function decodeBody(type: number, reader: Reader, version: ProtocolVersion): Packet {
  switch (type) {
    case 2:
      return decodeConnack(reader, version)
    case 4:
      return decodeAcknowledgement('puback', reader, version)
    case 5:
      return decodeAcknowledgement('pubrec', reader, version)
    case 6:
      return decodeAcknowledgement('pubrel', reader, version)
    case 7:
      return decodeAcknowledgement('pubcomp', reader, version)
    case 8:
      return decodeSubscribe(reader, version)
    case 9:
      return decodeSuback(reader, version)
    case 10:
      return decodeUnsubscribe(reader, version)
    case 11:
      return decodeUnsuback(reader, version)
    case 12:
      return { type: 'pingreq' }
    case 13:
      return { type: 'pingresp' }
    case 14:
      return decodeDisconnect(reader, version)
    case 15:
      return decodeAuth(reader, version)
    default:
      throw new MalformedPacket(MALFORMED_PACKET, `packet type ${type}`)
  }
}

function decodeConnack(reader: Reader, version: ProtocolVersion): ConnackPacket {
  const flags = reader.uint8('connect acknowledge flags')
  const flagsMax = version === 3 ? 0xff : 1
  // [MQTT-3.2.2-1]; MQTT 3.1 does not use the byte.
  if (flags > flagsMax)
    throw new MalformedPacket(MALFORMED_PACKET, 'reserved connect acknowledge flags')
  const code = reader.uint8('connect reason code')
  const reason = version === 5 ? reasonIn('connack', code) : reasonOfReturnCode(code)
  if (reason === null) throw new MalformedPacket(MALFORMED_PACKET, `connect return code ${code}`)
  const sessionPresent = version !== 3 && flags === 1
  return {
    type: 'connack',
    sessionPresent,
    reason,
    properties: properties(reader, 'connack', version),
  }
}

function decodeAcknowledgement(
  type: AcknowledgementPacket['type'],
  reader: Reader,
  version: ProtocolVersion,
): AcknowledgementPacket {
  const packetId = reader.packetId()
  // A packet may end before the properties if there are none, and before the reason if it is success.
  if (version < 5 || reader.isAtEnd)
    return { type, packetId, reason: SUCCESS, properties: NO_PROPERTIES }
  const reason = reasonIn(type, reader.uint8('reason code'))
  return { type, packetId, reason, properties: trailingProperties(reader, type) }
}

function decodeSuback(reader: Reader, version: ProtocolVersion): SubackPacket {
  const packetId = reader.packetId()
  const props = properties(reader, 'suback', version)
  return {
    type: 'suback',
    packetId,
    reasons: reasons('suback', reader, version),
    properties: props,
  }
}

function decodeUnsuback(reader: Reader, version: ProtocolVersion): UnsubackPacket {
  const packetId = reader.packetId()
  if (version < 5) return { type: 'unsuback', packetId, reasons: [], properties: NO_PROPERTIES }
  const props = properties(reader, 'unsuback', version)
  const list = reasons('unsuback', reader, version)
  return { type: 'unsuback', packetId, reasons: list, properties: props }
}

function reasons(
  packet: 'suback' | 'unsuback',
  reader: Reader,
  version: ProtocolVersion,
): readonly ReasonCode[] {
  const list: ReasonCode[] = []
  while (!reader.isAtEnd) {
    const reason = reasonIn(packet, reader.uint8('reason code'))
    // 3.x has only one failure code [MQTT-3.9.3-2].
    if (version < 5 && reason > 0x80)
      throw new MalformedPacket(MALFORMED_PACKET, `return code ${reason}`)
    reader.assertListed(list.length, 'reason codes')
    list.push(reason)
  }
  if (list.length === 0)
    throw new MalformedPacket(PROTOCOL_ERROR, `${packet} without a reason code`)
  return list
}

function decodeDisconnect(reader: Reader, version: ProtocolVersion): DisconnectPacket {
  if (version < 5 || reader.isAtEnd) {
    return { type: 'disconnect', reason: SUCCESS, properties: NO_PROPERTIES }
  }
  const reason = reasonIn('disconnect', reader.uint8('reason code'))
  return { type: 'disconnect', reason, properties: trailingProperties(reader, 'disconnect') }
}

function decodeAuth(reader: Reader, version: ProtocolVersion): AuthPacket {
  if (version < 5) throw new MalformedPacket(MALFORMED_PACKET, 'AUTH is not in this version')
  if (reader.isAtEnd) return { type: 'auth', reason: SUCCESS, properties: NO_PROPERTIES }
  const reason = reasonIn('auth', reader.uint8('reason code'))
  const props = trailingProperties(reader, 'auth')
  // Only success without properties may leave out the method (sections 3.15.2.1 and 3.15.2.2.2).
  const needsMethod = reason !== SUCCESS || props !== NO_PROPERTIES
  if (needsMethod && props.authenticationMethod === undefined) {
    throw new MalformedPacket(PROTOCOL_ERROR, 'AUTH without an authentication method')
  }
  return { type: 'auth', reason, properties: props }
}

function properties(
  reader: Reader,
  place: PropertyPlace,
  version: ProtocolVersion,
): typeof NO_PROPERTIES {
  return version === 5 ? readProperties(reader, place) : NO_PROPERTIES
}

function trailingProperties(reader: Reader, place: PropertyPlace): typeof NO_PROPERTIES {
  return reader.isAtEnd ? NO_PROPERTIES : readProperties(reader, place)
}
