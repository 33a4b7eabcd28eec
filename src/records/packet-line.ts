// A packet in words, for a trace: without passwords and data of authentication, and with a cut payload.

import { isUtf8 } from 'node:buffer'
import { decode } from '../packet/decode.ts'
import type { ConnectPacket, Packet, ProtocolVersion, PublishPacket } from '../packet/packet.ts'
import { type ReasonCode, reasonName } from '../packet/reason.ts'
import { shortened } from '../packet/text.ts'

interface PacketLine {
  readonly type: string
  readonly packetId: number | null
  readonly topic: string | null
  readonly qos: number | null
  readonly packetBytes: number
  readonly payloadBytes: number | null
  /** The beginning of the payload: text, or hexadecimal digits. */
  readonly payload: string | null
  readonly encoding: 'utf8' | 'hex' | null
  /** Everything else worth knowing. */
  readonly text: string
}

const PAYLOAD_BYTES_MAX = 256
const TEXT_BYTES_MAX = 256
const FILTERS_MAX = 4
const TYPES = [
  '',
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
]

/** `head`: the first bytes of the packet. */
export function packetLine(
  head: Buffer,
  packetBytes: number,
  version: ProtocolVersion,
): PacketLine {
  const type = TYPES[(head[0] ?? 0) >> 4] ?? ''
  try {
    return lineOf(decode(head, 0, head.length, version), packetBytes, packetBytes - head.length)
  } catch {
    const text = packetBytes > head.length ? 'too long to be shown' : 'not well formed'
    return { ...plain(type, packetBytes), text }
  }
}

/** `cutBytes` are missing at the end of its payload. */
function lineOf(packet: Packet, packetBytes: number, cutBytes: number): PacketLine {
  const line = plain(packet.type, packetBytes)
  switch (packet.type) {
    case 'connect':
      return { ...line, text: connectText(packet) }
    case 'publish':
      return { ...line, ...publishDetails(packet, cutBytes) }
    case 'subscribe': {
      const filters = packet.subscriptions.map(
        ({ filter, qos }) => `${JSON.stringify(filter)} QoS ${qos}`,
      )
      return { ...line, packetId: packet.packetId, text: listed(filters) }
    }
    case 'unsubscribe': {
      const filters = packet.filters.map(filter => JSON.stringify(filter))
      return { ...line, packetId: packet.packetId, text: listed(filters) }
    }
    case 'suback':
    case 'unsuback':
      return { ...line, packetId: packet.packetId, text: listed(packet.reasons.map(reasonName)) }
    case 'connack': {
      const session = packet.sessionPresent ? ', its session continues' : ''
      return {
        ...line,
        text: cut(withReason(packet.reason, packet.properties.reasonString) + session),
      }
    }
    case 'puback':
    case 'pubrec':
    case 'pubrel':
    case 'pubcomp': {
      const text = cut(withReason(packet.reason, packet.properties.reasonString))
      return { ...line, packetId: packet.packetId, text }
    }
    case 'disconnect':
    case 'auth':
      return { ...line, text: cut(withReason(packet.reason, packet.properties.reasonString)) }
    case 'pingreq':
    case 'pingresp':
      return line
  }
}

function connectText(packet: ConnectPacket): string {
  const { clientId, username, password, will, keepAliveSeconds, cleanStart } = packet
  const words = [
    `client id ${JSON.stringify(clientId)}`,
    username === null ? 'no user name' : `user ${JSON.stringify(username)}`,
    password === null ? 'no password' : 'with a password',
    `keep-alive ${keepAliveSeconds} s`,
    cleanStart ? 'clean start' : 'continues its session',
    ...(will === null ? [] : [`will to ${JSON.stringify(will.topic)}`]),
  ]
  return cut(words.join(', '))
}

function publishDetails(packet: PublishPacket, cutBytes: number): Partial<PacketLine> {
  const { topic, qos, packetId, payload, retain, duplicate, properties } = packet
  const alias = properties.topicAlias === undefined ? [] : [`alias ${properties.topicAlias}`]
  const flags = [...(retain ? ['retain'] : []), ...(duplicate ? ['duplicate'] : []), ...alias]
  return {
    topic: topic === '' ? null : cut(topic),
    qos,
    packetId: qos === 0 ? null : packetId,
    payloadBytes: payload.length + cutBytes,
    ...shownPayload(payload),
    text: flags.join(', '),
  }
}

function plain(type: string, packetBytes: number): PacketLine {
  return {
    type,
    packetId: null,
    topic: null,
    qos: null,
    packetBytes,
    payloadBytes: null,
    payload: null,
    encoding: null,
    text: '',
  }
}

/** Returns the beginning of a payload as text, or else as hexadecimal digits. */
export function shownPayload(payload: Buffer): Pick<PacketLine, 'payload' | 'encoding'> {
  let end = Math.min(payload.length, PAYLOAD_BYTES_MAX)
  // A cut in the middle of a character is moved to its beginning.
  if (end < payload.length) while (end > 0 && ((payload[end] ?? 0) & 0xc0) === 0x80) end -= 1
  const beginning = payload.subarray(0, end)
  if (isUtf8(beginning)) return { payload: beginning.toString(), encoding: 'utf8' }
  return { payload: payload.subarray(0, PAYLOAD_BYTES_MAX).toString('hex'), encoding: 'hex' }
}

function withReason(reason: ReasonCode, sentence: string | undefined): string {
  const name = reasonName(reason)
  return sentence === undefined ? name : `${name}: ${sentence}`
}

function listed(words: readonly string[]): string {
  const more = words.length > FILTERS_MAX ? `, and ${words.length - FILTERS_MAX} more` : ''
  return cut(words.slice(0, FILTERS_MAX).join(', ')) + more
}

function cut(text: string): string {
  return shortened(text, TEXT_BYTES_MAX)
}
