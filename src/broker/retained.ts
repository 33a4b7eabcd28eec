// The broker's retained messages: bounds, expiry, and their changes in the store.

import type { Limits } from '../limits.ts'
import { type Message, compactBytes } from '../message.ts'
import {
  retainedBytes,
  RetainedMessages,
  retainedTopicBytes,
} from '../routing/retained-messages.ts'
import { ChurnMap } from '../routing/churn-map.ts'
import type { MemoryAccount } from '../session/memory-account.ts'
import type { RetainedSet, RetainedSource } from '../session/retained-replay.ts'
import type { Journal } from '../store/journal.ts'
import type { Deadline, Deadlines } from './deadlines.ts'

export class Retained implements RetainedSet {
  readonly #messages = new RetainedMessages()
  readonly #expiries = new ChurnMap<string, Deadline>()
  readonly #deadlines: Deadlines
  readonly #journal: Journal
  readonly #limits: Limits
  readonly #memory: MemoryAccount

  constructor(deadlines: Deadlines, journal: Journal, limits: Limits, memory: MemoryAccount) {
    this.#memory = memory
    this.#deadlines = deadlines
    this.#journal = journal
    this.#limits = limits
  }

  get count(): number {
    return this.#messages.count
  }

  get bytes(): number {
    return this.#messages.bytes
  }

  /** Whether there is room for this message among the retained ones. */
  hasRoomFor(message: Message): boolean {
    const old = this.#messages.get(message.topic)
    if (message.payload.length === 0) return true
    if (old === undefined && this.#messages.count >= this.#limits.retainedMessagesMax) return false
    const before = old === undefined ? -retainedTopicBytes(message.topic) : retainedBytes(old)
    const grows = retainedBytes(message) - before
    if (this.#messages.bytes + grows > this.#limits.retainedBytesMax) return false
    return grows <= 0 || this.#memory.hasRoomFor(message)
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
    this.#memory.add('retained', -retainedTopicBytes(topic))
    this.#journal.record({ kind: 'retained-cleared', topic })
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
    if (old !== undefined) this.#memory.release(old)
    else this.#memory.add('retained', retainedTopicBytes(topic))
    if (message.expiresAt === Infinity) return
    const expiry = { expired: () => this.clear(topic) }
    this.#expiries.set(topic, expiry)
    this.#deadlines.set(expiry, message.expiresAt)
  }

  /** Opens a cursor over the messages that match the filter and have a sequence up to `sequenceMax`. */
  matching(topicFilter: string, sequenceMax: number): RetainedSource {
    const cursor = this.#messages.matching(topicFilter, sequenceMax)
    return {
      isCurrent: message => this.#messages.get(message.topic) === message,
      next: stepsMax => {
        const message = cursor.next(stepsMax)
        return message === null && !cursor.isFinished ? 'later' : message
      },
      get steps() {
        return cursor.steps
      },
    }
  }

  #unschedule(topic: string): void {
    const expiry = this.#expiries.get(topic)
    if (expiry === null) return
    this.#expiries.delete(topic)
    this.#deadlines.clear(expiry)
  }
}
