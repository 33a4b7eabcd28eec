// Throws of what is not ours, contained where we call it: it fails closed, is counted and told, and ends nobody else.

import { type Permissions, rightIn } from '../access/permissions.ts'
import { type FaultPlace, type Observer, OBSERVED } from './observer.ts'
import type { Statistics } from './statistics.ts'

export class Faults {
  /** Whose throws do not reach the broker: what it listens to has happened already. */
  readonly observer: Observer
  readonly #statistics: Statistics
  #isTellingOfObserver = false

  constructor(statistics: Statistics, observer: Observer) {
    this.#statistics = statistics
    this.observer = contained(observer, error => this.#observerFailed(error))
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
    this.observer.failed?.(place, error, clientId)
  }

  /** It may be the one that would be told. */
  #observerFailed(error: unknown): void {
    this.#statistics.hookErrors += 1
    if (this.#isTellingOfObserver) return
    this.#isTellingOfObserver = true
    this.observer.failed?.('observer', error, null)
    this.#isTellingOfObserver = false
  }
}

function contained(observer: Observer, failed: (error: unknown) => void): Observer {
  const all: Observer = {}
  for (const name of OBSERVED) {
    const told = observer[name]
    if (told === undefined) continue
    const containing = (...facts: readonly unknown[]): void => {
      try {
        Reflect.apply(told, observer, facts)
      } catch (error) {
        failed(error)
      }
    }
    Object.assign(all, { [name]: containing })
  }
  return all
}
