// The messages that the broker reported as dropped. Each message that is missing in the end must be among them, and the
// rules must allow each drop at its moment.

import type { Broker } from '../src/broker/broker.ts'
import type { QueueBounds } from '../src/session/waiting/message-queue.ts'
import type { DropReason } from '../src/session/session-context.ts'
import type { Message } from '../src/message.ts'
import { idIn, type History } from './history.ts'
import type { WorldSettings } from './world-settings.ts'

/** A queue may exceed its bounds by a sixteenth, and by a page, while the broker searches the store for expired messages. */
const PASSED_PART = 16

export class Drops {
  readonly #history: History
  readonly #settings: WorldSettings

  constructor(history: History, settings: WorldSettings) {
    this.#history = history
    this.#settings = settings
  }

  dropped(broker: Broker, reason: DropReason, message: Message, clientId: string | null): void {
    if (message.payload.length === 0) return
    const id = idIn(message.payload)
    if (reason === 'queue-purged') this.#history.purged.add(id)
    if (reason === 'message-expired') this.#checkExpired(id, message, broker.now)
    else if (reason === 'queue-full') this.#checkFull(id, broker, clientId)
    else if (reason === 'user-queues-full') this.#checkUserFull(id, broker)
    else return
    this.#history.dropped(clientId, id)
  }

  #checkExpired(id: string, message: Message, now: number): void {
    if (message.expiresAt > now) {
      this.#history.violation('drop', `${id} was dropped as expired before its time`)
    }
  }

  /** All clients of a world come from one address and have no user. */
  #checkUserFull(id: string, broker: Broker): void {
    const { limits, largeBytes } = this.#settings
    let bytes = largeBytes + 1_000
    for (const session of broker.sessions.all()) bytes += session.queue.bytes
    if (bytes <= limits.queuedBytesPerUserMax) {
      this.#history.violation('drop', `${id} was dropped, and the queues of its user are not full`)
    }
  }

  #checkFull(id: string, broker: Broker, clientId: string | null): void {
    const { limits, shareBounds, pageMessages } = this.#settings
    if (clientId === null) {
      // A named queue that refuses was passed by.
      const isPassed = broker.subscriptions.queues.all.some(({ settings, queue }) => {
        const bounds = {
          queuedMessagesMax: settings.messagesMax,
          queuedBytesMax: settings.bytesMax,
        }
        return settings.overflow === 'refuse' && this.#isNearly({ queue }, bounds)
      })
      if (isPassed) return
      const isFull = [...broker.subscriptions.groups.all].some(group =>
        this.#isNearly(group, shareBounds),
      )
      if (!isFull) this.#history.violation('drop', `${id} was dropped, and no group is full`)
      return
    }
    const session = broker.sessions.get(clientId)
    if (session === undefined) return
    const bounds: QueueBounds = limits
    const who = `the queue of ${clientId}`
    if (!this.#isNearly(session, bounds)) {
      this.#history.violation('drop', `${id} was dropped, and ${who} is not full`)
    }
    const most =
      bounds.queuedMessagesMax + Math.ceil(bounds.queuedMessagesMax / PASSED_PART) + pageMessages
    // The oldest message lies in the store: before the broker can drop it, it must read a page. Until then the queue exceeds its bounds.
    if (bounds.queueOverflow === 'drop-newest' && session.queue.messages > most) {
      this.#history.violation('drop', `${who} has ${session.queue.messages} of ${most}`)
    }
  }

  /** Whether one more message of the largest size could exceed the bounds, in messages or in bytes. */
  #isNearly(
    owner: { readonly queue: { readonly messages: number; readonly bytes: number } },
    bounds: Pick<QueueBounds, 'queuedMessagesMax' | 'queuedBytesMax'>,
  ): boolean {
    const largest = this.#settings.largeBytes + 1_000
    return (
      owner.queue.messages >= bounds.queuedMessagesMax ||
      owner.queue.bytes + largest > bounds.queuedBytesMax
    )
  }
}
