// One log line for each thing that happens to a client: who, from where, and why.

import type { ClientFacts, FaultPlace, Observer } from '../broker/observer.ts'
import { reasonName, type ReasonCode } from '../packet/reason.ts'
import type { Subscription } from '../routing/subscription.ts'
import { shortened } from '../packet/text.ts'
import type { Log } from './log.ts'

const VERSION_NAMES = { 3: '3.1', 4: '3.1.1', 5: '5.0' } as const

/** Of where it was thrown. */
const FAULT_BYTES_MAX = 4_096

export class LogObserver implements Observer {
  readonly #log: Log

  constructor(log: Log) {
    this.#log = log
  }

  connected(client: ClientFacts, sessionPresent: boolean): void {
    this.#log.info({ event: 'client.connected', ...fieldsOf(client), sessionPresent }, 'connected')
  }

  disconnected(client: ClientFacts, reason: ReasonCode, sentence: string): void {
    this.#log.info(
      { event: 'client.disconnected', ...fieldsOf(client), ...wordsOf(reason, sentence) },
      'disconnected',
    )
  }

  refused(client: ClientFacts, reason: ReasonCode, sentence: string): void {
    this.#log.warn(
      { event: 'client.refused', ...fieldsOf(client), ...wordsOf(reason, sentence) },
      'refused',
    )
  }

  subscribed(clientId: string, subscription: Subscription): void {
    const { filter, qos } = subscription
    this.#log.debug({ event: 'client.subscribed', clientId, filter, qos }, 'subscribed')
  }

  unsubscribed(clientId: string, filter: string): void {
    this.#log.debug({ event: 'client.unsubscribed', clientId, filter }, 'unsubscribed')
  }

  failed(place: FaultPlace, error: unknown, clientId: string | null): void {
    const cause = error instanceof Error ? (error.stack ?? error.message) : String(error)
    const sentence =
      place === 'connection'
        ? 'a fault of the broker itself: the connection ends'
        : 'what the broker was given has thrown'
    this.#log.error(
      { event: 'fault.contained', place, clientId, cause: shortened(cause, FAULT_BYTES_MAX) },
      sentence,
    )
  }

  publishRefused(clientId: string, topic: string, reason: ReasonCode, sentence: string): void {
    this.#log.warn(
      { event: 'publish.refused', clientId, topic, ...wordsOf(reason, sentence) },
      'publish refused',
    )
  }
}

function fieldsOf(client: ClientFacts): Record<string, unknown> {
  const { clientId, username, address, transport, version } = client
  return { clientId, username, address, transport, protocol: VERSION_NAMES[version] }
}

function wordsOf(reason: ReasonCode, sentence: string): Record<string, unknown> {
  return { reasonCode: reason, reason: reasonName(reason), cause: sentence }
}
