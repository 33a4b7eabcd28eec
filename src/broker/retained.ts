// The broker's retained messages: bounds, expiry, and the facts for the store.

import type { Limits } from '../limits.ts'
import type { Message } from '../message.ts'
import { RetainedMessages } from '../routing/retained-messages.ts'
import { SteadyMap } from '../routing/steady-map.ts'
import type { RetainedSource } from '../session/replay.ts'
import type { Journal } from '../store/journal.ts'
import type { Deadline, Deadlines } from './deadlines.ts'

export class Retained {
  readonly #messages = new RetainedMessages()
  readonly #expiries = new SteadyMap<string, Deadline>()
  readonly #deadlines: Deadlines
  readonly #journal: Journal
  readonly #limits: Limits

  constructor(deadlines: Deadlines, journal: Journal, limits: Limits) {
    this.#deadlines = deadlines
    this.#journal = journal
    this.#limits = limits
  }

  get count(): number {
    return this.#messages.count
  }

  get payloadBytes(): number {
    return this.#messages.payloadBytes
  }

  /** Whether there is room for this message among the retained ones. */
  hasRoomFor(message: Message): boolean {
    const old = this.#messages.get(message.topic)
    if (message.payload.length === 0) return true
    if (old === undefined && this.#messages.count >= this.#limits.retainedMessagesMax) return false
    const grows = message.payload.length - (old?.payload.length ?? 0)
    return this.#messages.payloadBytes + grows <= this.#limits.retainedBytesMax
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
    if (this.#messages.clear(topic)) this.#journal.record({ kind: 'retained-cleared', topic })
  }

  get(topic: string): Message | undefined {
    return this.#messages.get(topic)
  }

  /** As the store kept it. */
  restore(message: Message): void {
    const { topic } = message
    this.#unschedule(topic)
    this.#messages.set(message)
    if (message.expiresAt === Infinity) return
    const expiry = { expired: () => this.clear(topic) }
    this.#expiries.set(topic, expiry)
    this.#deadlines.set(expiry, message.expiresAt)
  }

  /** What matches the filter and was retained no later than `sequenceMax`. */
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
