// What must hold of the transactions of one world: all or none for every reader, decided once, nobody sees what a crash can take back.

import type { History } from './history.ts'

/** `unknown`: no answer has said whether it was committed. */
type Fate = 'unknown' | 'committed' | 'none'

export class SimTransaction {
  readonly id: string
  readonly count: number
  readonly beganAt: number
  fate: Fate = 'unknown'

  constructor(id: string, count: number, beganAt: number) {
    this.id = id
    this.count = count
    this.beganAt = beganAt
  }
}

/** What one reader has received, in the order of first receipts. */
export interface ReaderRecord {
  readonly clientId: string
  /** Null for a reader at QoS 0, which is owed nothing. */
  grantedAt: number | null
  readonly received: { readonly id: string; readonly index: number }[]
}

export class TransactionOracle {
  readonly #history: History
  readonly #transactions = new Map<string, SimTransaction>()
  readonly #readers: ReaderRecord[] = []

  constructor(history: History) {
    this.#history = history
  }

  get committed(): number {
    return [...this.#transactions.values()].filter(({ fate }) => fate === 'committed').length
  }

  begins(id: string, count: number, moment: number): SimTransaction {
    const transaction = new SimTransaction(id, count, moment)
    this.#transactions.set(id, transaction)
    return transaction
  }

  reader(clientId: string): ReaderRecord {
    const record: ReaderRecord = { clientId, grantedAt: null, received: [] }
    this.#readers.push(record)
    return record
  }

  /** `isExact`: at QoS 2 nothing comes again. */
  received(reader: ReaderRecord, payload: string, isExact: boolean): void {
    const [id = '', index = ''] = payload.split('|')
    if (!this.#transactions.has(id)) this.violation(`${reader.clientId} received ${payload}`)
    const isKnown = reader.received.some(each => each.id === id && each.index === Number(index))
    if (!isKnown) reader.received.push({ id, index: Number(index) })
    else if (isExact) this.violation(`${reader.clientId} received ${payload} twice`)
  }

  judge(): void {
    for (const transaction of this.#transactions.values()) this.#judge(transaction)
    for (const reader of this.#readers) this.#judgeOrder(reader)
  }

  violation(sentence: string): void {
    this.#history.violation('transaction', sentence)
  }

  #judge(transaction: SimTransaction): void {
    const { id, count, beganAt, fate } = transaction
    const isSeen = this.#readers.some(({ received }) => received.some(each => each.id === id))
    if (fate === 'none' && isSeen) this.violation(`${id} was not committed, and somebody saw it`)
    for (const { clientId, grantedAt, received } of this.#readers) {
      if (grantedAt === null || grantedAt >= beganAt) continue
      if (this.#history.wasDropped(clientId, { id })) continue
      const got = received.filter(each => each.id === id).length
      if (got === count || (got === 0 && fate !== 'committed' && !isSeen)) continue
      const whole = fate === 'committed' ? ', which is committed' : ''
      this.violation(`${clientId} received ${got} of ${count} messages of ${id}${whole}`)
    }
  }

  /** The messages of a transaction come in their order, with none of another between. */
  #judgeOrder({ clientId, grantedAt, received }: ReaderRecord): void {
    if (grantedAt === null) return
    const over = new Set<string>()
    for (const [place, { id, index }] of received.entries()) {
      if (this.#history.wasDropped(clientId, { id })) continue
      const before = received[place - 1]
      const isNext = before?.id === id ? index === before.index + 1 : index === 1 && !over.has(id)
      if (!isNext) this.violation(`${clientId} received ${id}|${index} out of order`)
      if (before !== undefined && before.id !== id) over.add(before.id)
    }
  }
}
