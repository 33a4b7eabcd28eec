// A checksum of 53 bits over what a transaction has staged, so that a repetition is known from other content under the same number. It
// guards against mistakes of one client, not against anybody who looks for two contents with the same checksum.

import type { Message } from '../../message.ts'

// The offset and primes of FNV-1a (32 bits) and of xxHash.
const OFFSET = 0x811c9dc5
const PRIME = 0x01000193
const OTHER_PRIME = 0x85ebca77

export class ContentChecksum {
  #one = OFFSET
  #other = PRIME

  get value(): number {
    return (this.#one >>> 0) * 0x20_0000 + (this.#other >>> 11)
  }

  /** Expiry and identifiers may differ when a PUBLISH is sent again. */
  message({ topic, qos, retain, payload, properties }: Message): void {
    this.#number(qos + (retain ? 4 : 0))
    this.text(topic)
    this.#bytes(payload)
    const { contentType = '', responseTopic = '', correlationData, userProperties } = properties
    this.#number(properties.payloadFormatIndicator ?? 2)
    this.text(contentType)
    this.text(responseTopic)
    if (correlationData !== undefined) this.#bytes(correlationData)
    if (userProperties === undefined) return
    for (const [name, value] of userProperties) {
      this.text(name)
      this.text(value)
    }
  }

  text(text: string): void {
    this.#number(text.length)
    let [one, other] = [this.#one, this.#other]
    for (let index = 0; index < text.length; index++) {
      const unit = text.charCodeAt(index)
      one = Math.imul(one ^ unit, PRIME)
      other = mixed(other, unit)
    }
    this.#one = one
    this.#other = other
  }

  #bytes(bytes: Buffer): void {
    this.#number(bytes.length)
    let [one, other] = [this.#one, this.#other]
    for (let index = 0; index < bytes.length; index++) {
      const unit = bytes[index] ?? 0
      one = Math.imul(one ^ unit, PRIME)
      other = mixed(other, unit)
    }
    this.#one = one
    this.#other = other
  }

  #number(number: number): void {
    this.#add(number >>> 16)
    this.#add(number & 0xffff)
  }

  #add(unit: number): void {
    this.#one = Math.imul(this.#one ^ unit, PRIME)
    this.#other = mixed(this.#other, unit)
  }
}

function mixed(other: number, unit: number): number {
  const product = Math.imul(other ^ unit, OTHER_PRIME)
  return product ^ (product >>> 13)
}
