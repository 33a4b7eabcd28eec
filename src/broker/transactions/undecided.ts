// Prepared transactions, which wait for the decision of their client or of an operator. They outlive connections and the broker, and
// their commit cannot be refused.

import { contentBytes, type Message, MESSAGE_BYTES, published, renumber } from '../../message.ts'
import type { CommitId } from '../../store/journal.ts'
import type { StoredDecision } from '../../store/store.ts'
import type { Broker } from '../broker.ts'
import type { Deadline } from '../deadlines.ts'
import type { User } from '../holdings.ts'
import { type Decided, keepOutcome, publishAll } from './applying.ts'
import type { HeldMessage } from './held-messages.ts'
import { answerOwn } from './outcomes.ts'
import { Reservation } from './reservation.ts'
import { type Transaction, TRANSACTION_BYTES } from './transaction.ts'
import { idIn, type TransactionId, UNDECIDED } from './transaction-topic.ts'

// Wide on purpose: its fields are what is stored of it, and when its client is asked.
class Prepared implements Decided, Deadline {
  place: Deadline['place'] = undefined
  readonly clientId: string
  readonly id: TransactionId
  readonly count: number
  readonly checksum: number
  /** When it was prepared, in milliseconds. */
  readonly at: number
  readonly messages: readonly Message[]
  /** What it settles; null after a restart, when its queues know it. */
  readonly held: readonly HeldMessage[] | null
  readonly bytes: number
  /** When its client is asked next, and how long after the last time. */
  askAt = 0
  askAfterMs = 0
  room: Reservation | null = null
  /** Whose bytes it counts for; null if that is not known any more. */
  user: User | null = null
  readonly #due: (prepared: Prepared) => void

  constructor(
    { clientId, id, count, checksum }: Decided,
    at: number,
    messages: readonly Message[],
    held: readonly HeldMessage[] | null,
    due: (prepared: Prepared) => void,
  ) {
    this.clientId = clientId
    this.id = id
    this.count = count
    this.checksum = checksum
    this.at = at
    this.messages = messages
    this.held = held
    this.bytes = messages.reduce(
      (sum, message) => sum + MESSAGE_BYTES + contentBytes(message),
      TRANSACTION_BYTES,
    )
    this.#due = due
  }

  expired(): void {
    this.#due(this)
  }
}

export class Undecided {
  readonly #broker: Broker
  readonly #byClient = new Map<string, Map<string, Prepared>>()
  /** Messages from the store, by the keys of their transactions, which come later. */
  readonly #restored = new Map<string, Message[]>()
  #count = 0
  #bytes = 0

  constructor(broker: Broker) {
    this.#broker = broker
  }

  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#bytes
  }

  get all(): readonly Prepared[] {
    return [...this.#byClient.values()].flatMap(own => [...own.values()])
  }

  countOf(clientId: string): number {
    return this.#byClient.get(clientId)?.size ?? 0
  }

  find(clientId: string, id: TransactionId): Prepared | null {
    return this.#byClient.get(clientId)?.get(id.text) ?? null
  }

  /** The messages of all that the client has prepared. */
  messagesOf(clientId: string): readonly Message[] {
    const own = this.#byClient.get(clientId)
    return own === undefined ? [] : [...own.values()].flatMap(({ messages }) => messages)
  }

  /** When it is aborted, in milliseconds. */
  decideBy({ at }: Prepared): number {
    return at + this.#broker.limits.transactionDecideWithinSeconds * 1_000
  }

  /** How many messages of named queues it has locked. */
  settles(prepared: Prepared): number {
    return this.#heldBy(prepared).length
  }

  /** Stores a transaction that could be committed now. `room`: what is reserved for it. */
  prepare(transaction: Transaction, room: Reservation): CommitId {
    const broker = this.#broker
    const { clientId, id, settlements, messages, since } = transaction
    const held = settlements.flatMap(each => broker.heldMessages.find(clientId, each) ?? [])
    for (const message of messages) renumber(message, since, broker)
    const prepared = new Prepared(transaction, broker.now, messages, held, each => this.#due(each))
    prepared.room = room
    prepared.user = transaction.user
    return broker.withinTransaction(() => {
      for (const message of messages) {
        const { sequence } = message
        broker.journal.record({ kind: 'message-stored', message })
        const key = keyOf(clientId, id.text)
        broker.journal.record({ kind: 'held', sequence, due: Infinity, key })
      }
      for (const each of held) each.lock(id.text)
      keepOutcome(broker, prepared, 'prepared')
      this.#keep(prepared)
    })
  }

  commit(prepared: Prepared): CommitId {
    const broker = this.#broker
    broker.statistics.transactionsCommitted += 1
    return broker.withinTransaction(() => {
      this.#release(prepared)
      publishAll(broker, freshCopies(broker, prepared))
      for (const each of this.#heldBy(prepared)) each.settle()
      keepOutcome(broker, prepared, 'committed')
    })
  }

  abort(prepared: Prepared): CommitId {
    const broker = this.#broker
    broker.statistics.transactionsAborted += 1
    return broker.withinTransaction(() => {
      this.#release(prepared)
      for (const each of this.#heldBy(prepared)) each.giveBack()
      keepOutcome(broker, prepared, 'aborted')
    })
  }

  /** The client is to be told in the next turn what it has to decide: it has connected, or subscribed. */
  askSoon(clientId: string): void {
    for (const prepared of this.#byClient.get(clientId)?.values() ?? []) {
      prepared.askAt = this.#broker.now
      this.#schedule(prepared)
    }
  }

  /** Restores a message from the store. */
  restoreMessage(message: Message, key: string): void {
    const messages = this.#restored.get(key)
    if (messages === undefined) this.#restored.set(key, [message])
    else messages.push(message)
  }

  /** Restores transactions from the store, after their messages and the queues. */
  restore(decisions: readonly StoredDecision[]): void {
    for (const { clientId, name, number, count, checksum, outcome, at } of decisions) {
      const id = idIn(`${name}.${number}`)
      if (outcome !== 'prepared' || id === null) continue
      const messages = this.#restored.get(keyOf(clientId, id.text)) ?? []
      messages.sort((one, other) => one.sequence - other.sequence)
      const decided = { clientId, id, count, checksum }
      const prepared = new Prepared(decided, at, messages, null, each => this.#due(each))
      prepared.room = new Reservation(this.#broker, messages)
      prepared.user = this.#broker.sessions.get(clientId)?.rights.identity ?? null
      this.#keep(prepared)
    }
    this.#restored.clear()
  }

  #keep(prepared: Prepared): void {
    const { clientId, id, messages, bytes } = prepared
    const { memory, limits } = this.#broker
    const own = this.#byClient.get(clientId) ?? new Map<string, Prepared>()
    own.set(id.text, prepared)
    this.#byClient.set(clientId, own)
    this.#count += 1
    this.#addBytes(prepared, bytes)
    for (const message of messages) memory.hold(message)
    memory.add('transactions', TRANSACTION_BYTES)
    prepared.askAfterMs = limits.transactionAskAfterSeconds * 1_000
    prepared.askAt = this.#broker.now + prepared.askAfterMs
    this.#schedule(prepared)
  }

  #release(prepared: Prepared): void {
    const { clientId, id, messages, bytes, room } = prepared
    const { memory, journal, deadlines } = this.#broker
    const own = this.#byClient.get(clientId)
    own?.delete(id.text)
    if (own?.size === 0) this.#byClient.delete(clientId)
    deadlines.clear(prepared)
    room?.release()
    this.#count -= 1
    this.#addBytes(prepared, -bytes)
    memory.add('transactions', -TRANSACTION_BYTES)
    for (const message of messages) {
      memory.release(message)
      journal.record({ kind: 'released', sequence: message.sequence })
    }
  }

  #addBytes({ user }: Prepared, bytes: number): void {
    this.#bytes += bytes
    if (user !== null) this.#broker.holdings.add(user, 'transactionBytes', bytes)
  }

  #heldBy({ held, clientId, id }: Prepared): readonly HeldMessage[] {
    return held ?? this.#broker.heldMessages.lockedBy(clientId, id.text)
  }

  #due(prepared: Prepared): void {
    const broker = this.#broker
    const { clientId, id } = prepared
    if (broker.now >= this.decideBy(prepared)) {
      broker.statistics.limited.transactionDecideWithinSeconds += 1
      this.abort(prepared)
      const { transactionDecideWithinSeconds: seconds } = broker.limits
      broker.observer.transactionUndecided?.(clientId, id.text, seconds)
      return
    }
    // Who is away is asked when it comes back.
    const link = broker.sessions.get(clientId)?.link ?? null
    if (link !== null) answerOwn(broker, clientId, UNDECIDED, JSON.stringify([id.text]))
    prepared.askAt = broker.now + prepared.askAfterMs
    prepared.askAfterMs *= 2
    this.#schedule(prepared)
  }

  #schedule(prepared: Prepared): void {
    const at = Math.min(prepared.askAt, this.decideBy(prepared))
    this.#broker.deadlines.set(prepared, at)
  }
}

/** The store knows its messages by their old numbers. */
function freshCopies(broker: Broker, { messages, at }: Prepared): readonly Message[] {
  return messages.map(message => {
    const expiresAt = message.expiresAt + broker.now - at
    return { ...published(message, broker), expiresAt }
  })
}

/** Of its messages in the store. No text of MQTT has U+0000 [MQTT-1.5.4-2]. */
function keyOf(clientId: string, id: string): string {
  return `${clientId}\0${id}`
}
