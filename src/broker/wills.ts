// Wills, from CONNECT until they are published or discarded.

import { propertiesBytes, textBytes } from '../message.ts'
import type { Will } from '../packet/packet.ts'
import { ChurnMap } from '../routing/churn-map.ts'
import type { Principal } from '../session/client-rights.ts'
import type { MemoryAccount } from '../session/memory-account.ts'
import type { Journal } from '../store/journal.ts'
import type { Deadline, Deadlines } from './deadlines.ts'

/** The heap bytes of a will, with its entries in maps and deadlines. */
const WILL_BYTES = 700

interface WillOfClient {
  readonly will: Will
  /** The client whose rights decide whether it is published. */
  readonly owner: Principal
}

/** The part of the broker that wills use. */
export interface WillPublisher {
  /** Whether wills must wait, because a message might be owed to nobody. */
  readonly mustWaitForPeers: boolean
  readonly now: number
  publishWill(will: Will, owner: Principal): void
}

class PendingWill implements Deadline {
  place: Deadline['place'] = undefined
  readonly #wills: Wills
  readonly #clientId: string

  constructor(wills: Wills, clientId: string) {
    this.#wills = wills
    this.#clientId = clientId
  }

  expired(): void {
    this.#wills.publish(this.#clientId)
  }
}

export class Wills {
  readonly #wills = new ChurnMap<string, WillOfClient>()
  readonly #pending = new Map<string, PendingWill>()
  readonly #publisher: WillPublisher
  readonly #deadlines: Deadlines
  readonly #journal: Journal
  readonly #memory: MemoryAccount

  constructor(
    publisher: WillPublisher,
    deadlines: Deadlines,
    journal: Journal,
    memory: MemoryAccount,
  ) {
    this.#memory = memory
    this.#publisher = publisher
    this.#deadlines = deadlines
    this.#journal = journal
  }

  /** Returns the will of a client, connected or away; null for none. */
  of(clientId: string): Will | null {
    return this.#wills.get(clientId)?.will ?? null
  }

  /** Sets the will of a new connection. It replaces an older one [MQTT-3.1.2-7]. */
  set(owner: Principal, will: Will | null): void {
    const { clientId } = owner
    this.forget(clientId)
    if (will === null) return
    this.#wills.set(clientId, { will, owner })
    this.#count(will, 1)
    this.#journal.record({ kind: 'will-set', clientId, will })
  }

  /** Discards the will, because the client sent DISCONNECT or reconnected in time [MQTT-3.1.2-10, MQTT-3.1.3-9]. */
  forget(clientId: string): void {
    const entry = this.#wills.get(clientId)
    if (entry === null) return
    this.#wills.delete(clientId)
    this.#count(entry.will, -1)
    const pending = this.#pending.get(clientId)
    if (pending !== undefined) {
      this.#pending.delete(clientId)
      this.#deadlines.clear(pending)
    }
    this.#journal.record({ kind: 'will-cleared', clientId })
  }

  /**
   * Discards a delayed will, because the client reconnected in time, though with a new session. mosquitto does the same: the
   * delay exists so that a short loss of the network publishes no will.
   */
  forgetDelayed(clientId: string): void {
    if (this.#pending.has(clientId)) this.forget(clientId)
  }

  /** The connection was lost: publishes the will, or sets the deadline of its delay [MQTT-3.1.2-8]. */
  connectionLost(clientId: string): void {
    const entry = this.#wills.get(clientId)
    if (entry === null) return
    const delaySeconds = entry.will.properties.willDelayInterval ?? 0
    if (delaySeconds === 0) {
      this.publish(clientId)
      return
    }
    this.#delay(clientId, this.#publisher.now + delaySeconds * 1_000)
  }

  /** Restores a will from the store. It is due at `at`; without `at` the client was connected, and its connection is lost now. */
  restore(owner: Principal, will: Will, at: number | null): void {
    const { clientId } = owner
    this.#wills.set(clientId, { will, owner })
    this.#count(will, 1)
    if (at === null) this.connectionLost(clientId)
    // A client that reconnects in this turn is too late to discard the will.
    else if (at <= this.#publisher.now) this.publish(clientId)
    else this.#delay(clientId, at)
  }

  #count({ topic, payload, properties }: Will, sign: 1 | -1): void {
    const heap = WILL_BYTES + textBytes(topic) + propertiesBytes(properties)
    this.#memory.add('wills', sign * heap)
    this.#memory.addBuffer(sign * payload.length)
  }

  #delay(clientId: string, at: number): void {
    this.#journal.record({ kind: 'will-delayed', clientId, at })
    const pending = new PendingWill(this, clientId)
    this.#pending.set(clientId, pending)
    this.#deadlines.set(pending, at)
  }

  /** Publishes the client's will, if it has one, because its delay or its session has ended [MQTT-3.1.2-8]. */
  publish(clientId: string): void {
    const entry = this.#wills.get(clientId)
    if (entry === null) return
    if (this.#publisher.mustWaitForPeers) {
      this.#delay(clientId, this.#publisher.now)
      return
    }
    this.forget(clientId)
    this.#publisher.publishWill(entry.will, entry.owner)
  }
}
