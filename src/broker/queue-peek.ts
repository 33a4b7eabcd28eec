// Shows messages that wait in a named queue, without taking them out: those in the store, or in memory for a queue that is not stored.

import type { Message } from '../message.ts'
import type { NamedQueue } from '../session/named-queue/named-queue.ts'
import { numberOf } from '../session/waiting/fifo-queue.ts'
import type { PageReader, SessionContext } from '../session/session-context.ts'
import type { HandOuts, StoredDelivery } from '../store/store.ts'

interface PeekedMessage {
  /** Its number in the order of the queue. */
  readonly number: number
  readonly message: Message
  readonly handOuts: HandOuts | null
}

export interface Peeked {
  readonly messages: readonly PeekedMessage[]
  /** Where the next page begins; null at the end. */
  readonly next: number | null
}

/** One page of a queue in the store. */
export class StoredPeek implements PageReader {
  readonly owner: PageReader['owner']
  after: number
  readonly #queue: NamedQueue
  readonly #max: number
  readonly #pages: SessionContext['pages']
  readonly #done: (peeked: Peeked) => void

  constructor(
    queue: NamedQueue,
    after: number,
    max: number,
    pages: SessionContext['pages'],
    done: (peeked: Peeked) => void,
  ) {
    this.owner = queue.owner
    this.#queue = queue
    this.after = after
    this.#max = max
    this.#pages = pages
    this.#done = done
  }

  begins(): void {
    this.#pages.want(this)
  }

  paged(page: readonly StoredDelivery[]): void {
    const last = page.at(-1)
    if (last === undefined) {
      this.#done({ messages: [], next: null })
      return
    }
    const withConsumers = numbersInFlight(this.#queue)
    const waiting = page.filter(({ delivery }) => !withConsumers.has(delivery))
    this.after = last.delivery
    // All of it is with consumers whose sessions are not stored.
    if (waiting.length === 0) this.begins()
    else {
      const messages = waiting.slice(0, this.#max).flatMap(peekedOf)
      const end = waiting.length > this.#max ? messages.at(-1)?.number : last.delivery
      this.#done({ messages, next: end ?? null })
    }
  }
}

/** The same for a queue without a store. */
export function peekInMemory(queue: NamedQueue, after: number, max: number): Peeked {
  const { waiting } = queue.queue
  const all = [...waiting.all(), ...waiting.givenBack(), ...queue.handOuts.aside]
    .map(delivery => ({ delivery, number: numberOf(delivery) }))
    .filter(({ number }) => number > after)
    .toSorted((one, other) => one.number - other.number)
  const messages = all.slice(0, max).map(({ delivery, number }) => {
    const { message } = delivery
    return { number, message, handOuts: queue.handOuts.get(delivery) ?? null }
  })
  return { messages, next: all.length > max ? (messages.at(-1)?.number ?? null) : null }
}

/** The messages that consumers have: a page may have those of consumers whose sessions are not stored. */
function numbersInFlight(queue: NamedQueue): ReadonlySet<number> {
  const numbers = new Set<number>()
  for (const { session } of queue.consumers.all) {
    for (const { stored } of session.exchanges.inFlightOf(queue)) numbers.add(stored)
  }
  for (const { delivery } of queue.handOuts.holds) numbers.add(delivery.stored)
  return numbers
}

function peekedOf({ delivery, message, handOuts }: StoredDelivery): PeekedMessage[] {
  return message === null ? [] : [{ number: delivery, message, handOuts }]
}
