// Makes packets from the grammar: most are right, some have a wrong value where the grammar allows a choice.

import type { Random } from '../random.ts'
import {
  type Field,
  OLD_SUBACK_REASONS,
  PACKETS,
  PROPERTIES,
  PROPERTIES_OF,
  type PropertyRule,
  REASONS,
  type Version,
  WILL_PLACE,
} from './grammar.ts'
import { BAD_TEXTS, GOOD_TEXTS, WILD_TEXTS } from './texts.ts'

/** PUBLISH and CONNECT have the most rules, so they are made most often. */
const TYPES = [
  1, 1, 1, 1, 2, 3, 3, 3, 3, 3, 3, 4, 5, 6, 7, 8, 8, 8, 9, 10, 10, 11, 12, 13, 14, 15, 15,
]
const LARGE_BYTES = 20_000
const MEMORY_BYTES = 1_048_576
const EDGES = [0, 1, 2, 127, 128, 255, 256, 16_383, 16_384, 65_535]
const VARINTS = [1, 2, 127, 128, 16_383, 16_384, 2_097_151, 2_097_152, 268_435_455]

export class PacketMaker {
  /** The packets that were made last, one behind the other, up to `length`. */
  readonly bytes: Buffer = Buffer.allocUnsafeSlow(MEMORY_BYTES)
  length = 0
  readonly #random: Random
  /** One value in so many is wrong; 0 for none. */
  #wrongOneIn = 0
  #version: Version = 4
  #type = 0
  #qos = 0
  #connectFlags = 0

  constructor(random: Random) {
    this.#random = random
  }

  reset(): void {
    this.length = 0
  }

  /** Appends a packet. */
  make(version: Version): void {
    const random = this.#random
    this.#wrongOneIn = random.chance(2) ? 0 : random.chance(2) ? 40 : 8
    this.#version = version
    this.#type = random.of(TYPES)
    const rule = PACKETS[this.#type]
    this.#qos = random.below(this.#isWrong() ? 4 : 3)
    this.#byte((this.#type << 4) | this.#flags(rule?.flags ?? null))
    const start = this.length
    if (this.#type === 1) this.#protocol()
    const fields = rule?.fields[this.#version] ?? []
    for (const field of fields) {
      if (this.#isWrong() && random.chance(4)) break
      this.#field(field)
    }
    if (this.#isWrong()) this.length -= 1
    if (this.#isWrong()) this.#byte(random.below(256))
    this.#closeLength(start)
  }

  #flags(fixed: number | null): number {
    if (fixed !== null) return this.#isWrong() ? this.#random.below(16) : fixed
    const duplicate = this.#qos > 0 || this.#isWrong() ? this.#random.below(2) : 0
    return (duplicate << 3) | (this.#qos << 1) | this.#random.below(2)
  }

  #field(field: Field): void {
    switch (field) {
      case 'protocol':
        return
      case 'connectFlags':
        return this.#makeConnectFlags()
      case 'keepAlive':
        return this.#uint16(this.#random.of(EDGES))
      case 'properties':
        return this.#properties(PACKETS[this.#type]?.place ?? 0)
      case 'clientId':
        return this.#text()
      case 'will':
        if ((this.#connectFlags & 4) === 0) return
        if (this.#version === 5) this.#properties(WILL_PLACE)
        this.#text()
        return this.#binary()
      case 'userName':
        if ((this.#connectFlags & 0x80) !== 0) this.#text()
        return
      case 'password':
        if ((this.#connectFlags & 0x40) !== 0) this.#binary()
        return
      case 'acknowledgeFlags':
        return this.#byte(this.#random.below(this.#isWrong() ? 256 : 2))
      case 'connectReason':
        return this.#version === 5
          ? this.#reason()
          : this.#byte(this.#random.below(6 + this.#wrong(3)))
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
        for (let count = this.#several(); count > 0; count--) this.#subscription()
        return
      case 'filters':
        for (let count = this.#several(); count > 0; count--) this.#text()
        return
      case 'reasons':
        for (let count = this.#several(); count > 0; count--) this.#listedReason()
    }
  }

  #protocol(): void {
    const random = this.#random
    const name = this.#version === 3 ? 'MQIsdp' : 'MQTT'
    const written = this.#isWrong()
      ? random.of(['MQTT', 'MQIsdp', 'MQTX', 'mqtt', '', 'MQTTT'])
      : name
    this.#uint16(written.length)
    for (let index = 0; index < written.length; index++) this.#byte(written.charCodeAt(index))
    const level = this.#isWrong() ? random.below(256) : this.#version
    this.#byte(random.chance(20) ? level | 0x80 : level)
  }

  #makeConnectFlags(): void {
    const random = this.#random
    let flags = random.chance(2) ? 2 : 0
    if (random.chance(2)) flags |= 0x80
    if ((this.#version === 5 || flags >= 0x80) && random.chance(2)) flags |= 0x40
    if (random.chance(3)) flags |= 4 | (random.below(3) << 3) | (random.below(2) << 5)
    if (this.#isWrong()) flags ^= 1 << random.below(8)
    this.#connectFlags = flags
    this.#byte(flags)
  }

  #topicName(): void {
    const random = this.#random
    if (this.#isWrong() || (this.#version === 5 && random.chance(8))) return this.#text()
    const text = GOOD_TEXTS[1 + random.below(GOOD_TEXTS.length - 1)]
    this.#string(text ?? GOOD_TEXTS[1] ?? this.bytes)
  }

  #payload(): void {
    const random = this.#random
    const length = random.chance(500)
      ? random.below(LARGE_BYTES)
      : random.below(random.chance(4) ? 200 : 20)
    const fill = random.below(256)
    for (let index = 0; index < length; index++) this.#byte(fill + index)
  }

  #identifier(): void {
    this.#uint16(this.#isWrong() ? 0 : 1 + this.#random.below(65_535))
  }

  #reasonAndProperties(): void {
    const random = this.#random
    if (random.chance(3)) return
    this.#reason()
    if (random.chance(2)) this.#properties(PACKETS[this.#type]?.place ?? 0)
  }

  #subscription(): void {
    const random = this.#random
    this.#text()
    if (this.#isWrong()) return this.#byte(random.below(256))
    const qos = random.below(3)
    this.#byte(this.#version === 5 ? qos | (random.below(4) << 2) | (random.below(3) << 4) : qos)
  }

  #listedReason(): void {
    if (this.#version === 5 || this.#isWrong()) return this.#reason()
    this.#byte(this.#random.of(OLD_SUBACK_REASONS))
  }

  #reason(): void {
    const reasons = REASONS[this.#type] ?? []
    const isOther = this.#isWrong() || reasons.length === 0
    this.#byte(isOther ? this.#random.below(256) : this.#random.of(reasons))
  }

  #properties(place: number): void {
    const random = this.#random
    const start = this.length
    const kinds = PROPERTIES_OF.get(place) ?? PROPERTIES
    for (let count = random.chance(3) ? 0 : random.below(5); count > 0; count--) {
      this.#property(random.of(this.#isWrong() ? PROPERTIES : kinds))
    }
    if (random.chance(200)) this.#manyUserProperties()
    this.#closeLength(start)
  }

  #manyUserProperties(): void {
    const rule = PROPERTIES.find(({ kind }) => kind === 'pair')
    for (let count = this.#random.below(40); count > 0 && rule !== undefined; count--)
      this.#property(rule)
  }

  #property({ id, kind, zero }: PropertyRule): void {
    const random = this.#random
    if (this.#isWrong()) this.#byte(0x80 | id)
    this.#byte(this.#isWrong() ? random.below(64) : id)
    const isNotZero = zero !== 'allowed' && !this.#isWrong()
    switch (kind) {
      case 'flag':
        return this.#byte(random.below(2 + this.#wrong(254)))
      case 'uint16':
        return this.#uint16(isNotZero ? 1 + random.below(65_535) : random.of(EDGES))
      case 'uint32':
        this.#uint16(random.of(EDGES))
        return this.#uint16(isNotZero ? 1 + random.below(65_535) : random.of(EDGES))
      case 'varint':
        return this.#varint(isNotZero ? random.of(VARINTS) : 0)
      case 'binary':
        return this.#binary()
      case 'topic':
        return this.#isWrong()
          ? this.#text()
          : this.#string(GOOD_TEXTS[1 + random.below(10)] ?? this.bytes)
      case 'pair':
        this.#text()
        return this.#text()
      case 'string':
        return this.#text()
    }
  }

  #text(): void {
    const random = this.#random
    if (this.#isWrong()) return this.#string(random.of(random.chance(3) ? WILD_TEXTS : BAD_TEXTS))
    if (random.chance(3)) return this.#string(random.of(GOOD_TEXTS))
    const length = random.below(random.chance(1_000) ? LARGE_BYTES : 12)
    this.#uint16(length)
    for (let index = 0; index < length; index++) this.#byte(0x20 + random.below(0x5f))
  }

  #string(text: Uint8Array): void {
    const length = this.#isWrong() ? text.length + this.#random.below(3) - 1 : text.length
    this.#uint16(length)
    this.bytes.set(text, this.length)
    this.length += text.length
  }

  #binary(): void {
    const random = this.#random
    const length = random.below(24)
    this.#uint16(length)
    for (let index = 0; index < length; index++) this.#byte(random.below(256))
  }

  #several(): number {
    const random = this.#random
    if (this.#isWrong()) return random.below(3)
    return random.chance(300) ? 1 + random.below(300) : 1 + random.below(3)
  }

  #isWrong(): boolean {
    return this.#wrongOneIn !== 0 && this.#random.chance(this.#wrongOneIn)
  }

  /** Returns `surplus` for a wrong value, and 0 otherwise. */
  #wrong(surplus: number): number {
    return this.#isWrong() ? surplus : 0
  }

  #byte(value: number): void {
    this.bytes[this.length++] = value
  }

  #uint16(value: number): void {
    this.#byte(value >> 8)
    this.#byte(value)
  }

  #varint(value: number): void {
    let rest = value
    for (; rest > 127; rest >>>= 7) this.#byte((rest & 127) | 128)
    this.#byte(rest)
    if (this.#isWrong()) this.#needlessByte()
  }

  #needlessByte(): void {
    const last = this.length - 1
    this.bytes[last] = (this.bytes[last] ?? 0) | 128
    this.#byte(0)
  }

  /** Puts the length of what was written since `start` before it, as a Variable Byte Integer. */
  #closeLength(start: number): void {
    const length = this.length - start
    const written = this.#isWrong() ? Math.max(0, length + this.#random.below(5) - 2) : length
    const isLong = this.#isWrong()
    const size =
      (written < 128 ? 1 : written < 16_384 ? 2 : written < 2_097_152 ? 3 : 4) + (isLong ? 1 : 0)
    this.bytes.copyWithin(start + size, start, this.length)
    this.length = start + size + length
    let rest = written
    for (let at = start; at < start + size; at++) {
      this.bytes[at] = at === start + size - 1 ? rest : (rest & 127) | 128
      rest >>>= 7
    }
  }
}
