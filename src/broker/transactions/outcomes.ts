// Tells a client on `$tx/outcome` what became of its transactions. That is its own subscription: nothing is routed.

import { makeMessage } from '../../message.ts'
import { NO_PROPERTIES } from '../../packet/packet.ts'
import { type ReasonCode, SUCCESS } from '../../packet/reason.ts'
import type { Broker } from '../broker.ts'
import { TO_ONE } from '../publishing.ts'
import { OUTCOME } from './transaction-topic.ts'

type Outcome = 'committed' | 'aborted' | 'refused' | 'prepared'

/** Tells the client, if it has subscribed, in the commit that is recorded now. */
export function tellOutcome(
  broker: Broker,
  clientId: string,
  id: string,
  outcome: Outcome,
  reason: ReasonCode = SUCCESS,
  sentence = '',
): void {
  if (broker.sessions.get(clientId)?.subscriptions.has(OUTCOME) !== true) return
  answerOwn(broker, clientId, OUTCOME, JSON.stringify({ id, outcome, reason, sentence }))
}

/** Sends a message of the broker to the subscription of one client to this topic of `$tx`. */
export function answerOwn(broker: Broker, clientId: string, topic: string, text: string): void {
  const session = broker.sessions.get(clientId)
  const subscription = session?.subscriptions.get(topic)
  if (session === undefined || subscription === undefined) return
  const said = {
    payload: Buffer.from(text),
    qos: 1,
    retain: false,
    properties: NO_PROPERTIES,
  } as const
  const { qos, retainAsPublished, identifier } = subscription
  const identifiers = identifier === 0 ? [] : [identifier]
  const options = { ...TO_ONE, qos, retainAsPublished, identifiers }
  broker.publishing.publishTo(session, makeMessage(said, topic, null, broker), options)
}
