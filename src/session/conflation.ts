// The conflation of one client: of each topic it gets the first message at once, then at most one in an interval, the newest. The last one
// always comes. What waits is never more than one message a topic, also while the client is slow.

import { WORK } from '../limits.ts'
import { contentBytes, type Message, textBytes } from '../message.ts'
import { SOME_CONFLATED } from '../routing/router.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { CommitId } from '../store/journal.ts'
import type { DropReason, SessionContext } from './session-context.ts'
import type { DeliveryOptions } from './target.ts'

/** What the conflations of all clients share. */
export interface Conflating {
  /** Calls `expired` at the time; sets it anew if it is set. */
  setDeadline(topic: { expired(now: number): void }, at: number): void
  clearDeadline(topic: { expired(now: number): void }): void
  /** Returns the message in a form that may be kept. All clients that keep it share it. */
  ownCopyOf(message: Message): Message
  /** A newer message has taken the place of one that waited. */
  replaced(): void
  /** A message was not held back, because a limit was reached. */
  passedThrough(limit: 'conflatedTopicsMax' | 'conflatedBytesMax'): void
}

/** The client, as its conflation sees it. */
interface ConflatedClient {
  readonly clientId: string
  readonly subscriptions: ReadonlyMap<string, Subscription>
  readonly isConnected: boolean
  /** Whether a message of QoS 0 could be sent now, behind no other. */
  readonly canSendQoS0: boolean
  sendQoS0(
    message: Message,
    retain: boolean,
    identifiers: readonly number[],
    commitId: CommitId,
  ): void
  lossOf(message: Message): DropReason | null
  /** Requests `sendReady` in a later turn. */
  postpone(): void
}

/** A topic, besides its text: its entries in a map and in the deadlines. */
const TOPIC_BYTES = 384

export class Conflation {
  readonly #client: ConflatedClient
  readonly #context: SessionContext
  /** Those of which a message was sent less than an interval ago, or waits. */
  readonly #topics = new Map<string, ConflatedTopic>()
  /** Those whose interval is over, while the client cannot take a message. */
  readonly #ready = new Set<ConflatedTopic>()
  #bytes = 0

  constructor(client: ConflatedClient, context: SessionContext) {
    this.#client = client
    this.#context = context
  }

  get topics(): number {
    return this.#topics.size
  }

  /** Sends the message or holds it back. Returns false if it is to be delivered as without conflation. */
  take(message: Message, retain: boolean, options: DeliveryOptions): boolean {
    const known = this.#topics.get(message.topic)
    if (options.conflateMs <= 0) {
      if (known !== undefined) this.#passes(known, options)
      return false
    }
    if (known !== undefined) return this.#takeNext(known, message, retain, options)
    const { limits } = this.#context
    if (!this.#client.isConnected && !limits.queueQoS0WhileAway) return false
    const isFull = this.#topics.size >= limits.conflatedTopicsMax
    if (isFull || !this.#hasRoomFor(topicBytes(message.topic))) {
      this.#shared().passedThrough(isFull ? 'conflatedTopicsMax' : 'conflatedBytesMax')
      return false
    }
    const topic = this.#add(message.topic, options)
    topic.retain = retain
    topic.commitId = this.#context.transactionCommit
    if (this.#client.canSendQoS0) this.#send(topic, message, options)
    else if (this.#keep(topic, message, retain, options)) this.#ready.add(topic)
    else {
      this.#remove(topic)
      return false
    }
    return true
  }

  /** The interval of a topic is over. */
  over(topic: ConflatedTopic): void {
    const context = this.#context
    context.turnWorkLeft -= WORK.interval
    const { waiting } = topic
    if (waiting === null) this.#remove(topic)
    else if (this.#client.canSendQoS0) this.#sendWaiting(topic, waiting)
    else if (this.#client.isConnected || context.limits.queueQoS0WhileAway) this.#ready.add(topic)
    else this.#drop(topic, waiting, 'client-away')
  }

  /** Sends what could not be sent when its interval was over. */
  sendReady(): void {
    const context = this.#context
    for (const topic of this.#ready) {
      if (!this.#client.canSendQoS0) return
      if (context.turnWorkLeft <= 0) {
        this.#client.postpone()
        return
      }
      context.turnWorkLeft -= WORK.interval
      this.#ready.delete(topic)
      if (topic.waiting !== null) this.#sendWaiting(topic, topic.waiting)
    }
  }

  /** The session has ended: what waits is dropped and counted. */
  end(): void {
    for (const topic of this.#topics.values()) {
      if (topic.waiting === null) this.#remove(topic)
      else this.#drop(topic, topic.waiting, 'session-ended')
    }
  }

  #shared(): Conflating {
    return this.#context.conflating
  }

  #takeNext(
    topic: ConflatedTopic,
    message: Message,
    retain: boolean,
    options: DeliveryOptions,
  ): boolean {
    if (topic.waiting !== null) {
      this.#shared().replaced()
      this.#forget(topic, topic.waiting)
    }
    if (this.#ready.has(topic)) {
      if (this.#keep(topic, message, retain, options)) return true
      this.#remove(topic)
      return false
    }
    if (topic.options.conflateMs !== options.conflateMs) {
      this.#shared().setDeadline(topic, topic.sentAt + options.conflateMs)
    }
    return this.#keep(topic, message, retain, options)
  }

  /**
   * A message of the topic is delivered that another subscription wants. What waits is sent before it, so that the order is kept; or it
   * is out of date, if the conflated subscriptions get the message as well.
   */
  #passes(topic: ConflatedTopic, { conflateMs }: DeliveryOptions): void {
    const { waiting } = topic
    if (waiting === null) return
    if (conflateMs !== SOME_CONFLATED && this.#client.canSendQoS0) {
      this.#ready.delete(topic)
      this.#sendWaiting(topic, waiting)
    } else if (conflateMs === SOME_CONFLATED) {
      this.#shared().replaced()
      this.#forget(topic, waiting)
      if (this.#ready.has(topic)) this.#remove(topic)
    }
  }

  #add(name: string, options: DeliveryOptions): ConflatedTopic {
    const topic = new ConflatedTopic(name, options, this)
    this.#topics.set(name, topic)
    this.#count(topicBytes(name))
    return topic
  }

  #remove(topic: ConflatedTopic): void {
    this.#shared().clearDeadline(topic)
    this.#ready.delete(topic)
    this.#topics.delete(topic.name)
    this.#count(-topicBytes(topic.name))
  }

  #sendWaiting(topic: ConflatedTopic, waiting: Message): void {
    const { options } = topic
    const { subscriptions } = this.#client
    this.#forget(topic, waiting)
    const isWanted = options.subscriptions.some(({ filter }) => subscriptions.has(filter))
    const loss = this.#client.lossOf(waiting)
    if (!isWanted || loss !== null) {
      if (isWanted && loss !== null) this.#context.dropped(loss, waiting, this.#client.clientId)
      this.#remove(topic)
    } else this.#send(topic, waiting, options)
  }

  #send(topic: ConflatedTopic, message: Message, options: DeliveryOptions): void {
    topic.sentAt = this.#context.now
    this.#shared().setDeadline(topic, topic.sentAt + options.conflateMs)
    this.#client.sendQoS0(message, topic.retain, options.identifiers, topic.commitId)
  }

  /** Returns false if there is no room. */
  #keep(
    topic: ConflatedTopic,
    message: Message,
    retain: boolean,
    options: DeliveryOptions,
  ): boolean {
    const bytes = contentBytes(message)
    if (!this.#hasRoomFor(bytes) || !this.#context.memory.hasRoomFor(message)) {
      this.#shared().passedThrough('conflatedBytesMax')
      return false
    }
    topic.waiting = this.#shared().ownCopyOf(message)
    topic.retain = retain
    topic.options = options
    topic.commitId = this.#context.transactionCommit
    this.#bytes += bytes
    this.#context.memory.hold(topic.waiting)
    return true
  }

  #forget(topic: ConflatedTopic, waiting: Message): void {
    topic.waiting = null
    this.#bytes -= contentBytes(waiting)
    this.#context.memory.release(waiting)
  }

  #drop(topic: ConflatedTopic, waiting: Message, reason: DropReason): void {
    this.#forget(topic, waiting)
    this.#remove(topic)
    this.#context.dropped(reason, waiting, this.#client.clientId)
  }

  #hasRoomFor(bytes: number): boolean {
    return this.#bytes + bytes <= this.#context.limits.conflatedBytesMax
  }

  #count(bytes: number): void {
    this.#bytes += bytes
    this.#context.memory.add('conflated', bytes)
  }
}

/** A topic of one client. */
class ConflatedTopic {
  readonly name: string
  /** When its last message was sent, in milliseconds. */
  sentAt = 0
  /** The newest message, if it waits. */
  waiting: Message | null = null
  /** Of the last message: its RETAIN, its options, and the commit that it must not be sent before. */
  retain = false
  options: DeliveryOptions
  commitId: CommitId = 0
  readonly #conflation: Conflation

  constructor(name: string, options: DeliveryOptions, conflation: Conflation) {
    this.name = name
    this.options = options
    this.#conflation = conflation
  }

  expired(): void {
    this.#conflation.over(this)
  }
}

function topicBytes(name: string): number {
  return TOPIC_BYTES + textBytes(name)
}
