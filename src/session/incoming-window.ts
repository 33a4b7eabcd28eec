// QoS 2 messages from one client that were routed and wait for PUBREL: their packet identifiers, no more.

import type { Journal } from '../store/journal.ts'

interface Owner {
  readonly clientId: string
  readonly isDurable: boolean
}

export class IncomingWindow {
  readonly #owner: Owner
  readonly #journal: Journal
  #packetIds: Set<number> | null = null

  constructor(owner: Owner, journal: Journal) {
    this.#owner = owner
    this.#journal = journal
  }

  get size(): number {
    return this.#packetIds?.size ?? 0
  }

  has(packetId: number): boolean {
    return this.#packetIds?.has(packetId) ?? false
  }

  /** From here on the same identifier is a repetition and is not routed again [MQTT-4.3.3-10]. */
  open(packetId: number): void {
    this.restore(packetId)
    if (!this.#owner.isDurable) return
    this.#journal.record({ kind: 'incoming-opened', clientId: this.#owner.clientId, packetId })
  }

  /** PUBREL: the identifier may be used anew. False when it was not in use. */
  release(packetId: number): boolean {
    if (this.#packetIds === null || !this.#packetIds.delete(packetId)) return false
    if (this.#owner.isDurable) {
      this.#journal.record({ kind: 'incoming-released', clientId: this.#owner.clientId, packetId })
    }
    return true
  }

  /** As the store kept it. */
  restore(packetId: number): void {
    this.#packetIds ??= new Set()
    this.#packetIds.add(packetId)
  }
}
