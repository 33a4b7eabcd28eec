// Checks transactions: every subscriber has all of one or nothing, in its order and with nobody's message between; each is decided once, and
// the answers of the broker fit to one another, over all kills.

import type {
  DeliveredEvent,
  LoggedEvent,
  TransactionAnsweredEvent,
  TransactionMadeEvent,
} from '../event.ts'
import { FEEDER, TRANSACTION_FILTER, TRANSACTOR } from '../transactions.ts'
import type { FindingKind, Report } from './finding.ts'
import { TransactionResults } from './transaction-results.ts'

/** `none`: nothing of it may ever be seen. */
type Fate = 'unknown' | 'prepared' | 'committed' | 'none'

interface Transaction extends Pick<TransactionMadeEvent, 'messages'> {
  readonly id: string
  readonly madeAt: number
  fate: Fate
  mayBePrepared: boolean
  /** Whether the broker has refused what was asked last, whole. */
  wasRefused: boolean
}

interface Reader {
  readonly client: string
  readonly grantedAt: number
  /** By transaction: how often each message was received. */
  readonly counts: Map<string, Map<number, number>>
  /** Messages of no transaction that were received. */
  readonly others: Set<string>
  /** What was received last for the first time; null for a message of no transaction, undefined before the first one behind SUBACK. */
  last: { readonly transaction: string; readonly sequence: number } | null | undefined
}

export class TransactionCheck {
  made = 0
  committed = 0
  refused = 0
  undecided = 0
  readonly results: TransactionResults
  readonly #transactions = new Map<string, Transaction>()
  /** By publisher and sequence. */
  readonly #ofMessage = new Map<string, Transaction>()
  /** Those that were committed before the last check, by publisher and sequence of their messages. */
  readonly #closed = new Set<string>()
  readonly #readers = new Map<string, Reader>()
  readonly #report: Report

  constructor(report: Report) {
    this.#report = report
    this.results = new TransactionResults(report)
  }

  /** Whether no other check has to see this event. */
  owns(event: LoggedEvent): boolean {
    if (!('publisher' in event)) return false
    return event.publisher.startsWith(TRANSACTOR) || event.publisher.startsWith(FEEDER)
  }

  see(event: LoggedEvent, at: number): void {
    this.results.see(event)
    switch (event.kind) {
      case 'subscribed':
        return this.#subscribed(event.client, event.filter, at)
      case 'transaction-made':
        return this.#made(event, at)
      case 'transaction-asked':
        return this.#asked(event.transaction, event.verb)
      case 'transaction-answered':
        return this.#answered(event)
      case 'transaction-undecided':
        return this.#askedBack(event.transaction)
      case 'delivered':
        return this.#delivered(event)
      case 'quiet':
        return this.#quiet()
      default:
    }
  }

  /** Returns the committed transactions of which a subscriber does not have all. */
  missing(): readonly Pick<Transaction, 'id'>[] {
    return [...this.#transactions.values()].filter(transaction => {
      if (transaction.fate !== 'committed') return false
      return this.#owed(transaction).some(
        reader => received(reader, transaction) < transaction.messages.length,
      )
    })
  }

  #subscribed(client: string, filter: string, at: number): void {
    if (filter !== TRANSACTION_FILTER || this.#readers.has(client)) return
    this.#readers.set(client, {
      client,
      grantedAt: at,
      counts: new Map(),
      others: new Set(),
      last: undefined,
    })
  }

  #made({ transaction: id, messages }: TransactionMadeEvent, at: number): void {
    const states = { fate: 'unknown', mayBePrepared: false, wasRefused: false } as const
    const transaction: Transaction = { id, messages, madeAt: at, ...states }
    this.made += 1
    this.#transactions.set(id, transaction)
    for (const message of messages) this.#ofMessage.set(nameOf(message), transaction)
  }

  #asked(id: string, verb: TransactionAnsweredEvent['verb']): void {
    const transaction = this.#transactions.get(id)
    if (transaction === undefined) return
    transaction.wasRefused = false
    if (verb === 'prepare') transaction.mayBePrepared = true
    if (verb === 'abort') this.#take(transaction, null)
  }

  #answered(event: TransactionAnsweredEvent): void {
    const transaction = this.#transactions.get(event.transaction)
    if (transaction === undefined) return
    const { verb, staged, isRefused, sentence } = event
    const { fate } = transaction
    const what = `${verb} of ${transaction.id} (${staged} of it staged), which is ${fate},`
    if (isRefused) return this.#refused(transaction, event, `${what} was refused: ${sentence}`)
    const isTaken = staged !== 'part' || verb === 'abort'
    const isDecided = fate === 'committed' ? verb !== 'commit' : fate === 'none'
    if (!isTaken || isDecided) this.#report('transaction-answer', `${what} was taken`)
    if (verb === 'abort') transaction.fate = 'none'
    else {
      transaction.fate = verb === 'commit' ? 'committed' : 'prepared'
      this.#take(transaction, transaction.id)
      if (verb === 'prepare' || fate === 'committed') return
      this.committed += 1
      for (const message of transaction.messages) this.results.committed(message)
    }
  }

  #refused(transaction: Transaction, event: TransactionAnsweredEvent, sentence: string): void {
    this.refused += 1
    const { staged, verb } = event
    if (staged === 'part' || staged === 'unsure') return
    const { fate, messages } = transaction
    // What a worker holds may have been given to another one.
    const isSurelyWhole = staged === 'all' && messages.every(({ input }) => input === null)
    if (verb === 'abort' || isSurelyWhole || fate !== 'unknown')
      this.#report('transaction-answer', sentence)
    transaction.wasRefused = true
  }

  #askedBack(id: string): void {
    this.undecided += 1
    const transaction = this.#transactions.get(id)
    if (transaction !== undefined && !transaction.mayBePrepared)
      this.#report('transaction-answer', `the broker asks about ${id}, which was never prepared`)
  }

  #take({ messages }: Transaction, by: string | null): void {
    for (const message of messages) this.results.take(message, by)
  }

  #delivered({ client, publisher, sequence, topic, qos, isIntact }: DeliveredEvent): void {
    const reader = this.#readers.get(client)
    if (reader === undefined) return
    const name = nameOf({ publisher, sequence })
    if (!publisher.startsWith(TRANSACTOR)) {
      // One that comes again may come between.
      if (!reader.others.has(name)) reader.last = null
      reader.others.add(name)
      return
    }
    const what = `${client} received ${name} of ${topic}`
    const transaction = this.#ofMessage.get(name)
    const message = transaction?.messages.find(each => each.sequence === sequence)
    if (transaction === undefined || message === undefined) {
      const kind: FindingKind = this.#closed.has(name) ? 'duplicate' : 'unknown-message'
      // At QoS 1 it may come again.
      if (kind !== 'duplicate' || qos === 2) this.#report(kind, `${what}, long after it was over`)
      return
    }
    if (!isIntact || topic !== message.topic) this.#report('corrupt', `${what} altered`)
    const counts = reader.counts.get(transaction.id) ?? new Map<number, number>()
    reader.counts.set(transaction.id, counts)
    const count = (counts.get(sequence) ?? 0) + 1
    counts.set(sequence, count)
    if (count > 1) {
      if (qos === 2) this.#report('duplicate', `${what} at QoS 2, the ${count}. time`)
      return
    }
    this.#checkOrder(reader, transaction, sequence, what)
    this.results.received(client, message)
  }

  #checkOrder(reader: Reader, { id, messages }: Transaction, sequence: number, what: string): void {
    const { last } = reader
    const isFirst = sequence === messages[0]?.sequence
    const isNext = last?.transaction === id ? sequence === last.sequence + 1 : isFirst
    reader.last = { transaction: id, sequence }
    // A SUBACK that was lost may be sent again between the messages of a transaction.
    if (!isNext && last !== undefined) {
      const before = last === null ? 'another message' : `${last.transaction} (${last.sequence})`
      this.#report('transaction-order', `${what} behind ${before}`)
    }
  }

  /** Returns the readers that had subscribed before it was made. */
  #owed({ madeAt }: Transaction): readonly Reader[] {
    return [...this.#readers.values()].filter(({ grantedAt }) => grantedAt < madeAt)
  }

  #quiet(): void {
    for (const transaction of this.#transactions.values()) this.#judge(transaction)
    this.results.close()
    for (const { fate, messages } of this.#transactions.values()) {
      if (fate === 'committed') for (const message of messages) this.#closed.add(nameOf(message))
    }
    this.#transactions.clear()
    this.#ofMessage.clear()
    for (const { counts, others } of this.#readers.values()) {
      counts.clear()
      others.clear()
    }
  }

  #judge(transaction: Transaction): void {
    const { id, messages, wasRefused } = transaction
    if (transaction.fate === 'unknown' && wasRefused) transaction.fate = 'none'
    const { fate } = transaction
    if (fate === 'unknown' || fate === 'prepared')
      this.#report('transaction-answer', `${id} is ${fate} still, and its client has asked`)
    const isSeen = [...this.#readers.values()].some(({ counts }) => counts.has(id))
    if (fate === 'none' && isSeen)
      this.#report('transaction-torn', `${id} was not committed, and somebody saw it`)
    for (const reader of this.#owed(transaction)) {
      const count = received(reader, transaction)
      if (count === (fate === 'committed' || isSeen ? messages.length : 0)) continue
      const what = `${count} of ${messages.length} messages of ${id}, which is ${fate}`
      this.#report('transaction-torn', `${reader.client} received ${what}`)
    }
  }
}

function received({ counts }: Reader, { id }: Transaction): number {
  return counts.get(id)?.size ?? 0
}

function nameOf({ publisher, sequence }: { publisher: string; sequence: number }): string {
  return `${publisher}/${sequence}`
}
