// Catches exceptions of code that the embedding program supplied, where the broker calls it. A permission check that throws counts as
// a refusal. Each exception is counted and reported.

import type { Access } from '../access/access.ts'
import type { Identity } from '../access/identity.ts'
import { NOTHING, type Permissions, rightIn } from '../access/permissions.ts'
import { isPermissions } from '../access/verdict.ts'
import type { Publishable } from '../message.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { Asker } from './admission.ts'
import type { FaultPlace, Observer } from './observer.ts'
import { Observers } from './observers.ts'
import type { Statistics } from './statistics.ts'

/** A filter of SUBSCRIBE or UNSUBSCRIBE. */
type FilterParts = Pick<Subscription, 'topicFilter' | 'shareName'>

export class Faults {
  readonly observers: Observers
  readonly #statistics: Statistics
  #isReporting = false

  constructor(statistics: Statistics, observers: readonly Observer[]) {
    this.#statistics = statistics
    this.observers = new Observers(error => this.#observerFailed(error))
    for (const observer of observers) this.observers.add(observer)
  }

  /** If a permission check fails, the client does not have the right. */
  mayPublish(
    { permissions, clientId }: Pick<Asker, 'permissions' | 'clientId'>,
    topic: string,
    { qos, retain }: Pick<Publishable, 'qos' | 'retain'>,
  ): boolean {
    try {
      return rightIn(permissions.mayPublish(topic, qos, retain))
    } catch (error) {
      return this.#noRight(error, clientId)
    }
  }

  maySubscribe(
    permissions: Permissions,
    { topicFilter, shareName }: FilterParts,
    clientId: string,
  ): boolean {
    try {
      return rightIn(permissions.maySubscribe(topicFilter, shareName))
    } catch (error) {
      return this.#noRight(error, clientId)
    }
  }

  mayUnsubscribe(
    permissions: Permissions,
    { topicFilter, shareName }: FilterParts,
    clientId: string,
  ): boolean {
    try {
      if (permissions.mayUnsubscribe === undefined) return true
      return rightIn(permissions.mayUnsubscribe(topicFilter, shareName))
    } catch (error) {
      return this.#noRight(error, clientId)
    }
  }

  mayShare(permissions: Permissions, topicFilter: string, clientId: string): boolean {
    try {
      return permissions.mayShare === undefined || rightIn(permissions.mayShare(topicFilter))
    } catch (error) {
      return this.#noRight(error, clientId)
    }
  }

  mayReceive(permissions: Permissions, topic: string, clientId: string): boolean {
    try {
      return permissions.mayReceive === undefined || rightIn(permissions.mayReceive(topic))
    } catch (error) {
      return this.#noRight(error, clientId)
    }
  }

  /** Returns the permissions of a client that is not connected: none if they are unknown or the access throws. */
  permissionsOf(access: Access, identity: Identity): Permissions {
    try {
      const answer: unknown = access.permissionsOf(identity)
      if (answer === null) return NOTHING
      if (isPermissions(answer)) return answer
      throw new TypeError('permissionsOf is answered with permissions or null, at once')
    } catch (error) {
      this.failed('right', error, identity.clientId)
      return NOTHING
    }
  }

  #noRight(error: unknown, clientId: string | null): false {
    this.failed('right', error, clientId)
    return false
  }

  /** Counts and reports an exception that was contained. */
  failed(place: FaultPlace, error: unknown, clientId: string | null): void {
    if (place === 'connection') this.#statistics.internalErrors += 1
    else this.#statistics.hookErrors += 1
    this.observers.heard.failed?.(place, error, clientId)
  }

  /** Reports an exception of an observer. The observer of `failed` may itself be the one that throws. */
  #observerFailed(error: unknown): void {
    this.#statistics.hookErrors += 1
    if (this.#isReporting) return
    this.#isReporting = true
    this.observers.heard.failed?.('observer', error, null)
    this.#isReporting = false
  }
}
