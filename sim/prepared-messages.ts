// The messages of prepared transactions in the store: once all are decided, none is left.

import type { Change } from '../src/store/change.ts'
import type { History } from './history.ts'
import type { CommitObserver } from './sim-store.ts'

export class PreparedMessages implements CommitObserver {
  readonly #history: History
  readonly #stored = new Set<number>()
  #committing: readonly Change[] = []

  constructor(history: History) {
    this.#history = history
  }

  commits(changes: readonly Change[]): void {
    this.#committing = changes
  }

  committed(): void {
    for (const change of this.#committing) {
      if (change.kind === 'held' && change.due === Infinity) this.#stored.add(change.sequence)
    }
    this.died()
  }

  /** What was being committed may be on disk: what it released is gone, or is released again. */
  died(): void {
    for (const change of this.#committing) {
      if (change.kind === 'released') this.#stored.delete(change.sequence)
    }
    this.#committing = []
  }

  /** All transactions are decided. */
  judge(): void {
    const { size } = this.#stored
    if (size > 0) this.#history.violation('transaction', `${size} messages are left in the store`)
  }
}
