// The transactions that are open: not prepared and not decided. They are in memory alone.

import type { Message } from '../../message.ts'
import { QUOTA_EXCEEDED } from '../../packet/reason.ts'
import type { Asker } from '../admission.ts'
import type { NotAdmitted } from '../not-admitted.ts'
import type { Broker } from '../broker.ts'
import { OF_NOBODY, ownerOf, type User } from '../holdings.ts'
import { type BytesLimit, refused, roomFault } from './staging.ts'
import { settlementBytes, stagedBytes, Transaction, TRANSACTION_BYTES } from './transaction.ts'
import type { TransactionId } from './transaction-topic.ts'

/** The client that asks, whose id is never null. */
export type Client = Asker & { readonly clientId: string }

export class OpenTransactions {
  readonly #broker: Broker
  readonly #overdue: (transaction: Transaction) => void
  /** A client that had one keeps its map until it leaves: most that had one have another. */
  readonly #byClient = new Map<string, Map<string, Transaction>>()
  /** The one that was found last: the PUBLISH packets of a transaction come one after the other. */
  #last: Transaction | null = null
  // The map of the client that was asked for last.
  #lastClientId = ''
  #lastOwn: Map<string, Transaction> | null = null
  #count = 0
  #bytes = 0

  /** `overdue` is called with one that was open for too long. */
  constructor(broker: Broker, overdue: (transaction: Transaction) => void) {
    this.#broker = broker
    this.#overdue = overdue
  }

  get count(): number {
    return this.#count
  }

  /** The bytes of prepared ones count as well. */
  get bytes(): number {
    return this.#bytes + this.#broker.transactions.undecided.bytes
  }

  get all(): readonly Transaction[] {
    return [...this.#byClient.values()].flatMap(own => [...own.values()])
  }

  of(clientId: string): readonly Transaction[] {
    const own = this.#ownOf(clientId)
    return own === null ? [] : [...own.values()]
  }

  #ownOf(clientId: string): Map<string, Transaction> | null {
    if (this.#lastOwn !== null && clientId === this.#lastClientId) return this.#lastOwn
    this.#lastClientId = clientId
    this.#lastOwn = this.#byClient.get(clientId) ?? null
    return this.#lastOwn
  }

  #ownNow(clientId: string): Map<string, Transaction> {
    const own = this.#ownOf(clientId) ?? new Map<string, Transaction>()
    if (this.#lastOwn === null) this.#byClient.set(clientId, own)
    this.#lastOwn = own
    return own
  }

  /** The client has left, and has none. */
  left(clientId: string): void {
    this.#byClient.delete(clientId)
    this.#lastOwn = null
  }

  find(clientId: string, id: TransactionId): Transaction | null {
    const last = this.#last
    if (last !== null && last.id === id && last.clientId === clientId) return last
    const found = this.#ownOf(clientId)?.get(id.text) ?? null
    this.#last = found
    return found
  }

  /** Returns the transaction, which may begin now. */
  begun({ clientId, identity }: Client, id: TransactionId): Transaction | NotAdmitted {
    const known = this.find(clientId, id)
    if (known !== null) return known
    const broker = this.#broker
    const { limits, statistics, memory, deadlines } = broker
    const { undecided } = broker.transactions
    const opened = this.#ownOf(clientId)?.size ?? 0
    const isFull = opened + undecided.countOf(clientId) >= limits.transactionsPerClientMax
    const bytesLimit = this.#bytesLimit(identity, TRANSACTION_BYTES)
    const limit = bytesLimit ?? (isFull ? 'transactionsPerClientMax' : null)
    if (limit !== null) {
      statistics.limited[limit] += 1
      return refused(`no room for another transaction (limits.${limit})`, QUOTA_EXCEEDED)
    }
    const transaction = new Transaction(clientId, identity, id, broker.now, this.#overdue)
    this.#ownNow(clientId).set(id.text, transaction)
    this.#last = transaction
    this.#count += 1
    this.#addBytes(transaction, TRANSACTION_BYTES)
    memory.add('transactions', TRANSACTION_BYTES)
    deadlines.set(transaction, broker.now + limits.transactionSecondsMax * 1_000)
    return transaction
  }

  /** Adds a message. Returns why there is no room for it, or null. */
  addMessage(transaction: Transaction, message: Message): NotAdmitted | null {
    const bytes = stagedBytes(message)
    const fault = this.#roomFault(transaction, bytes, 1)
    if (fault !== null) return fault
    transaction.addMessage(message)
    this.#broker.memory.hold(message)
    this.#addBytes(transaction, bytes)
    return null
  }

  /** Adds what is to be settled. Returns why there is no room for it, or null. */
  addSettlements(transaction: Transaction, ids: readonly string[]): NotAdmitted | null {
    const bytes = settlementsBytes(ids)
    const fault = this.#roomFault(transaction, bytes, ids.length)
    if (fault !== null) return fault
    transaction.addSettlements(ids)
    this.#broker.memory.add('transactions', bytes)
    this.#addBytes(transaction, bytes)
    return null
  }

  end(transaction: Transaction): void {
    if (this.takeOut(transaction)) this.release(transaction)
  }

  /** It is open no more; its memory is counted until `release`. Returns false if it was not open. */
  takeOut(transaction: Transaction): boolean {
    const { clientId, id, bytes } = transaction
    if (this.#ownOf(clientId)?.delete(id.text) !== true) return false
    this.#last = null
    this.#broker.deadlines.clear(transaction)
    this.#count -= 1
    this.#addBytes(transaction, -bytes)
    return true
  }

  release({ messages, settlements }: Transaction): void {
    const { memory } = this.#broker
    for (const message of messages) memory.release(message)
    memory.add('transactions', -TRANSACTION_BYTES - settlementsBytes(settlements))
  }

  #roomFault(transaction: Transaction, bytes: number, size: number): NotAdmitted | null {
    const bytesLimit = this.#bytesLimit(transaction.user, bytes)
    return roomFault(this.#broker, transaction, { bytes, size, bytesLimit })
  }

  /** Returns the limit of several transactions for which there is no room for so many bytes, or null. */
  #bytesLimit(user: User | null, bytes: number): BytesLimit | null {
    const { limits, holdings } = this.#broker
    if (this.bytes + bytes > limits.transactionsBytesMax) return 'transactionsBytesMax'
    const ofUser = user === null ? 0 : holdings.of(user).transactionBytes
    const isOver = ofUser + bytes > limits.transactionsBytesPerUserMax
    return isOver && user !== null && ownerOf(user) !== OF_NOBODY
      ? 'transactionsBytesPerUserMax'
      : null
  }

  #addBytes({ user }: Transaction, bytes: number): void {
    this.#bytes += bytes
    if (user !== null) this.#broker.holdings.add(user, 'transactionBytes', bytes)
  }
}

function settlementsBytes(ids: readonly string[]): number {
  return ids.reduce((sum, id) => sum + settlementBytes(id), 0)
}
