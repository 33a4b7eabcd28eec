// The packet identifiers of QoS 2 messages from one client that were routed and wait for PUBREL.

import type { Journal } from '../store/journal.ts'
import type { MemoryAccount } from './memory-account.ts'

/** The heap bytes of an identifier in a Set. */
const IDENTIFIER_BYTES = 40

interface Owner {
  readonly clientId: string
  readonly isDurable: boolean
}

export class IncomingWindow {
  readonly #owner: Owner
  readonly #journal: Journal
  readonly #memory: MemoryAccount
  #packetIds: Set<number> | null = null

  constructor(owner: Owner, journal: Journal, memory: MemoryAccount) {
    this.#owner = owner
    this.#journal = journal
    this.#memory = memory
  }

  get size(): number {
    return this.#packetIds?.size ?? 0
  }

  get packetIds(): readonly number[] {
    return [...(this.#packetIds ?? [])]
  }

  has(packetId: number): boolean {
    return this.#packetIds?.has(packetId) ?? false
  }

  /** Adds an identifier. A PUBLISH with the same identifier is then a repetition and is not routed again [MQTT-4.3.3-10]. */
  open(packetId: number): void {
    this.restore(packetId)
    if (!this.#owner.isDurable) return
    this.#journal.record({ kind: 'incoming-opened', clientId: this.#owner.clientId, packetId })
  }

  /** PUBREL arrived: the identifier may be used again. Returns false when it was not in use. */
  release(packetId: number): boolean {
    if (this.#packetIds === null || !this.#packetIds.delete(packetId)) return false
    this.#memory.add('sessions', -IDENTIFIER_BYTES)
    if (this.#owner.isDurable) {
      this.#journal.record({ kind: 'incoming-released', clientId: this.#owner.clientId, packetId })
    }
    return true
  }

  /** Restores identifiers from the store. */
  restore(packetId: number): void {
    this.#packetIds ??= new Set()
    if (this.#packetIds.has(packetId)) return
    this.#packetIds.add(packetId)
    this.#memory.add('sessions', IDENTIFIER_BYTES)
  }

  /** Ends with the session. */
  clear(): void {
    this.#memory.add('sessions', -IDENTIFIER_BYTES * this.size)
    this.#packetIds = null
  }
}
