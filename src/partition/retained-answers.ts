// The retained messages of this partition for the queries of one other.

import type { Broker } from '../broker/broker.ts'
import { contentBytes, type Message } from '../message.ts'
import type { RetainedSource } from '../session/retained-replay.ts'
import type { Postponed } from '../session/session-context.ts'
import type { Origin, RetainedAsked, RetainedPage, RetainedRow, UpTo } from './item.ts'

const PAGE_BYTES = 16_384
/** The most topics and levels without a match that one step visits. */
const STEPS_MAX = 256

/** The partition that answers. */
interface Answerer {
  readonly broker: Broker
  readonly pageRowsMax: number
  readonly origins: { of(message: Message): Origin }
  /** How far each other partition is applied here. */
  appliedSequences(): UpTo
  say(partition: number, item: RetainedPage): void
}

export class RetainedAnswers {
  readonly #answerer: Answerer
  readonly #partition: number
  readonly #answers = new Map<number, Answer>()

  constructor(answerer: Answerer, partition: number) {
    this.#answerer = answerer
    this.#partition = partition
  }

  asked({ query, filter, upTo }: RetainedAsked): void {
    const source = this.#answerer.broker.retained.matching(filter, Infinity)
    const answer = new Answer(query, source, upTo, this.#answerer, page =>
      this.#answerer.say(this.#partition, page),
    )
    this.#answers.set(query, answer)
    answer.proceed()
  }

  more(query: number): void {
    this.#answers.get(query)?.proceed()
  }

  ended(query: number): void {
    this.#answers.get(query)?.end()
    this.#answers.delete(query)
  }

  /** The other partition has started, and has forgotten them. */
  clear(): void {
    for (const query of [...this.#answers.keys()]) this.ended(query)
  }
}

class Answer implements Postponed {
  readonly #query: number
  readonly #source: RetainedSource
  readonly #upTo: UpTo
  readonly #answerer: Answerer
  readonly #say: (page: RetainedPage) => void
  #rows: RetainedRow[] = []
  #bytes = 0
  #hasEnded = false

  constructor(
    query: number,
    source: RetainedSource,
    upTo: UpTo,
    answerer: Answerer,
    say: (page: RetainedPage) => void,
  ) {
    this.#query = query
    this.#source = source
    this.#upTo = upTo
    this.#answerer = answerer
    this.#say = say
  }

  end(): void {
    this.#hasEnded = true
  }

  /** Reads the next page. */
  proceed(): void {
    const { broker, pageRowsMax } = this.#answerer
    while (!this.#hasEnded) {
      const before = this.#source.steps
      const message = this.#source.next(STEPS_MAX)
      broker.turnWorkLeft -= 1 + this.#source.steps - before
      if (message === null) return this.#gives(true)
      if (message !== 'later') this.#add(message)
      if (this.#rows.length >= pageRowsMax || this.#bytes >= PAGE_BYTES) return this.#gives(false)
      if (broker.turnWorkLeft <= 0) return broker.postponed.add(this)
    }
  }

  #add(message: Message): void {
    const { broker, origins } = this.#answerer
    const origin = origins.of(message)
    const isNewer = origin.sequence > (this.#upTo.get(origin.partition) ?? Infinity)
    if (isNewer || message.expiresAt <= broker.now) return
    this.#rows.push({ origin, message })
    this.#bytes += contentBytes(message)
  }

  #gives(isLast: boolean): void {
    const rows = this.#rows
    this.#rows = []
    this.#bytes = 0
    const applied = this.#answerer.appliedSequences()
    this.#say({ kind: 'retained-page', query: this.#query, isLast, applied, rows })
  }
}
