// Packet → bytes, for every packet type and version. Fields that a version does not have are left out.

import { EncodedPublish } from './encode-publish.ts'
import {
  type AcknowledgementPacket,
  type AuthPacket,
  type ConnackPacket,
  type ConnectPacket,
  type DisconnectPacket,
  NO_PROPERTIES,
  type Packet,
  type ProtocolVersion,
  type PublishPacket,
  type SubackPacket,
  type SubscribePacket,
  type UnsubackPacket,
  type UnsubscribePacket,
} from './packet.ts'
import { writeProperties } from './properties.ts'
import { connectReturnCode, isFailure, SUCCESS, UNSPECIFIED_ERROR } from './reason.ts'
import { varintBytes, Writer } from './writer.ts'

const FIRST_BYTES = {
  connect: 0x10,
  connack: 0x20,
  puback: 0x40,
  pubrec: 0x50,
  pubrel: 0x62,
  pubcomp: 0x70,
  subscribe: 0x82,
  suback: 0x90,
  unsubscribe: 0xa2,
  unsuback: 0xb0,
  pingreq: 0xc0,
  pingresp: 0xd0,
  disconnect: 0xe0,
  auth: 0xf0,
} as const

const body = new Writer()

/** Encodes a packet into memory of its own. The version of a CONNECT is in the packet itself. */
export function encode(packet: Packet, version: ProtocolVersion): Buffer {
  if (packet.type === 'publish') return encodeWholePublish(packet, version)
  body.reset()
  writeBody(packet, version)
  const { length } = body
  const headerBytes = 1 + varintBytes(length)
  const bytes = Buffer.allocUnsafe(headerBytes + length)
  bytes[0] = FIRST_BYTES[packet.type]
  let rest = length
  for (let at = 1; at < headerBytes; at++) {
    bytes[at] = at === headerBytes - 1 ? rest : (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  body.copyTo(bytes, headerBytes)
  return bytes
}

function encodeWholePublish(packet: PublishPacket, version: ProtocolVersion): Buffer {
  const { topic, payload, qos, retain, duplicate, properties, packetId } = packet
  const encoded = new EncodedPublish()
  encoded.encode(topic, payload, qos, retain, duplicate, properties, version)
  const { head } = encoded
  const bytes = encoded.payload === null ? head : Buffer.concat([head, encoded.payload])
  if (encoded.packetIdOffset >= 0) bytes.writeUInt16BE(packetId, encoded.packetIdOffset)
  return bytes
}

function writeBody(packet: Exclude<Packet, PublishPacket>, version: ProtocolVersion): void {
  switch (packet.type) {
    case 'connect':
      return writeConnect(packet)
    case 'connack':
      return writeConnack(packet, version)
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp':
      return writeAcknowledgement(packet, version)
    case 'subscribe':
      return writeSubscribe(packet, version)
    case 'suback':
    case 'unsuback':
      return writeReasons(packet, version)
    case 'unsubscribe':
      return writeUnsubscribe(packet, version)
    case 'disconnect':
    case 'auth':
      return writeReason(packet, version)
    case 'pingreq':
    case 'pingresp':
      return
  }
}

function writeConnect(packet: ConnectPacket): void {
  const { version, will, username, password } = packet
  body.string(version === 3 ? 'MQIsdp' : 'MQTT')
  body.uint8(packet.isBridge === true ? version | 0x80 : version)
  body.uint8(
    (packet.cleanStart ? 0x02 : 0) |
      (will === null ? 0 : 0x04 | (will.qos << 3) | (will.retain ? 0x20 : 0)) |
      (password === null ? 0 : 0x40) |
      (username === null ? 0 : 0x80),
  )
  body.uint16(packet.keepAliveSeconds)
  if (version === 5) writeProperties(body, packet.properties)
  body.string(packet.clientId)
  if (will !== null) {
    if (version === 5) writeProperties(body, will.properties)
    body.string(will.topic)
    body.binary(will.payload)
  }
  if (username !== null) body.string(username)
  if (password !== null) body.binary(password)
}

function writeConnack(packet: ConnackPacket, version: ProtocolVersion): void {
  // 3.1 has no Session Present.
  body.uint8(packet.sessionPresent && version > 3 ? 1 : 0)
  body.uint8(version === 5 ? packet.reason : connectReturnCode(packet.reason))
  if (version === 5) writeProperties(body, packet.properties)
}

function writeAcknowledgement(packet: AcknowledgementPacket, version: ProtocolVersion): void {
  body.uint16(packet.packetId)
  if (version === 5) writeReasonAndProperties(packet)
}

function writeReason(packet: DisconnectPacket | AuthPacket, version: ProtocolVersion): void {
  if (version === 5) writeReasonAndProperties(packet)
}

/** Leaves out a reason of 0 without properties, as mosquitto does and the specification allows. */
function writeReasonAndProperties(
  packet: AcknowledgementPacket | DisconnectPacket | AuthPacket,
): void {
  if (packet.reason === SUCCESS && packet.properties === NO_PROPERTIES) return
  body.uint8(packet.reason)
  if (packet.properties !== NO_PROPERTIES) writeProperties(body, packet.properties)
}

function writeSubscribe(packet: SubscribePacket, version: ProtocolVersion): void {
  body.uint16(packet.packetId)
  if (version === 5) writeProperties(body, packet.properties)
  for (const { filter, qos, noLocal, retainAsPublished, retainHandling } of packet.subscriptions) {
    body.string(filter)
    const options = (noLocal ? 0x04 : 0) | (retainAsPublished ? 0x08 : 0) | (retainHandling << 4)
    body.uint8(version === 5 ? qos | options : qos)
  }
}

function writeReasons(packet: SubackPacket | UnsubackPacket, version: ProtocolVersion): void {
  body.uint16(packet.packetId)
  if (version === 5) writeProperties(body, packet.properties)
  // UNSUBACK of 3.x has no reason codes.
  if (version < 5 && packet.type === 'unsuback') return
  for (const reason of packet.reasons) {
    body.uint8(version < 5 && isFailure(reason) ? UNSPECIFIED_ERROR : reason)
  }
}

function writeUnsubscribe(packet: UnsubscribePacket, version: ProtocolVersion): void {
  body.uint16(packet.packetId)
  if (version === 5) writeProperties(body, packet.properties)
  for (const filter of packet.filters) body.string(filter)
}
