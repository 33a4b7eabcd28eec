// One transaction of one client: what it has staged, until it is committed, aborted or forgotten.

import { compactBytes, contentBytes, type Message, MESSAGE_BYTES } from '../../message.ts'
import type { NotAdmitted } from '../not-admitted.ts'
import type { Deadline } from '../deadlines.ts'
import type { User } from '../holdings.ts'
import { ContentChecksum } from './content-checksum.ts'
import type { TransactionId } from './transaction-topic.ts'

/** The objects of one, with its entries in maps and in the heap of deadlines. */
export const TRANSACTION_BYTES = 512
const DELIVERY_ID_BYTES = 64
const DOLLAR = 0x24

// Wide on purpose: its fields are what it has staged, and what of that is counted.
export class Transaction implements Deadline {
  place: Deadline['place'] = undefined
  readonly clientId: string
  readonly id: TransactionId
  /** Whose bytes it counts for. */
  readonly user: User | null
  /** When it began, in milliseconds: the expiry of its messages counts from their publication. */
  readonly since: number
  readonly messages: Message[] = []
  /** The delivery ids of what is to be settled. */
  readonly settlements: string[] = []
  /** The PUBLISH packets that were staged. */
  count = 0
  bytes = TRANSACTION_BYTES
  /** Whether nothing but a right is asked of its messages: they are of QoS 1, not retained, and to plain topics. */
  isPlain = true
  /** Why it cannot be committed any more: the first PUBLISH that was not staged. */
  culprit: NotAdmitted | null = null
  readonly #checksum = new ContentChecksum()
  readonly #overdue: (transaction: Transaction) => void

  constructor(
    clientId: string,
    user: User | null,
    id: TransactionId,
    since: number,
    overdue: (transaction: Transaction) => void,
  ) {
    this.clientId = clientId
    this.id = id
    this.user = user
    this.since = since
    this.#overdue = overdue
  }

  /** What it would apply, for the bound on that. */
  get size(): number {
    return this.messages.length + this.settlements.length
  }

  get checksum(): number {
    return this.#checksum.value
  }

  expired(): void {
    this.#overdue(this)
  }

  addMessage(message: Message): void {
    compactBytes(message)
    this.messages.push(message)
    if (message.qos !== 1 || message.retain || message.topic.charCodeAt(0) === DOLLAR) {
      this.isPlain = false
    }
    this.count += 1
    this.bytes += stagedBytes(message)
    this.#checksum.message(message)
  }

  addSettlements(deliveryIds: readonly string[]): void {
    this.count += 1
    for (const deliveryId of deliveryIds) {
      this.settlements.push(deliveryId)
      this.bytes += settlementBytes(deliveryId)
      this.#checksum.text(deliveryId)
    }
  }
}

export function stagedBytes(message: Message): number {
  return MESSAGE_BYTES + contentBytes(message)
}

export function settlementBytes(deliveryId: string): number {
  return DELIVERY_ID_BYTES + 2 * deliveryId.length
}
