// Exceptions of code that the broker was given, caught where it is called. A right that throws is refused; each is counted and reported.

import { type Permissions, rightIn } from '../access/permissions.ts'
import type { FaultPlace, Observer } from './observer.ts'
import { Observers } from './observers.ts'
import type { Statistics } from './statistics.ts'

export class Faults {
  readonly observers: Observers
  readonly #statistics: Statistics
  #isReporting = false

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

  /** The observer that throws may be the one that `failed` is reported to. */
  #observerFailed(error: unknown): void {
    this.#statistics.hookErrors += 1
    if (this.#isReporting) return
    this.#isReporting = true
    this.observers.heard.failed?.('observer', error, null)
    this.#isReporting = false
  }
}
