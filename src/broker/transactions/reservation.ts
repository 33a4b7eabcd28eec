// Room in the queues that refuse messages when they are full: several messages of one transaction need it together, and a prepared one
// keeps it until it is decided.

import type { Message } from '../../message.ts'
import { NamedQueue } from '../../session/named-queue/named-queue.ts'
import type { Broker } from '../broker.ts'

interface Place {
  readonly queue: NamedQueue
  readonly message: Message
}

export class Reservation {
  /** A queue that has no room for all of it, or null. */
  full: NamedQueue | null = null
  #places: Place[] = []

  constructor(broker: Broker, messages: readonly Message[]) {
    if (!broker.refusesOverflow) return
    for (const message of messages) {
      for (const target of broker.publishing.targetsOf(message)) {
        if (!(target instanceof NamedQueue) || target.settings.overflow !== 'refuse') continue
        if (!target.hasRoomFor(message)) this.full ??= target
        target.queue.reserve(message, 1)
        this.#places.push({ queue: target, message })
      }
    }
  }

  release(): void {
    for (const { queue, message } of this.#places) queue.queue.reserve(message, -1)
    this.#places = []
  }
}
