// Encodes packets other than PUBLISH within the client's Maximum Packet Size, without texts that it did not request.

import { encode } from '../packet/encode.ts'
import { NO_PROPERTIES, type Packet, type Properties } from '../packet/packet.ts'
import { PACKET_TOO_LARGE } from '../packet/reason.ts'
import { sayable } from '../packet/text.ts'
import { type NegotiatedLimits, PROTOCOL_PACKET_BYTES_MAX } from './negotiated-limits.ts'
import { CannotServe } from './protocol-error.ts'

/** The limits of the client. */
export type SendLimits = Pick<
  NegotiatedLimits,
  'version' | 'packetBytesMax' | 'wantsProblemInformation'
>

/**
 * Leaves out reason strings and user properties if the client did not request them [MQTT-3.1.2-29], or if they would
 * make the packet too large for it [MQTT-3.2.2-19, MQTT-3.14.2-3]. Returns null when a CONNACK or DISCONNECT is too large even
 * then: the connection closes without it.
 */
export function fittingBytes(packet: Packet, limits: SendLimits): Buffer | null {
  const { version, packetBytesMax } = limits
  let bytes = encode(withBoundedWords(wanted(packet, limits)), version)
  if (bytes.length > packetBytesMax) bytes = encode(withoutWords(packet), version)
  if (bytes.length <= packetBytesMax) return bytes
  if (packet.type === 'connack' || packet.type === 'disconnect') return null
  // The client would wait for ever for a packet that must not be sent to it.
  const max = `the Maximum Packet Size of the client (${packetBytesMax})`
  const sentence = `${packet.type.toUpperCase()} of ${bytes.length} bytes is larger than ${max}`
  throw new CannotServe(PACKET_TOO_LARGE, sentence)
}

/** Whether the packet, without optional texts, is small enough for the client [MQTT-3.1.2-24]. */
export function canFit(packet: Packet, { version, packetBytesMax }: SendLimits): boolean {
  if (packetBytesMax >= PROTOCOL_PACKET_BYTES_MAX) return true
  return encode(withoutWords(packet), version).length <= packetBytesMax
}

function wanted(packet: Packet, { wantsProblemInformation }: SendLimits): Packet {
  const mayHaveWords = packet.type === 'connack' || packet.type === 'disconnect'
  return wantsProblemInformation || mayHaveWords ? packet : withoutWords(packet)
}

/** Shortens and cleans a sentence, which may contain text of the client or of the embedding program. */
function withBoundedWords(packet: Packet): Packet {
  if (!('properties' in packet) || packet.properties.reasonString === undefined) return packet
  const reasonString = sayable(packet.properties.reasonString)
  return { ...packet, properties: { ...packet.properties, reasonString } }
}

function withoutWords(packet: Packet): Packet {
  if (!('properties' in packet)) return packet
  const { reasonString: _reason, userProperties: _user, ...rest } = packet.properties
  const properties: Properties = Object.keys(rest).length === 0 ? NO_PROPERTIES : rest
  return { ...packet, properties }
}
