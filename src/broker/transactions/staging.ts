// What may be staged, and what may be committed: the same is asked of the messages at both moments, as for a delayed message.

import { UNRESTRICTED } from '../../access/permissions.ts'
import type { Limits } from '../../limits.ts'
import { authoredBy, makeMessage, type Message, type Publishable } from '../../message.ts'
import {
  IMPLEMENTATION_SPECIFIC_ERROR,
  QUOTA_EXCEEDED,
  TOPIC_NAME_INVALID,
} from '../../packet/reason.ts'
import { quoted } from '../../packet/text.ts'
import { isOfQueue } from '../../routing/queue-filter.ts'
import { isReserved } from '../../routing/topic.ts'
import { type Asker } from '../admission.ts'
import { NotAdmitted } from '../not-admitted.ts'
import type { Broker } from '../broker.ts'
import { delayIn, isDelayed } from '../delayed.ts'
import type { Transaction } from './transaction.ts'

const DOLLAR = 0x24
/** So many units of work of expressions count as one delivery. Measured: a unit takes 0.17 µs, a delivery of a commit 3 to 7 µs. */
const WORK_PER_DELIVERY = 5

/** A limit on the bytes of several transactions together. */
export type BytesLimit = 'transactionsBytesMax' | 'transactionsBytesPerUserMax'

/** The delivery ids in one PUBLISH are no longer than this. */
const DELIVERY_ID_LENGTH_MAX = 128

export function refused(
  sentence: string,
  reason: NotAdmitted['reason'] = IMPLEMENTATION_SPECIFIC_ERROR,
): NotAdmitted {
  return new NotAdmitted('refused', reason, sentence)
}

/** Returns the message to be staged, or why it cannot be published. Whether there is room for it is asked when it is committed. */
export function stageable(
  broker: Broker,
  said: Publishable,
  topic: string,
  asker: Asker,
): Message | NotAdmitted {
  const isPlain = topic.charCodeAt(0) !== DOLLAR
  const delay = !isPlain && isDelayed(topic) ? delayIn(topic) : null
  const inner = delay?.topic ?? topic
  const isForQueue = !isPlain && isOfQueue(inner)
  if (inner === '' || (!isPlain && !isForQueue && isReserved(inner))) {
    return refused('a message to this topic cannot be in a transaction', TOPIC_NAME_INVALID)
  }
  const refusal =
    broker.messageIds.faultOf(said.properties) ?? broker.admission.named(said, inner, asker)
  if (refusal !== null) return refusal
  const own = isForQueue ? { ...said, retain: false } : said
  const message = makeMessage(own, topic, asker.clientId, broker)
  if (message.retain || delay !== null) authoredBy(message, asker.identity)
  return message
}

/** Returns the delivery ids, a line each, or why they cannot be read. `transactionMessagesMax` bounds what is read of a payload. */
export function deliveryIdsIn(
  { limits, statistics }: Broker,
  { payload }: Publishable,
): readonly string[] | NotAdmitted {
  const { transactionMessagesMax: most } = limits
  const isLong = payload.length > most * (DELIVERY_ID_LENGTH_MAX + 2)
  // Behind the last one there may be a line end, and nothing more.
  const lines = isLong ? [] : payload.toString().split('\n', most + 2)
  if (isLong || lines.length > most + 1) {
    statistics.limited.transactionMessagesMax += 1
    const sentence = `more lines than may be in a transaction (limits.transactionMessagesMax)`
    return refused(sentence, QUOTA_EXCEEDED)
  }
  const ids = lines.map(line => line.trim()).filter(line => line !== '')
  const isReadable = ids.every(id => id.length <= DELIVERY_ID_LENGTH_MAX)
  if (isReadable && ids.length > 0) return ids
  return refused('the payload of $tx/ID/ack is the delivery ids of messages, a line each')
}

/** Returns why the transaction has no room for more, or null. `bytes` and `size`: what is added; `bytesLimit`: the
 * limit of several transactions that it would reach. */
export function roomFault(
  broker: Broker,
  transaction: Transaction,
  {
    bytes,
    size,
    bytesLimit,
  }: { readonly bytes: number; readonly size: number; readonly bytesLimit: BytesLimit | null },
): NotAdmitted | null {
  const { limits, memory, statistics } = broker
  const limit =
    limitReached(limits, transaction.size + size, transaction.bytes + bytes) ?? bytesLimit
  if (limit !== null) {
    statistics.limited[limit] += 1
    return refused(`no room for more in the transaction (limits.${limit})`, QUOTA_EXCEEDED)
  }
  if (memory.hasRoom) return null
  memory.refusals += 1
  return refused('the memory for what clients keep is full', QUOTA_EXCEEDED)
}

function limitReached(limits: Limits, size: number, bytes: number) {
  if (size > limits.transactionMessagesMax) return 'transactionMessagesMax'
  return bytes > limits.transactionBytesMax ? 'transactionBytesMax' : null
}

/** Returns why the transaction cannot be committed now, naming the first culprit; null if it can. */
export function commitFault(
  broker: Broker,
  { clientId, isPlain, messages, settlements }: Transaction,
  asker: Asker,
): NotAdmitted | null {
  const { admission, heldMessages } = broker
  if (broker.storeIsFull) {
    return refused('the disk is full, and what is decided must be stored', QUOTA_EXCEEDED)
  }
  // Of such messages nothing has changed since they were staged.
  const isSettled = isPlain && asker.permissions === UNRESTRICTED && !broker.refusesOverflow
  for (const message of isSettled ? [] : messages) {
    const refusal = admission.again(message, asker)
    if (refusal === null) continue
    const { reason, sentence, rule } = refusal
    const which = messages.indexOf(message) + 1
    const named = `message ${which}, to ${quoted(message.topic)}: ${sentence}`
    return new NotAdmitted('refused', reason, named, rule)
  }
  const many =
    (isPlain ? null : togetherFault(broker, clientId, messages)) ??
    deliveriesFault(broker, messages)
  if (many !== null) return many
  if (settlements.length === 0) return null
  const lost = settlements.find(id => heldMessages.find(clientId, id)?.isHeld !== true)
  return lost === undefined
    ? null
    : refused(`this client does not hold the message ${quoted(lost)} any more`)
}

/**
 * Each message was asked alone: here it is asked whether there is room for all that are delayed or retained, with those that the client has
 * prepared.
 */
function togetherFault(
  { delayed, retained, statistics, transactions }: Broker,
  clientId: string,
  messages: readonly Message[],
): NotAdmitted | null {
  if (!messages.some(message => isDelayed(message.topic) || message.retain)) return null
  const all = [...transactions.undecided.messagesOf(clientId), ...messages]
  const later = all.filter(({ topic }) => isDelayed(topic))
  const kept = all.filter(({ topic, retain }) => retain && !isDelayed(topic))
  const limit = delayed.limitForAll(later) ?? retained.limitForAll(kept)
  if (limit === null) return null
  statistics.limited[limit] += 1
  const sentence = `no room for all of its messages that are delayed or retained (limits.${limit})`
  return refused(sentence, QUOTA_EXCEEDED)
}

/** All of it is one step, so what it delivers has a bound, and what it asks of expressions. */
function deliveriesFault(broker: Broker, messages: readonly Message[]): NotAdmitted | null {
  const { subscriptions, limits, publishing, expressions, statistics } = broker
  const { transactionDeliveriesMax: most } = limits
  if (expressions.count === 0 && subscriptions.count * messages.length <= most) return null
  const before = broker.turnWorkLeft
  let deliveries = 0
  for (const message of messages) {
    deliveries += publishing.targetsOf(message).length
    if (deliveries + (before - broker.turnWorkLeft) / WORK_PER_DELIVERY <= most) continue
    statistics.limited.transactionDeliveriesMax += 1
    const sentence = `it would make over ${most} deliveries, with the work of expressions (limits.transactionDeliveriesMax)`
    return refused(sentence, QUOTA_EXCEEDED)
  }
  return null
}
