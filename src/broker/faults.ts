// Throws of what is not ours, contained where we call it: it fails closed, is counted and told, and ends nobody else.

import { type Permissions, rightIn } from '../access/permissions.ts'
import type { FaultPlace, Observer } from './observer.ts'
import { Observers } from './observers.ts'
import type { Statistics } from './statistics.ts'

export class Faults {
  readonly observers: Observers
  readonly #statistics: Statistics
  #isTellingOfObserver = false

  constructor(statistics: Statistics, observers: readonly Observer[]) {
    this.#statistics = statistics
    this.observers = new Observers(error => this.#observerFailed(error))
    for (const observer of observers) this.observers.add(observer)
  }

  /** A right that cannot be answered is none. */
  mayPublish(permissions: Permissions, topic: string, clientId: string | null): boolean {
    try {
      return rightIn(permissions.mayPublish(topic))
    } catch (error) {
      this.failed('right', error, clientId)
      return false
    }
  }

  maySubscribe(permissions: Permissions, topicFilter: string, clientId: string): boolean {
    try {
      return rightIn(permissions.maySubscribe(topicFilter))
    } catch (error) {
      this.failed('right', error, clientId)
      return false
    }
  }

  /** A throw was contained. */
  failed(place: FaultPlace, error: unknown, clientId: string | null): void {
    if (place === 'connection') this.#statistics.internalErrors += 1
    else this.#statistics.hookErrors += 1
    this.observers.heard.failed?.(place, error, clientId)
  }

  /** It may be the one that would be told. */
  #observerFailed(error: unknown): void {
    this.#statistics.hookErrors += 1
    if (this.#isTellingOfObserver) return
    this.#isTellingOfObserver = true
    this.observers.heard.failed?.('observer', error, null)
    this.#isTellingOfObserver = false
  }
}
