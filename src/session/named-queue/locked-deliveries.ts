// The messages of all named queues that prepared transactions have locked.

import type { HeldDelivery } from './held-delivery.ts'

export class LockedDeliveries {
  readonly #byTransaction = new Map<string, Set<HeldDelivery>>()

  of(clientId: string, transaction: string): readonly HeldDelivery[] {
    return [...(this.#byTransaction.get(keyOf(clientId, transaction)) ?? [])]
  }

  add(held: HeldDelivery, transaction: string): void {
    const key = keyOf(held.clientId, transaction)
    const locked = this.#byTransaction.get(key) ?? new Set<HeldDelivery>()
    locked.add(held)
    this.#byTransaction.set(key, locked)
  }

  delete(held: HeldDelivery, transaction: string): void {
    const key = keyOf(held.clientId, transaction)
    const locked = this.#byTransaction.get(key)
    locked?.delete(held)
    if (locked?.size === 0) this.#byTransaction.delete(key)
  }
}

/** No text of MQTT has U+0000 [MQTT-1.5.4-2]. */
function keyOf(clientId: string, transaction: string): string {
  return `${clientId}\0${transaction}`
}
