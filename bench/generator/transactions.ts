// The packets of the transactions of one publisher in a ring, encoded before the run. During the run only packet identifiers, stamps and
// the numbers of the transactions are written into them.

import { publishForm, publishPacket } from './packets.ts'

const DIGITS = 15
const ID = `$tx/bench.1${'0'.repeat(DIGITS - 1)}`

export class TransactionRing {
  /** The offsets in each packet of a message. */
  readonly packetIdOffset: number
  readonly payloadOffset: number
  readonly messages: number
  readonly #ring: Buffer
  readonly #places: number
  readonly #size: number
  readonly #messageSize: number
  /** Where the last digit of the number is in each packet. */
  readonly #digitOffsets: readonly number[]
  #number = 10 ** (DIGITS - 1)
  #place = 0

  /** `window`: the messages on their way, for which no packet may be changed. */
  constructor(topic: string, payloadBytes: number, messages: number, window: number) {
    const form = publishForm(`${ID}/publish/${topic}`, 1, payloadBytes)
    const commit = publishPacket(`${ID}/commit`, 1, `${messages}`)
    const one = Buffer.concat([...Array.from({ length: messages }, () => form.bytes), commit])
    this.packetIdOffset = form.packetIdOffset
    this.payloadOffset = form.payloadOffset
    this.messages = messages
    this.#places = 2 * Math.ceil(window / messages)
    this.#ring = Buffer.concat(Array.from({ length: this.#places }, () => one))
    this.#size = one.length
    this.#messageSize = form.bytes.length
    const offsets: number[] = []
    for (let at = one.indexOf(ID); at !== -1; at = one.indexOf(ID, at + 1)) {
      offsets.push(at + ID.length - 1)
    }
    this.#digitOffsets = offsets
  }

  get bytes(): Buffer {
    return this.#ring
  }

  /** Begins the next transaction and returns where its message `index` is. */
  begin(): (index: number) => number {
    this.#number += 1
    this.#place = (this.#place + 1) % this.#places
    const start = this.#place * this.#size
    let rest = this.#number
    for (let back = 0; back < DIGITS; back++) {
      const digit = 0x30 + (rest % 10)
      for (const offset of this.#digitOffsets) this.#ring[start + offset - back] = digit
      rest = Math.floor(rest / 10)
    }
    return index => start + index * this.#messageSize
  }

  /** The packets of the transaction that was begun last. */
  get packets(): Buffer {
    const start = this.#place * this.#size
    return this.#ring.subarray(start, start + this.#size)
  }
}
