// What a named queue does with a message that comes in: it passes by, or is kept, perhaps in another form.

import type { CommitId } from '../../store/journal.ts'
import { type Message, withOwnBytes } from '../../message.ts'
import type { QueueSettings } from '../../routing/queue-settings.ts'
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
  { storeIsFull }: SessionContext,
): DropReason | 'unwanted' | null {
  const { qos0, overflow } = queue.settings
  if (message.qos === 0) {
    if (qos0 === 'pass-by') return 'unwanted'
    if (queue.isDurable && storeIsFull) return 'memory-full'
  }
  return overflow === 'refuse' && !queue.hasRoomFor(message) ? 'queue-full' : null
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
