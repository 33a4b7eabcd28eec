// Messages to `$delayed/SECONDS/TOPIC`: they are stored, and published to TOPIC when they are due.

import { WORK } from '../limits.ts'
import { contentBytes, type Message, textBytes, withOwnBytes } from '../message.ts'
import { isOfQueue } from '../routing/queue-filter.ts'
import { isReserved } from '../routing/topic.ts'
import { lastValue } from '../packet/packet.ts'
import type { Broker } from './broker.ts'
import type { Deadline } from './deadlines.ts'
import { OF_NOBODY, ownerOf } from './holdings.ts'
import { queueTopicFault } from './queue-admission.ts'
import { DelayedHeap, type DelayedMessage } from './delayed-heap.ts'

export const DELAYED = '$delayed/'
/** A later message of the same client with the same key takes the place of an earlier one; without a payload it only cancels it. */
const KEY = '$delay-key'
const UNREADABLE =
  '$delayed/ is followed by a number of seconds and a topic, as in $delayed/60/alarm'
/** What may not be within `$delayed/SECONDS/`, besides reserved topics. */
const UNDELAYED = /^\$(?:delayed|tx|share)(?:\/|$)/
const SECONDS = /^[0-9]{1,10}$/
/** The objects of one, with its entries in maps and the heap. */
const DELAYED_BYTES = 512

type DelayedLimit =
  | 'delayedMessagesMax'
  | 'delayedMessagesPerClientMax'
  | 'delayedMessagesPerUserMax'
  | 'delayedBytesMax'
  | 'delayedBytesPerUserMax'

export function isDelayed(topic: string): boolean {
  return topic.startsWith(DELAYED)
}

/** Returns the parts of a topic that begins with `$delayed/`; null if it does not say after how many seconds, or to which topic. */
export function delayIn(
  topic: string,
): { readonly seconds: number; readonly topic: string } | null {
  const end = topic.indexOf('/', DELAYED.length)
  const seconds = topic.slice(DELAYED.length, end)
  if (end === -1 || end === topic.length - 1 || !SECONDS.test(seconds)) return null
  return { seconds: Number(seconds), topic: topic.slice(end + 1) }
}

/** The same, or why nothing can be published there later. */
export function delayOf(
  topic: string,
): { readonly seconds: number; readonly topic: string } | string {
  const delay = delayIn(topic)
  if (delay === null) return UNREADABLE
  const isReservedHere = isReserved(delay.topic) && !isOfQueue(delay.topic)
  const isNested = isReservedHere || UNDELAYED.test(delay.topic)
  return isNested ? 'a message to this topic cannot be delayed' : delay
}

export class Delayed implements Deadline {
  place: Deadline['place'] = undefined
  readonly #broker: Broker
  readonly #heap = new DelayedHeap()
  readonly #bySequence = new Map<number, DelayedMessage>()
  readonly #byKey = new Map<string, DelayedMessage>()
  /** How many each client has. */
  readonly #byClient = new Map<string, number>()
  #bytes = 0

  constructor(broker: Broker) {
    this.#broker = broker
  }

  get count(): number {
    return this.#bySequence.size
  }

  get bytes(): number {
    return this.#bytes
  }

  get all(): Iterable<DelayedMessage> {
    return this.#bySequence.values()
  }

  /** Returns the limit for which there is no room for the message, `memory`, or null. */
  limitFor(message: Message): DelayedLimit | 'memory' | null {
    const { publisher } = message
    const key = keyOf(message)
    const replaced = key === null ? undefined : this.#byKey.get(key)
    if (key !== null && message.payload.length === 0) return null
    const { limits, memory } = this.#broker
    const { delayedMessagesMax, delayedMessagesPerClientMax, delayedBytesMax } = limits
    const more = replaced === undefined ? 1 : 0
    if (this.count + more > delayedMessagesMax) return 'delayedMessagesMax'
    const ofClient = publisher === null ? 0 : (this.#byClient.get(publisher) ?? 0)
    if (publisher !== null && ofClient + more > delayedMessagesPerClientMax) {
      return 'delayedMessagesPerClientMax'
    }
    const before = replaced === undefined ? 0 : bytesOf(replaced.message)
    if (this.#bytes - before + bytesOf(message) > delayedBytesMax) return 'delayedBytesMax'
    const ofUser = this.#userLimitFor(message, more, bytesOf(message) - before)
    return ofUser ?? (memory.hasRoomFor(message) ? null : 'memory')
  }

  /** The same for what the user of the message has, and so many messages and bytes more. A replaced message is of the same client. */
  #userLimitFor({ author }: Message, more: number, bytes: number): DelayedLimit | null {
    if (author === null || author === undefined) return null
    const { holdings, limits } = this.#broker
    const { delayedMessages, delayedBytes } = holdings.of(author)
    const { delayedMessagesPerUserMax, delayedBytesPerUserMax } = limits
    const isOver = more > 0 && delayedMessages + more > delayedMessagesPerUserMax
    const isLarge = bytes > 0 && delayedBytes + bytes > delayedBytesPerUserMax
    if ((!isOver && !isLarge) || ownerOf(author) === OF_NOBODY) return null
    return isOver ? 'delayedMessagesPerUserMax' : 'delayedBytesPerUserMax'
  }

  /** The same for messages of one client that are held together. Of those with one key only the last counts. */
  limitForAll(messages: readonly Message[]): DelayedLimit | null {
    const last = new Map<string | Message, Message>()
    for (const message of messages) last.set(keyOf(message) ?? message, message)
    let [more, bytes] = [0, this.#bytes]
    for (const [key, message] of last) {
      const replaced = typeof key === 'string' ? this.#byKey.get(key) : undefined
      const isCancelled = typeof key === 'string' && message.payload.length === 0
      if (!isCancelled) more += 1
      if (!isCancelled) bytes += bytesOf(message)
      if (replaced === undefined) continue
      more -= 1
      bytes -= bytesOf(replaced.message)
    }
    const { delayedMessagesMax, delayedMessagesPerClientMax, delayedBytesMax } = this.#broker.limits
    const ofClient = this.#byClient.get(messages[0]?.publisher ?? '') ?? 0
    if (more > 0 && this.count + more > delayedMessagesMax) return 'delayedMessagesMax'
    if (more > 0 && ofClient + more > delayedMessagesPerClientMax)
      return 'delayedMessagesPerClientMax'
    if (bytes > this.#bytes && bytes > delayedBytesMax) return 'delayedBytesMax'
    const [first] = messages
    return first === undefined ? null : this.#userLimitFor(first, more, bytes - this.#bytes)
  }

  /** Keeps a message that admission has taken. Returns that one receiver has it, because it is not lost. */
  hold(message: Message): number {
    const delay = delayIn(message.topic)
    if (delay === null) return 0
    const broker = this.#broker
    broker.changing += 1
    const key = keyOf(message)
    const replaced = key === null ? undefined : this.#byKey.get(key)
    if (replaced !== undefined) this.#release(replaced)
    const isCancelled = key !== null && message.payload.length === 0
    if (!isCancelled) {
      const milliseconds = delay.seconds * 1_000
      const inner = {
        ...withOwnBytes(message),
        topic: delay.topic,
        // Its expiry counts from when it is due.
        expiresAt: message.expiresAt + milliseconds,
        held: 0,
        weighed: 0,
      }
      const due = broker.now + milliseconds
      broker.journal.record({ kind: 'message-stored', message: inner })
      broker.journal.record({ kind: 'held', sequence: inner.sequence, due, key: key ?? '' })
      this.#keep({ message: inner, due, key, index: 0 })
    }
    broker.changing -= 1
    return 1
  }

  /** Restores a message from the store. */
  restore(message: Message, due: number, key: string): void {
    this.#keep({ message, due, key: key === '' ? null : key, index: 0 })
  }

  /** Returns false when there is no such message. */
  cancel(sequence: number): boolean {
    const held = this.#bySequence.get(sequence)
    if (held === undefined) return false
    this.#release(held)
    return true
  }

  /** Publishes one message. Others that are due as well follow while the turn has work left. */
  expired(): void {
    const first = this.#heap.first
    if (first === null) return
    this.#release(first)
    this.#publish(first.message)
  }

  /** As for a will, its publisher must have the right now. */
  #publish(held: Message): void {
    const broker = this.#broker
    const { publisher } = held
    broker.turnWorkLeft -= WORK.packet + WORK.message + WORK.durableChange
    if (held.expiresAt <= broker.now) broker.dropped('message-expired', held, publisher)
    else if (!broker.publishers.mayStillPublish(held)) {
      broker.dropped('not-authorized', held, publisher)
    } else if (queueTopicFault(broker, held.topic) !== null) {
      broker.dropped('queue-ended', held, publisher)
    } else {
      const message = broker.admission.delayed(held)
      const receivers = broker.publishing.publish(message)
      broker.statistics.delayedPublished += 1
      broker.turnWorkLeft -= receivers * WORK.delivery
    }
  }

  #keep(held: DelayedMessage): void {
    const { message, key } = held
    const { publisher, sequence } = message
    this.#heap.add(held)
    this.#bySequence.set(sequence, held)
    if (key !== null) this.#byKey.set(key, held)
    if (publisher !== null) this.#byClient.set(publisher, (this.#byClient.get(publisher) ?? 0) + 1)
    this.#count(message, 1)
    this.#broker.memory.hold(message)
    this.#schedule()
  }

  #release(held: DelayedMessage): void {
    const { message, key } = held
    const { publisher, sequence } = message
    this.#heap.remove(held)
    this.#bySequence.delete(sequence)
    if (key !== null) this.#byKey.delete(key)
    const left = publisher === null ? 0 : (this.#byClient.get(publisher) ?? 1) - 1
    if (publisher !== null && left > 0) this.#byClient.set(publisher, left)
    else if (publisher !== null) this.#byClient.delete(publisher)
    this.#count(message, -1)
    this.#broker.memory.release(message)
    this.#broker.journal.record({ kind: 'released', sequence })
    this.#schedule()
  }

  #count(message: Message, sign: 1 | -1): void {
    const { author } = message
    this.#bytes += sign * bytesOf(message)
    if (author !== null && author !== undefined) {
      this.#broker.holdings.add(author, 'delayedMessages', sign)
      this.#broker.holdings.add(author, 'delayedBytes', sign * bytesOf(message))
    }
    this.#broker.memory.add('delayed', sign * heapBytesOf(message))
  }

  #schedule(): void {
    this.#broker.deadlines.set(this, this.#heap.first?.due ?? Infinity)
  }
}

/** The key is kept once more, with its client. */
function bytesOf(message: Message): number {
  return contentBytes(message) + heapBytesOf(message)
}

function heapBytesOf(message: Message): number {
  return DELAYED_BYTES + textBytes(keyOf(message) ?? '')
}

/** Returns the key with its client, or null. No text of MQTT has U+0000 [MQTT-1.5.4-2]. */
function keyOf({ properties, publisher }: Message): string | null {
  const key = lastValue(properties.userProperties, KEY)
  return key === null ? null : `${publisher ?? ''}\0${key}`
}
