// Explains which messages to a topic are in transactions: nobody gets them before the commit.

import type { Broker } from '../broker/broker.ts'
import type { Message } from '../message.ts'
import type { DeliveryQuestion } from './explain-delivery.ts'
import { now, type Step } from './explanation.ts'

interface Holder {
  readonly clientId: string
  readonly id: { readonly text: string }
  readonly messages: readonly Message[]
}

/** Of each kind, the oldest. */
const TRANSACTIONS_MAX = 4

export function transactionSteps(question: DeliveryQuestion, broker: Broker): readonly Step[] {
  const { undecided, open } = broker.transactions
  const prepared = holding(question, undecided.all).map(({ clientId, id }) => {
    const until = 'nobody gets it before its client or an operator commits it'
    const cause = `one is in the prepared transaction ${id.text}: ${until}`
    return now('warning', clientId, cause, 'pondhawk transactions list, then commit or abort')
  })
  const staged = holding(question, open.all).map(({ clientId, id }) => {
    const cause = `one is staged in the transaction ${id.text}: nobody gets it before its commit`
    return now('warning', clientId, cause, 'its client must commit it')
  })
  return [...prepared, ...staged]
}

function holding<Each extends Holder>(
  { topic, publisher }: DeliveryQuestion,
  all: readonly Each[],
): readonly Each[] {
  const asked = publisher === null ? all : all.filter(({ clientId }) => clientId === publisher)
  return asked
    .filter(({ messages }) => messages.some(message => message.topic === topic))
    .slice(0, TRANSACTIONS_MAX)
}
