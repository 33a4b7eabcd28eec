// Which messages the broker says that it has dropped. What is missing in the end must be among them; and each drop must be
// one that the rules allow at that moment.

import type { Broker } from '../src/broker/broker.ts'
import type { QueueBounds } from '../src/session/message-queue.ts'
import type { DropReason } from '../src/session/session-context.ts'
import type { Message } from '../src/message.ts'
import { idIn, type Ledger } from './ledger.ts'
import type { Weather } from './weather.ts'

/** A queue may pass its bounds by a sixteenth while expired messages are looked for in the store, and by a page. */
const PASSED_PART = 16

export class Drops {
  readonly #ledger: Ledger
  readonly #weather: Weather

  constructor(ledger: Ledger, weather: Weather) {
    this.#ledger = ledger
    this.#weather = weather
  }

  dropped(broker: Broker, reason: DropReason, message: Message, clientId: string | null): void {
    if (message.payload.length === 0) return
    const id = idIn(message.payload)
    if (reason === 'message-expired') this.#checkExpired(id, message, broker.now)
    else if (reason === 'queue-full') this.#checkFull(id, broker, clientId)
    else return
    this.#ledger.dropped(clientId, id)
  }

  #checkExpired(id: string, message: Message, now: number): void {
    if (message.expiresAt > now) {
      this.#ledger.violation('drop', `${id} was dropped as expired before its time`)
    }
  }

  #checkFull(id: string, broker: Broker, clientId: string | null): void {
    const { limits, shareBounds, pageMessages } = this.#weather
    if (clientId === null) {
      const isFull = [...broker.subscriptions.groups.all].some(group =>
        this.#isNearly(group, shareBounds),
      )
      if (!isFull) this.#ledger.violation('drop', `${id} was dropped, and no group is full`)
      return
    }
    const session = broker.sessions.get(clientId)
    if (session === undefined) return
    const bounds: QueueBounds = limits
    const who = `the queue of ${clientId}`
    if (!this.#isNearly(session, bounds)) {
      this.#ledger.violation('drop', `${id} was dropped, and ${who} is not full`)
    }
    const most =
      bounds.queuedMessagesMax + Math.ceil(bounds.queuedMessagesMax / PASSED_PART) + pageMessages
    // To drop the oldest, which lies in the store, a page must come first: the bounds are passed meanwhile.
    if (bounds.queueOverflow === 'drop-newest' && session.queue.messages > most) {
      this.#ledger.violation('drop', `${who} has ${session.queue.messages} of ${most}`)
    }
  }

  /** With one message more it would be over its bounds: in messages, or in bytes by the largest that there are. */
  #isNearly(
    owner: { readonly queue: { readonly messages: number; readonly bytes: number } },
    bounds: QueueBounds,
  ): boolean {
    const largest = this.#weather.largeBytes + 1_000
    return (
      owner.queue.messages >= bounds.queuedMessagesMax ||
      owner.queue.bytes + largest > bounds.queuedBytesMax
    )
  }
}
