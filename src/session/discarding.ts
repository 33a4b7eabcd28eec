// What waited for an owner that is gone: dropped and counted, a part of it in each turn. One change removes all of it from the store.

import type { MessageQueue } from './message-queue.ts'
import type { DropReason, Postponed, SessionContext } from './session-context.ts'

export class Discarding implements Postponed {
  readonly #context: SessionContext
  readonly #queue: MessageQueue
  readonly #reason: DropReason
  readonly #clientId: string | null

  constructor(
    context: SessionContext,
    queue: MessageQueue,
    reason: DropReason,
    clientId: string | null,
  ) {
    this.#context = context
    this.#queue = queue
    this.#reason = reason
    this.#clientId = clientId
    context.droppedInStore(reason, queue.tail.clear())
  }

  proceed(): void {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      this.#context.dropped(this.#reason, next.message, this.#clientId)
      this.#context.turnWorkLeft -= 1
      if (this.#context.turnWorkLeft > 0) continue
      if (this.#queue.length > 0) this.#context.postpone(this)
      return
    }
  }
}
