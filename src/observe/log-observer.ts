// One log line for each thing that happens to a client: who, from where, and why.

import type { ClientFacts, Observer } from '../broker/observer.ts'
import { reasonName, type ReasonCode } from '../packet/reason.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { Log } from './log.ts'

/** So much of a filter tells which one it was. */
const FILTER_CHARACTERS_MAX = 256

const VERSION_NAMES = { 3: '3.1', 4: '3.1.1', 5: '5.0' } as const

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

  subscribeRefused(clientId: string, filter: string, reason: ReasonCode, sentence: string): void {
    this.#log.warn(
      {
        event: 'subscribe.refused',
        clientId,
        filter: filter.slice(0, FILTER_CHARACTERS_MAX),
        ...wordsOf(reason, sentence),
      },
      'subscribe refused',
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
