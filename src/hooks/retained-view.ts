// The retained messages of a broker, as a program sees them.

import type { Broker } from '../broker/broker.ts'
import type { Commands } from '../loop/commands.ts'
import type { Message } from '../message.ts'
import { isTopicName } from '../routing/topic.ts'

/** The number of retained topics and levels that one step of a search visits. */
const STEPS = 256

interface RetainedReach {
  readonly broker: Broker
  readonly commands: Commands
}

export class RetainedView {
  readonly #broker: Broker
  readonly #commands: Commands

  constructor({ broker, commands }: RetainedReach) {
    this.#broker = broker
    this.#commands = commands
  }

  /** Without those that the broker publishes about itself. */
  get size(): number {
    return this.#broker.retainedCount
  }

  get(topic: string): Message | null {
    return this.#broker.retained.get(topic) ?? null
  }

  /** Yields the messages that match a topic filter. What is retained after the first one need not be among them. */
  *iterate(filter = '#'): IterableIterator<Message> {
    const found = this.#broker.retained.matching(filter, Infinity)
    for (let next = found.next(STEPS); next !== null; next = found.next(STEPS)) {
      if (next !== 'later' && found.isCurrent(next)) yield next
    }
  }

  /** Clears a topic. Subscribers are not informed. Resolves with whether it had a message, when that is stored. */
  async delete(topic: string): Promise<boolean> {
    if (!isTopicName(topic)) throw new TypeError(`${JSON.stringify(topic)} is no topic name`)
    return (await this.#commands.clearRetained(topic)) > 0
  }
}
