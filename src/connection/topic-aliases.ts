// Topic aliases of one connection, in both directions. They never outlive it [MQTT-3.3.2-7].

import { textBytes } from '../message.ts'
import { PROTOCOL_ERROR, QUOTA_EXCEEDED, TOPIC_ALIAS_INVALID } from '../packet/reason.ts'
import type { MemoryAccount } from '../session/memory-account.ts'
import { ProtocolError } from './protocol-error.ts'

/** The heap bytes of an alias with its entry in a Map. */
const ALIAS_BYTES = 80

interface AliasBounds {
  readonly max: number
  /** The most bytes of all topics together. One topic may have 64 KiB. */
  readonly bytesMax: number
}

/** The aliases that the client sets. */
export class IncomingAliases {
  readonly #bounds: AliasBounds
  readonly #memory: MemoryAccount
  #topics: Map<number, string> | null = null
  #bytes = 0

  constructor(bounds: AliasBounds, memory: MemoryAccount) {
    this.#bounds = bounds
    this.#memory = memory
  }

  /** Returns the full topic name of a PUBLISH with an alias. `topic` is empty when only the alias was sent. */
  resolve(alias: number, topic: string): string {
    if (alias > this.#bounds.max) {
      throw new ProtocolError(
        TOPIC_ALIAS_INVALID,
        `topic alias ${alias} is over the maximum of ${this.#bounds.max}`,
      )
    }
    if (topic !== '') {
      this.#set(alias, topic)
      return topic
    }
    const known = this.#topics?.get(alias)
    if (known === undefined) {
      // 0x82, not 0x94: section 3.3.4 of 5.0.
      throw new ProtocolError(PROTOCOL_ERROR, `topic alias ${alias} was never set`)
    }
    return known
  }

  /** The connection is over. */
  clear(): void {
    this.#memory.add('aliases', -this.#bytes)
    this.#topics = null
    this.#bytes = 0
  }

  #set(alias: number, topic: string): void {
    this.#topics ??= new Map()
    const known = this.#topics.get(alias)
    if (known === topic) return
    const grows = bytesOf(topic) - (known === undefined ? 0 : bytesOf(known))
    const { bytesMax } = this.#bounds
    // If the alias were silently not kept, later packets of the client would be wrong. So the connection ends.
    if (grows > 0 && (this.#bytes + grows > bytesMax || !this.#memory.hasReserve)) {
      this.#memory.refusals += 1
      const sentence = `the topics that have aliases are over ${bytesMax} bytes, or memory is full`
      throw new ProtocolError(QUOTA_EXCEEDED, sentence)
    }
    this.#topics.set(alias, topic)
    this.#bytes += grows
    this.#memory.add('aliases', grows)
  }
}

function bytesOf(topic: string): number {
  return ALIAS_BYTES + textBytes(topic)
}

/** The aliases that the broker sets. The first topics of a connection get them and keep them. */
export class OutgoingAliases {
  readonly #bounds: AliasBounds
  readonly #memory: MemoryAccount
  readonly #aliases = new Map<string, number>()
  #bytes = 0

  constructor(bounds: AliasBounds, memory: MemoryAccount) {
    this.#bounds = bounds
    this.#memory = memory
  }

  /** Returns the alias that was sent for the topic; 0 for none. */
  aliasOf(topic: string): number {
    return this.#aliases.get(topic) ?? 0
  }

  /** Returns the alias that a new topic would get; 0 for none. `set` puts it into effect. */
  nextAliasFor(topic: string): number {
    const { max, bytesMax } = this.#bounds
    if (this.#aliases.size >= max || !this.#memory.hasReserve) return 0
    return this.#bytes + bytesOf(topic) <= bytesMax ? this.#aliases.size + 1 : 0
  }

  set(topic: string, alias: number): void {
    this.#aliases.set(topic, alias)
    this.#bytes += bytesOf(topic)
    this.#memory.add('aliases', bytesOf(topic))
  }

  /** The connection is over. */
  clear(): void {
    this.#memory.add('aliases', -this.#bytes)
    this.#aliases.clear()
    this.#bytes = 0
  }
}
