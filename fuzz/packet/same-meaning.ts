// Compares a packet of our codec with what the reference decoder has read.

import type { Packet, Properties } from '../../src/packet/packet.ts'
import { PACKETS, PROPERTY_BY_ID } from './grammar.ts'
import type { PropertySet } from './property-set.ts'
import type { ReferenceDecoder } from './reference-decoder.ts'
import { sameText } from './utf8.ts'

const BYTE_LOOP_MAX = 64

export class Comparison {
  readonly #reference: ReferenceDecoder
  #bytes: Uint8Array = new Uint8Array()
  #next = 0
  #difference: string | null = null

  constructor(reference: ReferenceDecoder) {
    this.#reference = reference
  }

  /** Returns the first difference, or null. `bytes` are those that the reference decoder has read. */
  differenceOf(packet: Packet, bytes: Uint8Array): string | null {
    this.#bytes = bytes
    this.#next = 0
    this.#difference = null
    const name = PACKETS[this.#reference.type]?.name
    if (packet.type !== name) return `type is ${packet.type}, not ${name}`
    this.#compare(packet)
    if (this.#difference === null && this.#next !== this.#reference.count)
      return `${this.#reference.count - this.#next} values are missing`
    return this.#difference
  }

  #compare(packet: Packet): void {
    switch (packet.type) {
      case 'connect':
        return this.#connect(packet)
      case 'connack':
        this.#number('sessionPresent', packet.sessionPresent ? 1 : 0)
        this.#number('reason', packet.reason)
        return this.#propertiesOf(packet.properties)
      case 'publish':
        return this.#publish(packet)
      case 'puback':
      case 'pubrec':
      case 'pubrel':
      case 'pubcomp':
        this.#number('packetId', packet.packetId)
        if (this.#reference.version === 5) this.#number('reason', packet.reason)
        else this.#equal('reason', packet.reason, 0)
        return this.#propertiesOf(packet.properties)
      case 'subscribe':
        return this.#subscribe(packet)
      case 'suback':
      case 'unsuback':
        this.#number('packetId', packet.packetId)
        for (const reason of packet.reasons) this.#number('reason', reason)
        return this.#propertiesOf(packet.properties)
      case 'unsubscribe':
        this.#number('packetId', packet.packetId)
        for (const filter of packet.filters) this.#text('filter', filter)
        return this.#propertiesOf(packet.properties)
      case 'disconnect':
      case 'auth':
        if (this.#reference.version === 5) this.#number('reason', packet.reason)
        else this.#equal('reason', packet.reason, 0)
        return this.#propertiesOf(packet.properties)
      case 'pingreq':
      case 'pingresp':
        return
    }
  }

  #connect(packet: Extract<Packet, { type: 'connect' }>): void {
    const { version, isBridge, connectFlags, willProperties } = this.#reference
    this.#equal('version', packet.version, version)
    this.#equal('isBridge', packet.isBridge === true, isBridge)
    this.#equal('cleanStart', packet.cleanStart, (connectFlags & 2) !== 0)
    this.#number('keepAliveSeconds', packet.keepAliveSeconds)
    this.#propertiesOf(packet.properties)
    this.#text('clientId', packet.clientId)
    const { will } = packet
    this.#equal('will', will !== null, (connectFlags & 4) !== 0)
    if (will !== null) {
      this.#equal('will QoS', will.qos, (connectFlags >> 3) & 3)
      this.#equal('will retain', will.retain, (connectFlags & 0x20) !== 0)
      this.#text('will topic', will.topic)
      this.#binary('will payload', will.payload)
      this.#properties(will.properties, willProperties)
    }
    this.#text('username', packet.username)
    this.#binary('password', packet.password)
  }

  #publish(packet: Extract<Packet, { type: 'publish' }>): void {
    const { flags } = this.#reference
    this.#equal('duplicate', packet.duplicate, (flags & 8) !== 0)
    this.#equal('qos', packet.qos, (flags >> 1) & 3)
    this.#equal('retain', packet.retain, (flags & 1) !== 0)
    this.#text('topic', packet.topic)
    if (packet.qos > 0) this.#number('packetId', packet.packetId)
    else this.#equal('packetId', packet.packetId, 0)
    this.#propertiesOf(packet.properties)
    this.#binary('payload', packet.payload)
  }

  #subscribe(packet: Extract<Packet, { type: 'subscribe' }>): void {
    this.#number('packetId', packet.packetId)
    for (const each of packet.subscriptions) {
      this.#text('filter', each.filter)
      const options =
        each.qos +
        (each.noLocal ? 4 : 0) +
        (each.retainAsPublished ? 8 : 0) +
        each.retainHandling * 16
      this.#number('options', options)
    }
    this.#propertiesOf(packet.properties)
  }

  #propertiesOf(properties: Properties): void {
    this.#properties(properties, this.#reference.properties)
  }

  #properties(properties: Properties, set: PropertySet): void {
    let count = 0
    for (const _name in properties) count++
    this.#equal('number of properties', count, set.count)
    for (let index = 0; index < set.count; index++) {
      const id = set.ids[index] ?? 0
      const name = PROPERTY_BY_ID[id]?.name as keyof Properties
      if (!this.#sameValue(properties[name], id, set)) this.#differs(name)
    }
  }

  #sameValue(value: Properties[keyof Properties], id: number, set: PropertySet): boolean {
    const start = set.starts[id] ?? 0
    const end = set.ends[id] ?? 0
    if (typeof value === 'number') return end === -1 && value === start
    if (typeof value === 'string') return end >= 0 && sameText(value, this.#bytes, start, end)
    if (value === undefined) return false
    if (Buffer.isBuffer(value)) return end >= 0 && this.#sameBytes(value, start, end)
    return this.#sameList(value, set)
  }

  #sameList(
    list: readonly number[] | NonNullable<Properties['userProperties']>,
    set: PropertySet,
  ): boolean {
    const isPairs = typeof list[0] !== 'number'
    if (list.length !== (isPairs ? set.pairCount : set.subscriptionIdentifierCount)) return false
    for (let index = 0; index < list.length; index++) {
      const each = list[index]
      if (typeof each === 'number') {
        if (each !== set.subscriptionIdentifiers[index]) return false
      } else if (each === undefined || !this.#samePair(each, set.pairs, 4 * index)) return false
    }
    return true
  }

  #samePair(
    [name, value]: readonly [string, string],
    pairs: readonly number[],
    at: number,
  ): boolean {
    return (
      sameText(name, this.#bytes, pairs[at] ?? 0, pairs[at + 1] ?? 0) &&
      sameText(value, this.#bytes, pairs[at + 2] ?? 0, pairs[at + 3] ?? 0)
    )
  }

  #sameBytes(value: Buffer, start: number, end: number): boolean {
    const length = end - start
    if (value.length !== length) return false
    if (length > BYTE_LOOP_MAX) return value.equals(this.#bytes.subarray(start, end))
    for (let index = 0; index < length; index++)
      if (value[index] !== this.#bytes[start + index]) return false
    return true
  }

  #number(what: string, value: number): void {
    const { starts, ends } = this.#reference
    if (ends[this.#next] !== -1 || starts[this.#next] !== value) this.#differs(what)
    this.#next++
  }

  #text(what: string, value: string | null): void {
    const start = this.#reference.starts[this.#next] ?? 0
    const end = this.#reference.ends[this.#next] ?? -1
    this.#next++
    const isSame =
      value === null ? end === -2 : end >= 0 && sameText(value, this.#bytes, start, end)
    if (!isSame) this.#differs(what)
  }

  #binary(what: string, value: Buffer | null): void {
    const start = this.#reference.starts[this.#next] ?? 0
    const end = this.#reference.ends[this.#next] ?? -1
    this.#next++
    const isSame = value === null ? end === -2 : end >= 0 && this.#sameBytes(value, start, end)
    if (!isSame) this.#differs(what)
  }

  #equal(what: string, value: unknown, expected: unknown): void {
    if (value !== expected) this.#differs(what)
  }

  #differs(what: string): void {
    this.#difference ??= `${what} is not what the bytes say`
  }
}
