// Topic aliases of one connection, in both directions. They never outlive it [MQTT-3.3.2-7].

import { TOPIC_ALIAS_INVALID } from '../packet/reason.ts'
import { ProtocolError } from './protocol-error.ts'

/** Aliases that the client sets. */
export class IncomingAliases {
  readonly #max: number
  #topics: Map<number, string> | null = null

  constructor(max: number) {
    this.#max = max
  }

  /** The full topic name of a PUBLISH that bears an alias; `topic` is empty when the alias stands for it. */
  resolve(alias: number, topic: string): string {
    if (alias > this.#max) {
      throw new ProtocolError(
        TOPIC_ALIAS_INVALID,
        `topic alias ${alias} is over the maximum of ${this.#max}`,
      )
    }
    if (topic !== '') {
      this.#topics ??= new Map()
      this.#topics.set(alias, topic)
      return topic
    }
    const known = this.#topics?.get(alias)
    if (known === undefined) {
      throw new ProtocolError(TOPIC_ALIAS_INVALID, `topic alias ${alias} was never set`)
    }
    return known
  }
}

/** Aliases that the broker sets: the first topics of a connection get one each, and keep it. */
export class OutgoingAliases {
  readonly #max: number
  readonly #aliases = new Map<string, number>()

  constructor(max: number) {
    this.#max = max
  }

  /** The alias that the client knows for the topic; 0 for none. */
  aliasOf(topic: string): number {
    return this.#aliases.get(topic) ?? 0
  }

  /** The alias that a new topic would get; 0 when all are given away. Takes effect with `set`. */
  get nextAlias(): number {
    return this.#aliases.size < this.#max ? this.#aliases.size + 1 : 0
  }

  set(topic: string, alias: number): void {
    this.#aliases.set(topic, alias)
  }
}
