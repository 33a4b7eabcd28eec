// Publishes the messages of a transaction, and keeps what became of it: both within one commit.

import { WORK } from '../../limits.ts'
import type { Message } from '../../message.ts'
import type { DecisionOutcome } from '../../store/store.ts'
import type { Broker } from '../broker.ts'
import { tellOutcome } from './outcomes.ts'
import type { TransactionId } from './transaction-topic.ts'

export interface Decided {
  readonly clientId: string
  readonly id: TransactionId
  readonly count: number
  readonly checksum: number
}

/** Publishes messages that have just got their numbers. */
export function publishAll(broker: Broker, messages: readonly Message[]): void {
  for (const message of messages) {
    const receivers = broker.publishing.acceptStaged(message)
    broker.turnWorkLeft -= WORK.message + receivers * WORK.delivery
  }
}

/** Keeps the outcome, and tells it to the client. */
export function keepOutcome(broker: Broker, decided: Decided, outcome: DecisionOutcome): void {
  broker.transactions.decisions.set(decided, outcome)
  tellOutcome(broker, decided.clientId, decided.id.text, outcome)
}
