// Bytes of a broker → packets. A message that this broker cannot take is no error: what must be said of it is returned in its place.

import { decodeWithin } from '../packet/decode.ts'
import { Framer } from '../packet/framer.ts'
import { MalformedPacket } from '../packet/malformed.ts'
import type { Packet, ReadingTerms } from '../packet/packet.ts'
import {
  MALFORMED_PACKET,
  PACKET_TOO_LARGE,
  QUOTA_EXCEEDED,
  type ReasonCode,
} from '../packet/reason.ts'
import { SkippedPublish, unfitAt, type UnfitPublish } from './unfit-publish.ts'

/** `unfit` is a message that was not taken: it is too large, or has too many user properties. */
export type IncomingPacket = Packet | UnfitPublish

export class IncomingPackets {
  readonly #terms: ReadingTerms
  readonly #framer: Framer
  #skipped: SkippedPublish | null = null

  constructor({ version, userPropertiesMax }: ReadingTerms, packetBytesMax: number) {
    this.#terms = { version, userPropertiesMax }
    this.#framer = new Framer(packetBytesMax)
  }

  /** Adds a chunk. Its bytes must not change before `next` has returned null or `keep` was called. */
  push(chunk: Buffer): void {
    const rest = this.#skipped?.skip(chunk) ?? chunk
    if (rest.length > 0) this.#framer.push(rest)
  }

  /** Copies what was not read yet. */
  keep(): void {
    this.#framer.keep()
  }

  /** Returns null when there is none. Throws MalformedPacket. */
  next(): IncomingPacket | null {
    const skipped = this.#skipped
    if (skipped === null) return this.#read()
    if (!skipped.isOver) return null
    this.#skipped = null
    const { unfit } = skipped
    if (unfit === null)
      throw new MalformedPacket(MALFORMED_PACKET, 'PUBLISH has no packet identifier')
    return unfit
  }

  #read(): IncomingPacket | null {
    const framer = this.#framer
    try {
      if (!framer.next()) return null
    } catch (error) {
      const skipped =
        reasonOf(error) === PACKET_TOO_LARGE ? SkippedPublish.of(framer.takeUnread()) : null
      if (skipped === null) throw error
      this.#skipped = skipped
      if (skipped.rest.length > 0) framer.push(skipped.rest)
      return this.next()
    }
    const { bytes, start, end } = framer
    try {
      return decodeWithin(bytes, start, end, this.#terms)
    } catch (error) {
      const hasTooMany = reasonOf(error) === QUOTA_EXCEEDED
      const unfit = hasTooMany ? unfitAt(bytes, start, end, QUOTA_EXCEEDED) : null
      if (unfit === null) throw error
      return unfit
    }
  }
}

function reasonOf(error: unknown): ReasonCode | null {
  return error instanceof MalformedPacket ? error.reason : null
}
