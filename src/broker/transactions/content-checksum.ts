// A checksum of 53 bits over what a transaction has staged, so that a repetition is known from other content under the same number. It
// guards against mistakes of one client, not against anybody who looks for two contents with the same checksum.

import type { Message } from '../../message.ts'
import { NO_PROPERTIES, type Properties } from '../../packet/packet.ts'

// The offset of FNV-1a (32 bits), and primes of xxHash.
const OFFSET = 0x811c9dc5
const PRIME = 0x9e3779b1
const OTHER_PRIME = 0x85ebca77

export class ContentChecksum {
  #one = OFFSET
  #other = PRIME

  get value(): number {
    return (this.#one >>> 0) * 0x20_0000 + (this.#other >>> 11)
  }

  /** Expiry and identifiers may differ when a PUBLISH is sent again. */
  message({ topic, qos, retain, payload, properties }: Message): void {
    this.#add(qos + (retain ? 4 : 0) + (properties === NO_PROPERTIES ? 0 : 8))
    this.text(topic)
    this.#bytes(payload)
    if (properties !== NO_PROPERTIES) this.#properties(properties)
  }

  /** Two UTF-16 units at a time. */
  text(text: string): void {
    const { length } = text
    let one = mixed(this.#one ^ length, PRIME)
    let other = mixed(this.#other ^ length, OTHER_PRIME)
    for (let index = 0; index < length; index += 2) {
      const second = index + 1 < length ? text.charCodeAt(index + 1) : 0
      const units = text.charCodeAt(index) | (second << 16)
      one = mixed(one ^ units, PRIME)
      other = mixed(other ^ units, OTHER_PRIME)
    }
    this.#one = one
    this.#other = other
  }

  #properties(properties: Properties): void {
    const { contentType = '', responseTopic = '', correlationData, userProperties } = properties
    this.#add(properties.payloadFormatIndicator ?? 2)
    this.text(contentType)
    this.text(responseTopic)
    this.#add(correlationData === undefined ? 0 : 1)
    if (correlationData !== undefined) this.#bytes(correlationData)
    if (userProperties === undefined) return
    for (const [name, value] of userProperties) {
      this.text(name)
      this.text(value)
    }
  }

  /** Four bytes at a time. */
  #bytes(bytes: Buffer): void {
    const { length } = bytes
    let one = mixed(this.#one ^ length, PRIME)
    let other = mixed(this.#other ^ length, OTHER_PRIME)
    // What is beyond the end counts as zeros.
    for (let index = 0; index < length; index += 4) {
      const word =
        (bytes[index] ?? 0) |
        ((bytes[index + 1] ?? 0) << 8) |
        ((bytes[index + 2] ?? 0) << 16) |
        ((bytes[index + 3] ?? 0) << 24)
      one = mixed(one ^ word, PRIME)
      other = mixed(other ^ word, OTHER_PRIME)
    }
    this.#one = one
    this.#other = other
  }

  #add(number: number): void {
    this.#one = mixed(this.#one ^ number, PRIME)
    this.#other = mixed(this.#other ^ number, OTHER_PRIME)
  }
}

/** The upper bits of a product depend on all bits, so they are brought down. */
function mixed(word: number, prime: number): number {
  const product = Math.imul(word, prime)
  return product ^ (product >>> 13)
}
