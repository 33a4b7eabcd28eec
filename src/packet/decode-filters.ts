// Decodes SUBSCRIBE and UNSUBSCRIBE at once, or filter by filter if a packet has too many filters for one turn.

import { assertHeader, bodyStart, isLongHeader } from './fixed-header.ts'
import { MalformedPacket } from './malformed.ts'
import {
  NO_PROPERTIES,
  type Properties,
  type ProtocolVersion,
  type ReadingTerms,
  type SubscribePacket,
  type SubscriptionRequest,
  type UnsubscribePacket,
} from './packet.ts'
import { readProperties } from './properties.ts'
import { Reader } from './reader.ts'
import { MALFORMED_PACKET, PROTOCOL_ERROR } from './reason.ts'

const SUBSCRIBE = 8
const UNSUBSCRIBE = 10

export function decodeSubscribe(reader: Reader, version: ProtocolVersion): SubscribePacket {
  const packetId = reader.packetId()
  const props = propertiesIn(reader, 'subscribe', version)
  const subscriptions: SubscriptionRequest[] = []
  while (!reader.isAtEnd) subscriptions.push(decodeRequest(reader, version))
  // [MQTT-3.8.3-2]
  if (subscriptions.length === 0)
    throw new MalformedPacket(PROTOCOL_ERROR, 'SUBSCRIBE without a filter')
  return { type: 'subscribe', packetId, subscriptions, properties: props }
}

export function decodeUnsubscribe(reader: Reader, version: ProtocolVersion): UnsubscribePacket {
  const packetId = reader.packetId()
  const props = propertiesIn(reader, 'unsubscribe', version)
  const filters: string[] = []
  while (!reader.isAtEnd) filters.push(reader.string('topic filter'))
  // [MQTT-3.10.3-2]
  if (filters.length === 0)
    throw new MalformedPacket(PROTOCOL_ERROR, 'UNSUBSCRIBE without a filter')
  return { type: 'unsubscribe', packetId, filters, properties: props }
}

/** Whether the packet at `start` is a SUBSCRIBE or an UNSUBSCRIBE. */
export function hasFilters(bytes: Buffer, start: number): boolean {
  const type = (bytes[start] ?? 0) >> 4
  return type === SUBSCRIBE || type === UNSUBSCRIBE
}

/** The filters of one packet. Each is decoded when it is requested; reading can begin again at the first. */
export class FilterList {
  readonly type: 'subscribe' | 'unsubscribe'
  readonly packetId: number
  readonly properties: Properties
  /** The properties of the packet. */
  readonly bytes: number
  readonly #reader: Reader
  readonly #version: ProtocolVersion
  readonly #first: number

  /** `packet` is one whole packet. Its bytes must not change while it is read. */
  constructor(packet: Buffer, terms: ReadingTerms) {
    const { version } = terms
    const first = packet[0] ?? 0
    const body = bodyStart(packet, 0)
    assertHeader(first >> 4, first & 0x0f, isLongHeader(packet, 0, body), version)
    this.type = first >> 4 === SUBSCRIBE ? 'subscribe' : 'unsubscribe'
    this.bytes = packet.length
    this.#version = version
    this.#reader = new Reader(packet, body, packet.length, terms.userPropertiesMax)
    this.packetId = this.#reader.packetId()
    this.properties = propertiesIn(this.#reader, this.type, version)
    this.#first = this.#reader.position
  }

  get isAtEnd(): boolean {
    return this.#reader.isAtEnd
  }

  rewind(): void {
    this.#reader.position = this.#first
  }

  nextRequest(): SubscriptionRequest {
    return decodeRequest(this.#reader, this.#version)
  }

  nextFilter(): string {
    return this.#reader.string('topic filter')
  }
}

function decodeRequest(reader: Reader, version: ProtocolVersion): SubscriptionRequest {
  const filter = reader.string('topic filter')
  const options = reader.uint8('subscription options')
  const qos = options & 0x03
  // [MQTT-3.8.3-5], and [MQTT-3-8.3-4] of 3.1.1
  const reserved = version === 5 ? 0xc0 : 0xfc
  if ((options & reserved) !== 0)
    throw new MalformedPacket(MALFORMED_PACKET, `subscription options ${options}`)
  if (qos !== 0 && qos !== 1 && qos !== 2) {
    // Section 3.8.3.1 of 5.0; [MQTT-3-8.3-4] of 3.1.1.
    const reason = version === 5 ? PROTOCOL_ERROR : MALFORMED_PACKET
    throw new MalformedPacket(reason, 'a subscription with QoS 3')
  }
  const retainHandling = (options >> 4) & 0x03
  if (retainHandling !== 0 && retainHandling !== 1 && retainHandling !== 2) {
    throw new MalformedPacket(PROTOCOL_ERROR, 'retain handling 3')
  }
  return {
    filter,
    qos,
    noLocal: (options & 0x04) !== 0,
    retainAsPublished: (options & 0x08) !== 0,
    retainHandling,
  }
}

function propertiesIn(
  reader: Reader,
  place: 'subscribe' | 'unsubscribe',
  version: ProtocolVersion,
): Properties {
  return version === 5 ? readProperties(reader, place) : NO_PROPERTIES
}
