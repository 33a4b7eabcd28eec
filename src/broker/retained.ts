// The broker's retained messages: bounds, expiry, and their changes in the store.

import type { Limits } from '../limits.ts'
import { type Message, compactBytes } from '../message.ts'
import {
  retainedBytes,
  RetainedMessages,
  retainedTopicBytes,
} from '../routing/retained-messages.ts'
import { ChurnMap } from '../routing/churn-map.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { MemoryAccount } from '../session/memory-account.ts'
import type { RetainedSet, RetainedSource } from '../session/retained-replay.ts'
import type { Journal } from '../store/journal.ts'
import type { Deadline, Deadlines } from './deadlines.ts'
import type { Expressions } from './expressions.ts'
import { type Holdings, OF_NOBODY, ownerOf, type User } from './holdings.ts'

/** A limit on what is retained; `memory` is the bound of what the whole broker keeps. */
type RetainedLimit =
  | keyof Pick<
      Limits,
      | 'retainedMessagesMax'
      | 'retainedBytesMax'
      | 'retainedMessagesPerUserMax'
      | 'retainedBytesPerUserMax'
    >
  | 'memory'

/** The parts of the broker that it uses. */
interface RetainedContext {
  readonly deadlines: Deadlines
  readonly journal: Journal
  readonly limits: Limits
  readonly memory: MemoryAccount
  readonly holdings: Holdings
  readonly expressions: Expressions
}

export class Retained implements RetainedSet {
  readonly #messages = new RetainedMessages()
  readonly #expiries = new ChurnMap<string, Deadline>()
  readonly #deadlines: Deadlines
  readonly #journal: Journal
  readonly #limits: Limits
  readonly #memory: MemoryAccount
  readonly #holdings: Holdings
  readonly #expressions: Expressions
  /** The topics that the broker has published about itself. They are retained beside those of clients, and not counted. */
  readonly #announced = new Set<string>()
  #announcedBytes = 0

  constructor({ deadlines, journal, limits, memory, holdings, expressions }: RetainedContext) {
    this.#memory = memory
    this.#deadlines = deadlines
    this.#journal = journal
    this.#limits = limits
    this.#holdings = holdings
    this.#expressions = expressions
  }

  get count(): number {
    return this.#messages.count
  }

  /** The messages of clients and programs, without those that the broker publishes about itself. */
  get ofClients(): number {
    return this.#messages.count - this.#announced.size
  }

  /** Their bytes. */
  get bytes(): number {
    return this.#messages.bytes - this.#announcedBytes
  }

  /** Whether the message is about the broker itself. */
  isAnnounced({ topic, publisher }: Message): boolean {
    return publisher === null && this.#announced.has(topic)
  }

  /** Retains a message of the broker about itself. It is not stored, because each start publishes it again. */
  announce(message: Message): void {
    this.#announcedBytes -= this.#messages.bytes
    this.restore(message)
    this.#announcedBytes += this.#messages.bytes
  }

  /** Messages to this topic are about the broker itself. */
  reserve(topic: string): void {
    this.#announced.add(topic)
  }

  /** Returns the limit for which there is no room for this message among the retained ones, or null. */
  limitFor(message: Message): RetainedLimit | null {
    const { retainedMessagesMax, retainedBytesMax } = this.#limits
    if (message.payload.length === 0) return null
    const old = this.#messages.get(message.topic)
    if (old === undefined && this.ofClients >= retainedMessagesMax) return 'retainedMessagesMax'
    const before = old === undefined ? -retainedTopicBytes(message.topic) : retainedBytes(old)
    const grows = retainedBytes(message) - before
    if (this.bytes + grows > retainedBytesMax) return 'retainedBytesMax'
    if (grows > 0 && !this.#memory.hasRoomFor(message)) return 'memory'
    return this.#userLimitFor(message, old)
  }

  /** The same for messages of one user that are retained together. Of those to one topic only the last counts. */
  limitForAll(messages: readonly Message[]): Exclude<RetainedLimit, 'memory'> | null {
    const last = new Map(messages.map(message => [message.topic, message]))
    const author = messages[0]?.author ?? null
    let [more, grows, ofUser, bytesOfUser] = [0, 0, 0, 0]
    for (const message of last.values()) {
      const old = this.#messages.get(message.topic)
      const after = message.payload.length === 0 ? 0 : sharedBytes(message)
      more += (after > 0 ? 1 : 0) - (old === undefined ? 0 : 1)
      grows += after - (old === undefined ? 0 : sharedBytes(old))
      const own = author !== null && old !== undefined && isBy(author, old) ? old : undefined
      ofUser += (after > 0 ? 1 : 0) - (own === undefined ? 0 : 1)
      bytesOfUser += after - (own === undefined ? 0 : sharedBytes(own))
    }
    const limits = this.#limits
    if (more > 0 && this.ofClients + more > limits.retainedMessagesMax) return 'retainedMessagesMax'
    if (grows > 0 && this.bytes + grows > limits.retainedBytesMax) return 'retainedBytesMax'
    if (author === null || ownerOf(author) === OF_NOBODY) return null
    const holding = this.#holdings.of(author)
    if (ofUser > 0 && holding.retainedMessages + ofUser > limits.retainedMessagesPerUserMax) {
      return 'retainedMessagesPerUserMax'
    }
    const isOver = holding.retainedBytes + bytesOfUser > limits.retainedBytesPerUserMax
    return bytesOfUser > 0 && isOver ? 'retainedBytesPerUserMax' : null
  }

  /** The same for what the user of the message retains. */
  #userLimitFor(message: Message, old: Message | undefined): RetainedLimit | null {
    const { retainedMessagesPerUserMax, retainedBytesPerUserMax } = this.#limits
    const { author } = message
    if (author === null || author === undefined) return null
    const holding = this.#holdings.of(author)
    // Most users are far from it.
    const bytes = holding.retainedBytes + sharedBytes(message)
    if (holding.retainedMessages < retainedMessagesPerUserMax && bytes <= retainedBytesPerUserMax) {
      return null
    }
    if (ownerOf(author) === OF_NOBODY) return null
    const own = old !== undefined && isBy(author, old) ? old : null
    if (own === null && holding.retainedMessages >= retainedMessagesPerUserMax) {
      return 'retainedMessagesPerUserMax'
    }
    const ownBytes = own === null ? 0 : sharedBytes(own)
    const isMore = sharedBytes(message) > ownBytes
    return isMore && bytes - ownBytes > retainedBytesPerUserMax ? 'retainedBytesPerUserMax' : null
  }

  /** Retains the message in place of an older one, or, with an empty payload, clears the topic [MQTT-3.3.1-5, MQTT-3.3.1-6]. */
  keep(message: Message): void {
    if (message.payload.length === 0) {
      this.clear(message.topic)
      return
    }
    this.restore(message)
    this.#journal.record({
      kind: 'retained-set',
      topic: message.topic,
      sequence: message.sequence,
    })
  }

  clear(topic: string): void {
    this.#unschedule(topic)
    const old = this.#messages.get(topic)
    if (old === undefined) return
    this.#messages.clear(topic)
    this.#memory.release(old)
    this.#countForUser(old, -1)
    this.#memory.add('retained', -retainedTopicBytes(topic))
    this.#journal.record({ kind: 'retained-cleared', topic })
  }

  isWanted({ where }: Subscription, message: Message): boolean {
    return where === undefined || this.#expressions.wants(where, message)
  }

  hold(message: Message): void {
    this.#memory.hold(message)
  }

  release(message: Message): void {
    this.#memory.release(message)
  }

  get(topic: string): Message | undefined {
    return this.#messages.get(topic)
  }

  /** Restores a message from the store. */
  restore(message: Message): void {
    const { topic } = message
    this.#unschedule(topic)
    const old = this.#messages.get(topic)
    compactBytes(message)
    this.#messages.set(message)
    this.#memory.hold(message)
    if (old === undefined) this.#memory.add('retained', retainedTopicBytes(topic))
    else {
      this.#memory.release(old)
      this.#countForUser(old, -1)
    }
    this.#countForUser(message, 1)
    if (message.expiresAt === Infinity) return
    const expiry = { expired: () => this.clear(topic) }
    this.#expiries.set(topic, expiry)
    this.#deadlines.set(expiry, message.expiresAt)
  }

  /** Opens a cursor over the messages that match the filter and have a sequence up to `sequenceMax`. */
  matching(topicFilter: string, sequenceMax: number): RetainedSource {
    const cursor = this.#messages.matching(topicFilter, sequenceMax)
    return {
      isCurrent: message => cursor.isCurrent(message),
      next: stepsMax => {
        const message = cursor.next(stepsMax)
        return message === null && !cursor.isFinished ? 'later' : message
      },
      get steps() {
        return cursor.steps
      },
    }
  }

  /** Messages of the embedding program, and those that were stored before publishers were kept, count for nobody. */
  #countForUser(message: Message, sign: 1 | -1): void {
    const { author } = message
    if (author === null || author === undefined) return
    this.#holdings.add(author, 'retainedMessages', sign)
    this.#holdings.add(author, 'retainedBytes', sign * sharedBytes(message))
  }

  #unschedule(topic: string): void {
    // Most retained messages do not expire.
    if (this.#expiries.size === 0) return
    const expiry = this.#expiries.get(topic)
    if (expiry === null) return
    this.#expiries.delete(topic)
    this.#deadlines.clear(expiry)
  }
}

/** Returns what the message counts for its user, with the entries of its topic. */
function sharedBytes(message: Message): number {
  return retainedBytes(message) + retainedTopicBytes(message.topic)
}

function isBy(user: User, { author }: Message): boolean {
  if (author === null || author === undefined) return false
  return author === user || ownerOf(author) === ownerOf(user)
}
