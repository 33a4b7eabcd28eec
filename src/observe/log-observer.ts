// One log line for each thing that happens to a client: who, from where, and why.

import type { ClientFacts, Events, FaultPlace, Observer } from '../broker/observer.ts'
import { type Message, traceparentOf } from '../message.ts'
import { reasonName, type ReasonCode } from '../packet/reason.ts'
import { shortened } from '../packet/text.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { DropReason } from '../session/session-context.ts'
import type { GroupOwner } from '../store/change.ts'
import { causeOf } from './cause.ts'
import { DROP_WORDS, GROUP_QUEUE_KEY } from './drop-words.ts'
import type { LogFields } from './log.ts'
import type { RatedLog } from './rated-log.ts'

const VERSION_NAMES = { 3: '3.1', 4: '3.1.1', 5: '5.0' } as const

/** The most lines of a stack. */
const FAULT_BYTES_MAX = 4_096

/** The rule by which the client may not receive the topic, or null where no rules decide. */
type ReceiveRule = (clientId: string, topic: string) => string | null

/** What to type so that a refused client is let in, or null. */
type Hint = (client: ClientFacts, reason: ReasonCode) => string | null

interface LogObserverOptions {
  readonly receiveRule?: ReceiveRule
  readonly hint?: Hint
}

export class LogObserver implements Observer {
  readonly #log: RatedLog
  readonly #receiveRule: ReceiveRule
  readonly #hint: Hint
  /** The message whose drop is reported at the moment. */
  #dropped: Message | null = null

  constructor(log: RatedLog, options: LogObserverOptions = {}) {
    this.#log = log
    this.#receiveRule = options.receiveRule ?? (() => null)
    this.#hint = options.hint ?? (() => null)
  }

  connected(client: ClientFacts, sessionPresent: boolean): void {
    if (!this.#log.isLevelEnabled('info')) return
    const fields = { event: 'client.connected', ...fieldsOf(client), sessionPresent }
    this.#log.info(fields, 'connected')
  }

  contested(present: ClientFacts, newcomer: ClientFacts, takeovers: number): void {
    this.#log.warn(
      {
        event: 'client.contested',
        clientId: present.clientId,
        addresses: [present.address, newcomer.address],
        usernames: [present.username, newcomer.username],
        takeovers,
        cause: 'each connection ends the one before it',
        limit: 'limits.takeoversPerMinuteMax',
      },
      'two devices use this client id?',
    )
  }

  connectsWait(): void {
    this.#log.warn(
      {
        event: 'connects.wait',
        cause: 'more CONNECT packets come than the rate lets in',
        limit: 'limits.connectsPerSecondMax',
      },
      'CONNECT packets wait',
    )
  }

  transactionUndecided(clientId: string, transaction: string, seconds: number): void {
    this.#log.warn(
      {
        event: 'transaction.undecided',
        clientId,
        transaction,
        cause: `nobody decided it within ${seconds} seconds`,
        limit: 'limits.transactionDecideWithinSeconds',
      },
      'a prepared transaction is aborted',
    )
  }

  disconnected(client: ClientFacts, reason: ReasonCode, sentence: string): void {
    if (!this.#log.isLevelEnabled('info')) return
    this.#log.info(
      { event: 'client.disconnected', ...fieldsOf(client), ...wordsOf(reason, sentence) },
      'disconnected',
    )
  }

  refused(client: ClientFacts, reason: ReasonCode, sentence: string): void {
    const words = wordsOf(reason, sentence)
    const hint = this.#hint(client, reason)
    this.#log.warn(
      {
        event: 'client.refused',
        ...fieldsOf(client),
        ...words,
        ...(hint === null ? {} : { hint }),
      },
      'refused',
    )
  }

  subscribed(clientId: string, subscription: Subscription): void {
    if (!this.#log.isLevelEnabled('debug')) return
    const { filter, qos } = subscription
    this.#log.debug({ event: 'client.subscribed', clientId, filter, qos }, 'subscribed')
  }

  subscribeRefused(
    ...[clientId, filter, reason, sentence, rule]: Events['subscribeRefused']
  ): void {
    this.#log.warn(
      { event: 'subscribe.refused', clientId, filter, ...wordsOf(reason, sentence), ...by(rule) },
      'subscribe refused',
    )
  }

  unsubscribeRefused(
    ...[clientId, filter, reason, sentence, rule]: Events['unsubscribeRefused']
  ): void {
    this.#log.warn(
      { event: 'unsubscribe.refused', clientId, filter, ...wordsOf(reason, sentence), ...by(rule) },
      'unsubscribe refused: the subscription stays',
    )
  }

  subscriptionRevoked(clientId: string, filter: string, rule: string): void {
    this.#log.warn(
      { event: 'subscription.revoked', clientId, filter, rule },
      'a subscription that is not allowed any more was removed',
    )
  }

  unsubscribed(clientId: string, filter: string): void {
    if (!this.#log.isLevelEnabled('debug')) return
    this.#log.debug({ event: 'client.unsubscribed', clientId, filter }, 'unsubscribed')
  }

  memberDrained({ shareName, topicFilter }: GroupOwner, clientId: string): void {
    this.#log.info(
      { event: 'group.drained', clientId, group: `$share/${shareName}/${topicFilter}` },
      'a member that was drained has settled all that it had',
    )
  }

  /** One line a minute for each queue and reason, and then how many more there were. */
  deadLetter(queue: string, reason: string): void {
    this.#log.warnOnce(queue, reason, deadLetterLine)
  }

  failed(place: FaultPlace, error: unknown, clientId: string | null): void {
    const cause = causeOf(error)
    const sentence =
      place === 'connection'
        ? 'a fault of the broker itself: the connection ends'
        : 'what the broker was given has thrown'
    this.#log.error(
      { event: 'fault.contained', place, clientId, cause: shortened(cause, FAULT_BYTES_MAX) },
      sentence,
    )
  }

  publishRefused(
    ...[clientId, topic, reason, sentence, rule, traceparent]: Events['publishRefused']
  ): void {
    const words = { ...wordsOf(reason, sentence), ...by(rule), ...inTrace(traceparent) }
    this.#log.warn({ event: 'publish.refused', clientId, topic, ...words }, 'publish refused')
  }

  publishHeld(...[clientId, topic, sentence, rule]: Events['publishHeld']): void {
    this.#log.warn(
      { event: 'publish.held', clientId, topic, cause: sentence, ...by(rule) },
      'publish waits for room',
    )
  }

  /** One line a minute for each client. */
  slowed(clientId: string, limit: string): void {
    this.#log.warnOnce(clientId, limit, slowedLine)
  }

  /** One line a minute for each client and reason, and then how many more there were. */
  dropped(reason: DropReason, message: Message, clientId: string | null): void {
    if (!DROP_WORDS[reason].isWarned) return
    this.#dropped = message
    this.#log.warnOnce(clientId ?? '', reason, this.#dropLine)
    this.#dropped = null
  }

  /** Rule and trace are looked up for a line that is printed, and not for each message. */
  readonly #dropLine = (clientId: string, reason: DropReason): DropLine => {
    const { fields, sentence } = dropLine(clientId, reason)
    const message = this.#dropped
    if (message === null) return { fields, sentence }
    const { topic } = message
    const withheld =
      reason === 'no-right-to-receive' ? { topic, ...by(this.#receiveRule(clientId, topic)) } : {}
    const trace = inTrace(traceparentOf(message.properties))
    return { fields: { ...fields, ...withheld, ...trace }, sentence }
  }
}

function slowedLine(clientId: string, limit: string): DropLine {
  const fields = { event: 'client.slowed', clientId, limit: `limits.${limit}` }
  const isOfUser = limit.endsWith('PerUserMax')
  if (limit.startsWith('outgoing')) {
    const cause = isOfUser
      ? 'messages for all clients of its user come faster than their rate allows'
      : 'messages for it come faster than its rate allows'
    return { fields: { ...fields, cause }, sentence: 'sent more slowly' }
  }
  const cause = isOfUser
    ? 'the clients of its user together send faster than they may'
    : 'it sends faster than it may'
  return { fields: { ...fields, cause }, sentence: 'read more slowly' }
}

function inTrace(traceparent: string | null): { readonly traceparent?: string } {
  return traceparent === null ? {} : { traceparent }
}

interface DropLine {
  readonly fields: LogFields
  readonly sentence: string
}

/** A missing client id means share groups, which have separate bounds. */
function dropLine(clientId: string, reason: DropReason): DropLine {
  const { cause, key } = DROP_WORDS[reason]
  const limit = clientId === '' && key !== null ? GROUP_QUEUE_KEY : key
  const who = clientId === '' ? {} : { clientId }
  const fields = {
    event: 'message.dropped',
    ...who,
    reason,
    cause,
    ...(limit !== null && { limit }),
  }
  return { fields, sentence: 'message dropped' }
}

function fieldsOf(client: ClientFacts): Record<string, unknown> {
  const { clientId, username, address, transport, version } = client
  const where = { address, transport }
  // If CONNECT could not be read, nothing is known about the client, so these fields are left out.
  return version === null
    ? where
    : { clientId, username, ...where, protocol: VERSION_NAMES[version] }
}

/** The rule that decided, where rules did. */
function by(rule: string | null): { readonly rule?: string } {
  return rule === null ? {} : { rule }
}

function wordsOf(reason: ReasonCode, sentence: string): Record<string, unknown> {
  return { reasonCode: reason, reason: reasonName(reason), cause: sentence }
}

function deadLetterLine(queue: string, reason: string): ReturnType<typeof slowedLine> {
  return {
    fields: { event: 'queue.dead-letter', queue, reason },
    sentence: 'a message of a named queue has become a dead letter',
  }
}
