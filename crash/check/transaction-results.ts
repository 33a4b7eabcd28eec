// Checks that transactional workers make one result of each message of their queues, in the order of keys, and that nobody is handed what a
// transaction has settled or locked.

import type { HandedEvent, LoggedEvent, TransactionMessage } from '../event.ts'
import type { MessageId } from '../payload.ts'
import { FEEDER, INPUTS, type InputQueue } from '../transactions.ts'
import type { Report } from './finding.ts'

interface Input extends MessageId {
  readonly topic: string
  isAccepted: boolean
  /** The message of a transaction that is its result: it was received, or its commit was acknowledged. */
  result: string | null
  /** The transaction that has locked it, or settled it. */
  takenBy: string | null
}

export class TransactionResults {
  accepted = 0
  readonly #inputs = new Map<string, Input>()
  /** The highest sequence of each publisher that was checked. */
  readonly #closed = new Map<string, number>()
  /** By receiver, publisher and topic: the last input whose result was received. */
  readonly #last = new Map<string, number>()
  readonly #report: Report

  constructor(report: Report) {
    this.#report = report
  }

  see(event: LoggedEvent): void {
    if (event.kind === 'handed') return this.#handed(event)
    if (event.kind !== 'publishing' && event.kind !== 'accepted') return
    const { publisher, sequence } = event
    if (!publisher.startsWith(FEEDER)) return
    if (event.kind === 'publishing') {
      const facts = { isAccepted: false, result: null, takenBy: null }
      this.#inputs.set(nameOf(event), { publisher, sequence, topic: event.topic, ...facts })
      return
    }
    const input = this.#inputs.get(nameOf(event))
    if (input === undefined || input.isAccepted) return
    input.isAccepted = true
    this.accepted += 1
  }

  /** The transaction has locked or settled it; null: neither any more. */
  take(message: TransactionMessage, transaction: string | null): void {
    const input = this.#inputOf(message)
    if (input !== undefined) input.takenBy = transaction
  }

  /** The transaction of this message is committed. */
  committed(message: TransactionMessage): void {
    const input = this.#inputOf(message)
    if (input === undefined) return
    const result = nameOf(message)
    input.result ??= result
    const what = `${result} is a result of ${nameOf(input)}, and so is ${input.result}`
    if (input.result !== result) this.#report('result-again', what)
  }

  /** A subscriber received a message of a transaction for the first time. */
  received(client: string, message: TransactionMessage): void {
    const input = this.#inputOf(message)
    if (input === undefined) return
    this.committed(message)
    const what = `${client} received ${nameOf(message)}, a result of ${nameOf(input)}`
    if (!isInOrder(input.topic)) return
    const stream = `${client} ${input.publisher} ${input.topic}`
    const last = this.#last.get(stream) ?? 0
    if (input.sequence < last) this.#report('transaction-order', `${what}, after that of ${last}`)
    this.#last.set(stream, Math.max(last, input.sequence))
  }

  /** Returns the acknowledged inputs without a result. */
  missing(): readonly MessageId[] {
    return [...this.#inputs.values()].filter(
      ({ isAccepted, result }) => isAccepted && result === null,
    )
  }

  close(): void {
    for (const input of this.missing())
      this.#report('result-lost', `${nameOf(input)} was acknowledged and has no result`)
    for (const { publisher, sequence } of this.#inputs.values())
      this.#closed.set(publisher, Math.max(sequence, this.#closed.get(publisher) ?? 0))
    this.#inputs.clear()
  }

  #inputOf({ input }: TransactionMessage): Input | undefined {
    return input === null ? undefined : this.#inputs.get(nameOf(input))
  }

  #handed({ client, queue, duplicate, isIntact, topic, ...id }: HandedEvent): void {
    if (!isInputQueue(queue)) return
    const what = `${client} received ${nameOf(id)} of ${queue}`
    const input = this.#inputs.get(nameOf(id))
    if (input === undefined) {
      const isClosed = id.sequence <= (this.#closed.get(id.publisher) ?? 0)
      if (isClosed) this.#report('result-again', `${what}, which has a result since long`)
      else this.#report('unknown-message', `${what}, which was never sent`)
      return
    }
    if (duplicate || !isIntact || topic !== input.topic)
      this.#report('corrupt', `${what} altered, or with DUP`)
    if (input.takenBy !== null)
      this.#report('result-again', `${what}, which ${input.takenBy} has taken`)
  }
}

function isInOrder(topic: string): boolean {
  return INPUTS.orders.filters.some(filter => topic.startsWith(filter.slice(0, -1)))
}

function isInputQueue(name: string): name is InputQueue {
  return Object.hasOwn(INPUTS, name)
}

function nameOf({ publisher, sequence }: MessageId): string {
  return `${publisher}/${sequence}`
}
