// How long messages, commits, CONNECT and the event loop take. It is measured for each turn, not for each message.

import { Histogram } from '../observe/histogram.ts'

/** Messages that were put into outboxes in turns since `since`, and wait for a commit. */
interface Waiting {
  since: number
  messages: number
}

// Wide on purpose: four histograms, and where the messages of the last turns are on their way.
export class Latencies {
  /** From the beginning of the turn that received a message until it is written to a socket. If the turn stores something: after the commit. */
  readonly deliver = new Histogram()
  readonly commit = new Histogram()
  readonly connect = new Histogram()
  readonly loopDelay = new Histogram()
  readonly #now: () => number
  #beganAt = 0
  #changesBefore = 0
  #sentBefore = 0
  /** The messages of this turn that wait for nothing. */
  #atOnce = 0
  #recorded: Waiting = { since: 0, messages: 0 }
  #outstanding: Waiting = { since: 0, messages: 0 }
  #committed: Waiting = { since: 0, messages: 0 }
  #commitBeganAt = 0

  /** `now` returns milliseconds, with fractions, of a clock that never goes back. */
  constructor(now: () => number) {
    this.#now = now
  }

  turnBegan(changes: number): void {
    this.#beganAt = this.#now()
    this.#changesBefore = changes
  }

  /** The packets of the turn are applied; nothing is committed or written yet. */
  turnApplied(changes: number, messagesSent: number): void {
    const messages = messagesSent - this.#sentBefore
    this.#sentBefore = messagesSent
    if (changes === this.#changesBefore) this.#atOnce = messages
    else join(this.#recorded, this.#beganAt, messages)
  }

  turnFlushed(): void {
    if (this.#atOnce === 0 && this.#committed.messages === 0) return
    const now = this.#now()
    if (this.#atOnce > 0) this.deliver.add((now - this.#beganAt) / 1_000, this.#atOnce)
    const { since, messages } = this.#committed
    if (messages > 0) this.deliver.add((now - since) / 1_000, messages)
    this.#atOnce = 0
    this.#committed.messages = 0
  }

  commitBegan(): void {
    this.#commitBeganAt = this.#now()
    const free = this.#outstanding
    this.#outstanding = this.#recorded
    this.#recorded = free
    free.messages = 0
  }

  commitEnded(): void {
    this.commit.add((this.#now() - this.#commitBeganAt) / 1_000)
    join(this.#committed, this.#outstanding.since, this.#outstanding.messages)
    this.#outstanding.messages = 0
  }
}

function join(waiting: Waiting, since: number, messages: number): void {
  if (messages === 0) return
  if (waiting.messages === 0) waiting.since = since
  waiting.messages += messages
}
