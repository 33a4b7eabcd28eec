// A second decoder, written from the specifications and from nothing else. It is plain instead of fast, shares no code with
// `src/packet`, and reports all faults of a packet instead of the first: the specifications do not say which comes first.

import {
  type Field,
  OLD_SUBACK_REASONS,
  PACKETS,
  PROPERTY_BY_ID,
  type PropertyRule,
  REASON_OF_RETURN_CODE,
  REASONS,
  type Version,
  WILL_PLACE,
} from './grammar.ts'
import { PropertySet } from './property-set.ts'
import { isText } from './utf8.ts'

/** The faults of a packet, as bits. */
export const MALFORMED = 1
export const PROTOCOL = 2
export const VERSION = 4
export const TOPIC_NAME = 8
export const TOPIC_ALIAS = 16
export const QUOTA = 32
export const TOO_LARGE = 64

const AUTHENTICATION_METHOD = 0x15
const AUTHENTICATION_DATA = 0x16
const TOPIC_ALIAS_PROPERTY = 0x23

/** The size of the packet at `start`; 0 if more bytes are needed, or the negated fault. */
export function sizeOfPacket(
  bytes: Uint8Array,
  start: number,
  end: number,
  bytesMax: number,
): number {
  if (start === end) return 0
  if ((bytes[start] ?? 0) >> 4 === 0) return -MALFORMED
  let length = 0
  for (let digit = 0; digit < 4; digit++) {
    const at = start + 1 + digit
    if (at >= end) return 0
    const byte = bytes[at] ?? 0
    length += (byte & 127) * 128 ** digit
    if (byte >= 128) continue
    const size = at + 1 - start + length
    if (size > bytesMax) return -TOO_LARGE
    return start + size <= end ? size : 0
  }
  return -MALFORMED
}

// Wide on purpose: one method a field of the grammar.
export class ReferenceDecoder {
  /** The faults of the packet, as bits; 0 for a packet that must be accepted. */
  faults = 0
  version: Version = 4
  type = 0
  flags = 0
  isBridge = false
  connectFlags = 0
  /**
   * The values of the packet in the order of its fields: a number, or where a string or binary data begins and ends. An end of -1
   * is that of a number, and of -2 that of a field that is not there.
   */
  readonly starts: number[] = []
  readonly ends: number[] = []
  count = 0
  readonly properties = new PropertySet()
  readonly willProperties = new PropertySet()
  #bytes: Uint8Array = new Uint8Array()
  #at = 0
  #end = 0
  #isBroken = false
  #userPropertiesMax = 0
  #qos = 0
  #topicIsEmpty = false

  /** Reads one whole packet. `version` is that of its connection; CONNECT has its own. */
  decode(
    bytes: Uint8Array,
    start: number,
    end: number,
    version: Version,
    userPropertiesMax: number,
  ): void {
    this.#begin(bytes, start, end, version, userPropertiesMax)
    const hasNeedlessByte = this.#skipLength()
    const rule = PACKETS[this.type]
    if (rule === undefined) throw new Error('a type has four bits')
    if (this.type === 1) this.#protocol()
    const fields = rule.fields[this.version]
    if (fields === null) this.#break(MALFORMED)
    else for (const field of fields) if (!this.#isBroken) this.#field(field)
    if (this.#at !== this.#end && !this.#isBroken) this.faults |= MALFORMED
    // 3.1 does not use these flags, and does not say how long a length is. A version that is not known says nothing either.
    if (this.version === 3 || (this.faults & VERSION) !== 0) return
    if (hasNeedlessByte) this.faults |= MALFORMED
    if (rule.flags !== null && this.flags !== rule.flags) this.faults |= MALFORMED
  }

  #begin(
    bytes: Uint8Array,
    start: number,
    end: number,
    version: Version,
    userPropertiesMax: number,
  ): void {
    this.faults = 0
    this.version = version
    this.#bytes = bytes
    this.#at = start + 1
    this.#end = end
    this.#userPropertiesMax = userPropertiesMax
    this.#isBroken = false
    this.count = 0
    this.properties.clear()
    this.willProperties.clear()
    const first = bytes[start] ?? 0
    this.type = first >> 4
    this.flags = first & 15
    this.#qos = (first >> 1) & 3
  }

  #skipLength(): boolean {
    const start = this.#at
    while ((this.#bytes[this.#at] ?? 0) >= 128) this.#at++
    this.#at++
    return this.#at - start > 1 && this.#bytes[this.#at - 1] === 0
  }

  #field(field: Field): void {
    switch (field) {
      case 'protocol':
        return
      case 'connectFlags':
        return this.#readConnectFlags()
      case 'keepAlive':
        return this.#number(this.#uint16())
      case 'properties':
        return this.#readProperties(PACKETS[this.type]?.place ?? 0, this.properties)
      case 'clientId':
        return this.#text(true)
      case 'will':
        return this.#will()
      case 'userName':
        return this.#optional(0x80, () => this.#text(true))
      case 'password':
        return this.#optional(0x40, () => this.#text(false))
      case 'acknowledgeFlags':
        return this.#acknowledgeFlags()
      case 'connectReason':
        return this.#connectReason()
      case 'topicName':
        return this.#topicName()
      case 'identifierIfAcknowledged':
        if (this.#qos > 0) this.#identifier()
        return
      case 'payload':
        return this.#payload()
      case 'identifier':
        return this.#identifier()
      case 'reasonAndProperties':
        return this.#reasonAndProperties()
      case 'subscriptions':
        return this.#subscriptions()
      case 'filters':
        return this.#filters()
      case 'reasons':
        return this.#reasons()
    }
  }

  /** Protocol name and level (3.1.2.1 and 3.1.2.2). Bit 7 of the level is what mosquitto's bridges set. */
  #protocol(): void {
    const length = this.#uint16()
    const start = this.#take(length)
    if (this.#isBroken) return
    const name = Buffer.from(this.#bytes.subarray(start, start + length)).toString('latin1')
    if (name !== 'MQTT' && name !== 'MQIsdp') return this.#break(MALFORMED)
    const level = this.#uint8()
    if (this.#isBroken) return
    const version = level % 128
    this.isBridge = level >= 128
    const isKnown = name === 'MQIsdp' ? version === 3 : version === 4 || version === 5
    if (!isKnown) return this.#break(VERSION)
    this.version = version === 3 ? 3 : version === 4 ? 4 : 5
  }

  #readConnectFlags(): void {
    const flags = this.#uint8()
    this.connectFlags = flags
    const hasWill = (flags & 4) !== 0
    const willQos = (flags >> 3) & 3
    if (this.version > 3) {
      // [MQTT-3.1.2-3], [MQTT-3.1.2-11], [MQTT-3.1.2-13]
      if ((flags & 1) !== 0) this.faults |= MALFORMED
      if (!hasWill && (flags & 0x38) !== 0) this.faults |= MALFORMED
    }
    // [MQTT-3.1.2-12]
    if (willQos === 3 && (hasWill || this.version > 3)) this.faults |= MALFORMED
    // [MQTT-3.1.2-22] of 3.1.1
    if (this.version < 5 && (flags & 0xc0) === 0x40) this.faults |= MALFORMED
  }

  #will(): void {
    if ((this.connectFlags & 4) === 0) return
    if (this.version === 5) this.#readProperties(WILL_PLACE, this.willProperties)
    this.#text(true)
    this.#text(false)
  }

  /** In 3.1 a packet may end before a field that its flags announce. */
  #optional(flag: number, read: () => void): void {
    const isThere = (this.connectFlags & flag) !== 0
    if (isThere && !(this.version === 3 && this.#at === this.#end)) read()
    else this.#add(0, -2)
  }

  #acknowledgeFlags(): void {
    const flags = this.#uint8()
    if (this.version > 3 && flags > 1) this.faults |= MALFORMED
    this.#number(this.version > 3 ? flags : 0)
  }

  #connectReason(): void {
    const code = this.#uint8()
    if (this.version === 5) return this.#reason(code)
    const reason = REASON_OF_RETURN_CODE[code]
    if (reason === undefined) this.faults |= MALFORMED
    this.#number(reason ?? 0)
  }

  #topicName(): void {
    // [MQTT-3.3.1-4], [MQTT-3.3.1-2]
    if (this.#qos === 3) this.faults |= MALFORMED
    if (this.version > 3 && this.#qos === 0 && (this.flags & 8) !== 0) this.faults |= MALFORMED
    this.#text(true)
    const start = this.starts[this.count - 1] ?? 0
    const end = this.ends[this.count - 1] ?? 0
    // [MQTT-3.3.2-2]
    if (this.#hasWildcard(start, end)) this.faults |= TOPIC_NAME
    this.#topicIsEmpty = start === end
    // [MQTT-4.7.3-1]
    if (this.#topicIsEmpty && this.version < 5) this.faults |= MALFORMED
  }

  #payload(): void {
    if (this.version === 5 && this.#topicIsEmpty && !this.properties.has(TOPIC_ALIAS_PROPERTY))
      this.faults |= PROTOCOL
    this.#add(this.#at, this.#end)
    this.#at = this.#end
  }

  #identifier(): void {
    const identifier = this.#uint16()
    // [MQTT-2.2.1-3]
    if (identifier === 0) this.faults |= MALFORMED
    this.#number(identifier)
  }

  #reasonAndProperties(): void {
    if (this.#at === this.#end) return this.#number(0)
    const code = this.#uint8()
    this.#reason(code)
    if (this.#at < this.#end) this.#readProperties(PACKETS[this.type]?.place ?? 0, this.properties)
    // Only success without properties may leave out the method (3.15.2.1, 3.15.2.2.2).
    if (this.type === 15 && !this.properties.has(AUTHENTICATION_METHOD)) {
      if (code !== 0 || this.properties.count > 0) this.faults |= PROTOCOL
    }
  }

  #subscriptions(): void {
    // [MQTT-3.8.3-2]
    if (this.#at === this.#end) this.faults |= PROTOCOL
    while (this.#at < this.#end) {
      this.#text(true)
      const options = this.#uint8()
      if (this.#isBroken) return
      const qos = options & 3
      if (this.version === 5) {
        // [MQTT-3.8.3-5], and section 3.8.3.1
        if (options >= 0x40) this.faults |= MALFORMED
        if (qos === 3 || ((options >> 4) & 3) === 3) this.faults |= PROTOCOL
      } else if (options > 2) this.faults |= MALFORMED
      this.#number(options)
    }
  }

  #filters(): void {
    // [MQTT-3.10.3-2]
    if (this.#at === this.#end) this.faults |= PROTOCOL
    while (this.#at < this.#end && !this.#isBroken) this.#text(true)
  }

  #reasons(): void {
    if (this.#at === this.#end) this.faults |= PROTOCOL
    while (this.#at < this.#end) {
      const code = this.#uint8()
      if (this.version === 5) this.#reason(code)
      else {
        // [MQTT-3.9.3-2] of 3.1.1, which names no reason for the fault.
        if (!OLD_SUBACK_REASONS.includes(code)) this.faults |= MALFORMED | PROTOCOL
        this.#number(code)
      }
    }
  }

  #reason(code: number): void {
    if (!this.#isBroken && REASONS[this.type]?.includes(code) !== true) this.faults |= PROTOCOL
    this.#number(code)
  }

  /** Section 2.2.2. */
  #readProperties(place: number, set: PropertySet): void {
    const length = this.#varint()
    const end = this.#at + length
    if (end > this.#end) return this.#break(MALFORMED)
    while (this.#at < end && !this.#isBroken) {
      const rule = PROPERTY_BY_ID[this.#varint()]
      if (rule === undefined || (rule.places & place) === 0) return this.#break(MALFORMED)
      this.#property(rule, place, set)
    }
    if (this.#at !== end && !this.#isBroken) this.#break(MALFORMED)
    // 3.1.2.11.10
    if (set.has(AUTHENTICATION_DATA) && !set.has(AUTHENTICATION_METHOD) && this.type === 1)
      this.faults |= PROTOCOL
  }

  #property(rule: PropertyRule, place: number, set: PropertySet): void {
    const { id, kind } = rule
    if (kind === 'pair') return this.#userProperty(id, set)
    // Only PUBLISH to a client has several Subscription Identifiers (3.3.2.3.8, 3.8.2.1.2).
    const mayRepeat = rule.repeats && place === PACKETS[3]?.place
    if (set.has(id) && !mayRepeat) this.faults |= PROTOCOL
    const start = this.#value(rule)
    if (this.#isBroken) return
    const isNumber = kind !== 'string' && kind !== 'topic' && kind !== 'binary'
    if (isNumber && start === 0 && rule.zero !== 'allowed')
      this.faults |= rule.zero === 'alias' ? TOPIC_ALIAS : PROTOCOL
    if (kind === 'varint') set.addSubscriptionIdentifier(id, start)
    else if (!set.has(id)) set.add(id, start, isNumber ? -1 : this.#at)
  }

  #userProperty(id: number, set: PropertySet): void {
    if (set.pairCount >= this.#userPropertiesMax) this.faults |= QUOTA
    const nameStart = this.#string(true)
    const nameEnd = this.#at
    const start = this.#string(true)
    if (!this.#isBroken) set.addPair(id, nameStart, nameEnd, start, this.#at)
  }

  /** Returns a number, or where the bytes begin; they end at the position. */
  #value({ kind }: PropertyRule): number {
    switch (kind) {
      case 'flag': {
        const value = this.#uint8()
        if (value > 1) this.faults |= PROTOCOL
        return value
      }
      case 'uint16':
        return this.#uint16()
      case 'uint32':
        return this.#uint16() * 65_536 + this.#uint16()
      case 'varint':
        return this.#varint()
      case 'topic': {
        const start = this.#string(true)
        // [MQTT-3.3.2-14]
        if (start === this.#at || this.#hasWildcard(start, this.#at)) this.faults |= PROTOCOL
        return start
      }
      case 'binary':
        return this.#string(false)
      case 'string':
      case 'pair':
        return this.#string(true)
    }
  }

  #hasWildcard(start: number, end: number): boolean {
    for (let at = start; at < end; at++)
      if (this.#bytes[at] === 0x2b || this.#bytes[at] === 0x23) return true
    return false
  }

  /** Adds a string, or binary data, as a value. */
  #text(isUtf8: boolean): void {
    const start = this.#string(isUtf8)
    this.#add(start, this.#at)
  }

  #string(isUtf8: boolean): number {
    const length = this.#uint16()
    const start = this.#take(length)
    if (isUtf8 && !this.#isBroken && !isText(this.#bytes, start, this.#at)) this.faults |= MALFORMED
    return start
  }

  #uint8(): number {
    const at = this.#take(1)
    return this.#isBroken ? 0 : (this.#bytes[at] ?? 0)
  }

  #uint16(): number {
    const at = this.#take(2)
    return this.#isBroken ? 0 : (this.#bytes[at] ?? 0) * 256 + (this.#bytes[at + 1] ?? 0)
  }

  /** Section 1.5.5. */
  #varint(): number {
    let value = 0
    for (let digit = 0; digit < 4; digit++) {
      const byte = this.#uint8()
      if (this.#isBroken) return 0
      value += (byte & 127) * 128 ** digit
      if (byte >= 128) continue
      if (byte === 0 && digit > 0) this.#break(MALFORMED)
      return value
    }
    this.#break(MALFORMED)
    return 0
  }

  #take(length: number): number {
    const at = this.#at
    if (at + length > this.#end) {
      this.#break(MALFORMED)
      return at
    }
    this.#at = at + length
    return at
  }

  /** What follows cannot be read. */
  #break(fault: number): void {
    this.faults |= fault
    this.#isBroken = true
  }

  #number(value: number): void {
    this.#add(value, -1)
  }

  #add(start: number, end: number): void {
    this.starts[this.count] = start
    this.ends[this.count] = end
    this.count++
  }
}
