// CONNECT → packet, and the version that it asks for.

import { MalformedPacket } from './malformed.ts'
import { type ConnectPacket, NO_PROPERTIES, type ProtocolVersion, type Will } from './packet.ts'
import { readProperties } from './properties.ts'
import { Reader } from './reader.ts'
import { MALFORMED_PACKET, PROTOCOL_ERROR, UNSUPPORTED_PROTOCOL_VERSION } from './reason.ts'
import { quoted } from './text.ts'

const RESERVED = 0x01
const CLEAN_START = 0x02
const WILL = 0x04
const WILL_RETAIN = 0x20
const PASSWORD = 0x40
const USER_NAME = 0x80
/** Bit 7 of the protocol level, which no version of the specification uses. */
const BRIDGE = 0x80

export function decodeConnect(reader: Reader): ConnectPacket {
  const { version, isBridge } = readVersion(reader)
  const flags = readFlags(reader, version)
  const keepAliveSeconds = reader.uint16('keep alive')
  const properties = version === 5 ? readProperties(reader, 'connect') : NO_PROPERTIES
  if (
    properties.authenticationData !== undefined &&
    properties.authenticationMethod === undefined
  ) {
    throw new MalformedPacket(
      PROTOCOL_ERROR,
      'authentication data without an authentication method',
    )
  }
  const clientId = reader.string('client identifier')
  const will = (flags & WILL) === 0 ? null : readWill(reader, flags, version)
  const username = has(flags, USER_NAME, reader, version) ? reader.string('user name') : null
  const password = has(flags, PASSWORD, reader, version) ? reader.binary('password') : null
  return {
    type: 'connect',
    version,
    ...(isBridge ? { isBridge } : {}),
    cleanStart: (flags & CLEAN_START) !== 0,
    keepAliveSeconds,
    clientId,
    username,
    password,
    will,
    properties,
  }
}

/** Returns the protocol level of a CONNECT that could not be decoded, also an unknown one; null for another packet. */
export function protocolVersionOf(bytes: Buffer, start: number, end: number): number | null {
  if ((bytes[start] ?? 0) >> 4 !== 1) return null
  let at = start + 1
  while (at < end && (bytes[at] ?? 0) > 0x7f) at += 1
  at += 1
  if (at + 2 > end) return null
  const level = at + 2 + bytes.readUInt16BE(at)
  // These bytes have not been checked.
  if (level >= end) return null
  const name = bytes.latin1Slice(at + 2, level)
  return name === 'MQTT' || name === 'MQIsdp' ? (bytes[level] ?? null) : null
}

/** In 3.1 a flag may be set although the packet ends before the field (section 3.1 of MQTT 3.1). */
function has(flags: number, flag: number, reader: Reader, version: ProtocolVersion): boolean {
  return (flags & flag) !== 0 && (version > 3 || !reader.isAtEnd)
}

function readVersion(reader: Reader): { version: ProtocolVersion; isBridge: boolean } {
  const name = reader.string('protocol name')
  // [MQTT-3.1.2-1]
  if (name !== 'MQTT' && name !== 'MQIsdp')
    throw new MalformedPacket(MALFORMED_PACKET, `the protocol name is ${quoted(name)}, not "MQTT"`)
  const level = reader.uint8('protocol level')
  const version = level & ~BRIDGE
  const isBridge = version !== level
  if (name === 'MQIsdp' && version === 3) return { version, isBridge }
  if (name === 'MQTT' && (version === 4 || version === 5)) return { version, isBridge }
  // [MQTT-3.1.2-2]
  throw new MalformedPacket(UNSUPPORTED_PROTOCOL_VERSION, unsupported(name, level))
}

function unsupported(name: string, level: number): string {
  const version = level & ~BRIDGE
  return `protocol ${name} of level ${version}${version === level ? '' : ', from a bridge'}`
}

function readFlags(reader: Reader, version: ProtocolVersion): number {
  const flags = reader.uint8('connect flags')
  // [MQTT-3.1.2-3]; 3.1 does not use the bit.
  if ((flags & RESERVED) !== 0 && version > 3)
    throw new MalformedPacket(MALFORMED_PACKET, 'the reserved connect flag is set')
  const willQoS = (flags >> 3) & 0x03
  const hasWill = (flags & WILL) !== 0
  if (version > 3 && !hasWill && (willQoS !== 0 || (flags & WILL_RETAIN) !== 0)) {
    // [MQTT-3.1.2-11], [MQTT-3.1.2-13]; 3.1 has no such rule, and its devices may set the bits to anything.
    throw new MalformedPacket(MALFORMED_PACKET, 'will QoS or will retain without a will')
  }
  // [MQTT-3.1.2-12]
  if (willQoS === 3 && (hasWill || version > 3))
    throw new MalformedPacket(MALFORMED_PACKET, 'will QoS 3')
  if (version < 5 && (flags & PASSWORD) !== 0 && (flags & USER_NAME) === 0) {
    // [MQTT-3.1.2-22] of 3.1.1
    throw new MalformedPacket(MALFORMED_PACKET, 'a password without a user name')
  }
  return flags
}

function readWill(reader: Reader, flags: number, version: ProtocolVersion): Will {
  const properties = version === 5 ? readProperties(reader, 'will') : NO_PROPERTIES
  const topic = reader.string('will topic')
  const payload = reader.binary('will payload')
  const qos = (flags >> 3) & 0x03
  return {
    topic,
    payload,
    qos: qos === 1 || qos === 2 ? qos : 0,
    retain: (flags & WILL_RETAIN) !== 0,
    properties,
  }
}
