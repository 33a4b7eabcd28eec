// What a named queue does with a message that comes in: it passes by, or is kept, perhaps in another form.

import type { CommitId } from '../../store/journal.ts'
import { type Message, withOwnBytes } from '../../message.ts'
import type { QueueSettings } from '../../routing/queue-settings.ts'
import type { NamedQueueOwner } from '../../store/change.ts'
import type { HandOuts } from '../../store/store.ts'
import { type Delivery, newDelivery, NO_IDENTIFIERS } from '../delivery.ts'
import type { NamedQueue } from './named-queue.ts'
import type { QueueBounds } from '../waiting/message-queue.ts'
import type { DropReason, SessionContext } from '../session-context.ts'

interface TakingQueue {
  readonly settings: QueueSettings
  readonly isDurable: boolean
  hasRoomFor(message: Message): boolean
}

/** Returns why the queue does not take the message in, or null. What could be refused was refused before. */
export function passesBy(
  queue: TakingQueue,
  message: Message,
  { storeIsFull, isTakingOver }: SessionContext,
): DropReason | 'unwanted' | null {
  const { qos0, overflow } = queue.settings
  if (message.qos === 0) {
    if (qos0 === 'pass-by') return 'unwanted'
    if (queue.isDurable && storeIsFull) return 'memory-full'
  }
  // What another partition has acknowledged has room above the bounds.
  if (overflow !== 'refuse' || (isTakingOver && queue.isDurable)) return null
  return queue.hasRoomFor(message) ? null : 'queue-full'
}

/** Returns the message as the queue keeps it. What is kept otherwise than its publisher says is another message in the store. */
export function takenIn(
  { settings }: TakingQueue,
  message: Message,
  context: SessionContext,
): Message {
  const { messageExpirySeconds: seconds } = settings
  if (message.qos > 0 && seconds === 0) return message
  const latest = seconds === 0 ? Infinity : context.now + seconds * 1_000
  return {
    ...withOwnBytes(message),
    expiresAt: Math.min(message.expiresAt, latest),
    sequence: context.nextSequence(),
    held: 0,
    weighed: 0,
  }
}

/** Returns the delivery by which a message of another queue waits in this one. `past`: what is known of it here. */
export function movedDelivery(
  from: NamedQueueOwner,
  to: NamedQueue,
  { message, stored }: Delivery,
  { count, reason }: HandOuts,
  context: SessionContext,
): Delivery {
  const own = reason === '' ? message : { ...message, expiresAt: Infinity, held: 0 }
  const delivery = newDelivery(own, 1, own.retain, NO_IDENTIFIERS, to, 0, 0)
  delivery.reserved = context.nextDelivery()
  to.counts.tookIn(delivery.reserved, context.now)
  if (stored === 0) return delivery
  delivery.stored = delivery.reserved
  const moved = { delivery: stored, owner: from, to: to.owner, moved: delivery.stored }
  context.journal.record({ kind: 'moved', ...moved, reason, handOuts: count })
  delivery.commitId = context.journal.current
  return delivery
}

/** Returns a dead letter as its queue takes it in again. It did not expire, so its copy in the store must not either. */
export function redriven(queue: TakingQueue, message: Message, context: SessionContext): Message {
  const seconds = queue.settings.messageExpirySeconds
  return {
    ...withOwnBytes(message),
    expiresAt: seconds === 0 ? Infinity : context.now + seconds * 1_000,
    sequence: context.nextSequence(),
    held: 0,
    weighed: 0,
  }
}

/** Stores what the queue keeps in another form. Returns the commit that it waits for. */
export function storedApart(
  { isDurable }: TakingQueue,
  message: Message,
  { journal, transactionCommit }: SessionContext,
): CommitId {
  if (!isDurable) return transactionCommit
  journal.record({ kind: 'message-stored', message })
  return journal.current
}

/** The bounds of a queue by its present settings. */
export function boundsOf(settings: () => QueueSettings): QueueBounds {
  return {
    get queuedMessagesMax(): number {
      return settings().messagesMax
    },
    get queuedBytesMax(): number {
      return settings().bytesMax
    },
    get queueOverflow(): QueueSettings['overflow'] {
      return settings().overflow
    },
  }
}
