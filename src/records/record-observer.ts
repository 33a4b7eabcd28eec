// Writes down what happens to clients: in their timelines, in the list of bad ends, and who was refused.

import type { ClientFacts, EndedBy, Events, FaultPlace, Observer } from '../broker/observer.ts'
import type { Message } from '../message.ts'
import { DROP_WORDS } from '../observe/drop-words.ts'
import { type ReasonCode, SESSION_TAKEN_OVER, SUCCESS } from '../packet/reason.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { DropReason } from '../session/session-context.ts'
import type { BadEnds } from './bad-ends.ts'
import type { CountedNames } from './counted-names.ts'
import type { RefusedClients } from './refused-clients.ts'
import type { Timelines } from './timelines.ts'

interface RecordBooks {
  readonly timelines: Timelines
  readonly badEnds: BadEnds
  readonly refusedClients: RefusedClients
  /** Those of the present window. */
  readonly drops: CountedNames
  readonly refusals: CountedNames
}

const NEW_SESSION = 'with a new session'
const KEPT_SESSION = 'its session continues'

// Wide on purpose: one method for each event.
export class RecordObserver implements Observer {
  readonly #books: RecordBooks

  constructor(books: RecordBooks) {
    this.#books = books
  }

  connected({ clientId, address }: ClientFacts, sessionPresent: boolean): void {
    const cause = sessionPresent ? KEPT_SESSION : NEW_SESSION
    const { timelines, refusedClients } = this.#books
    timelines.record(clientId, { kind: 'connected', cause, address })
    refusedClients.letIn(clientId)
  }

  disconnected(client: ClientFacts, reason: ReasonCode, sentence: string, by: EndedBy): void {
    const { clientId, address } = client
    this.#books.timelines.record(clientId, {
      kind: 'disconnected',
      by,
      reasonCode: reason,
      cause: by === 'client' && reason === SUCCESS ? null : sentence,
      address,
    })
  }

  /** A client that was never let in gets no timeline: strangers with ever new client ids would drive out those of others. */
  refused(client: ClientFacts, reason: ReasonCode, sentence: string): void {
    const { timelines, badEnds, refusedClients, refusals } = this.#books
    const { clientId, address } = client
    refusedClients.add(client, reason, sentence)
    badEnds.add('refused', clientId, null, sentence)
    refusals.add(clientId === '' ? address : clientId)
    if (!timelines.has(clientId)) return
    const happening = { kind: 'refused', reasonCode: reason, cause: sentence, address } as const
    timelines.record(clientId, happening)
  }

  tookOver(present: ClientFacts, newcomer: ClientFacts): void {
    this.#books.timelines.record(present.clientId, {
      kind: 'takeover',
      by: 'takeover',
      reasonCode: SESSION_TAKEN_OVER,
      topic: newcomer.address,
      address: present.address,
    })
  }

  contested({ clientId, address }: ClientFacts, newcomer: ClientFacts): void {
    this.#books.timelines.record(clientId, {
      kind: 'contested',
      cause: 'limits.takeoversPerMinuteMax',
      topic: newcomer.address,
      address,
    })
  }

  sessionExpired(clientId: string): void {
    this.#books.timelines.record(clientId, { kind: 'session-expired' })
  }

  subscribed(clientId: string, { filter }: Subscription): void {
    this.#books.timelines.record(clientId, { kind: 'subscribed', topic: filter })
  }

  unsubscribed(clientId: string, filter: string): void {
    this.#books.timelines.record(clientId, { kind: 'unsubscribed', topic: filter })
  }

  subscribeRefused(
    ...[clientId, filter, reasonCode, sentence, rule]: Events['subscribeRefused']
  ): void {
    const cause = withRule(sentence, rule)
    const { timelines, badEnds, refusals } = this.#books
    timelines.record(clientId, { kind: 'subscribe-refused', reasonCode, cause, topic: filter })
    badEnds.add('subscribe-refused', clientId, filter, cause)
    refusals.add(clientId)
  }

  unsubscribeRefused(
    ...[clientId, filter, reasonCode, sentence, rule]: Events['unsubscribeRefused']
  ): void {
    const cause = withRule(sentence, rule)
    const happening = { kind: 'unsubscribe-refused', reasonCode, cause, topic: filter } as const
    this.#books.timelines.record(clientId, happening)
  }

  subscriptionRevoked(clientId: string, filter: string, rule: string): void {
    const happening = { kind: 'subscription-revoked', cause: rule, topic: filter } as const
    this.#books.timelines.record(clientId, happening)
  }

  publishRefused(...[clientId, topic, reasonCode, sentence, rule]: Events['publishRefused']): void {
    const cause = withRule(sentence, rule)
    const { timelines, badEnds, refusals } = this.#books
    timelines.record(clientId, { kind: 'publish-refused', reasonCode, cause, topic })
    badEnds.add('publish-refused', clientId, topic, cause)
    refusals.add(clientId)
  }

  publishHeld(...[clientId, topic, sentence, rule]: Events['publishHeld']): void {
    const cause = withRule(sentence, rule)
    this.#books.timelines.record(clientId, { kind: 'publish-held', cause, topic })
  }

  slowed(clientId: string, limit: string): void {
    this.#books.timelines.record(clientId, { kind: 'slowed', cause: `limits.${limit}` })
  }

  willPublished(clientId: string, topic: string): void {
    this.#books.timelines.record(clientId, { kind: 'will-published', topic })
  }

  failed(place: FaultPlace, _error: unknown, clientId: string | null): void {
    if (clientId === null || clientId === '') return
    this.#books.timelines.record(clientId, { kind: 'fault', cause: place })
  }

  dropped(reason: DropReason, { topic }: Message, clientId: string | null): void {
    const { timelines, badEnds, drops } = this.#books
    if (clientId !== null) timelines.dropped(clientId, reason, topic)
    if (!DROP_WORDS[reason].isWarned && reason !== 'message-expired') return
    badEnds.add('dropped', clientId, topic, reason)
    if (clientId !== null) drops.add(clientId)
  }
}

function withRule(sentence: string, rule: string | null): string {
  return rule === null ? sentence : `${sentence} (${rule})`
}
