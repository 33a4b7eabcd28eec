// A store that commits when the test calls it. Tests use it to check which packets wait for a commit.

import type { Change, Owner } from '../../src/store/change.ts'
import { MemoryStore } from '../../src/store/memory-store.ts'
import type { Snapshot, Store, StoredDelivery } from '../../src/store/store.ts'

export class DelayingStore implements Store {
  readonly durability = 'memory'
  isFull = false
  /** Every group of changes that was handed over, committed or not. */
  readonly groups: (readonly Change[])[] = []
  readonly #inner = new MemoryStore()
  readonly #pages: (() => void)[] = []
  #recorded: Change[] = []
  readonly #waiting: { changes: readonly Change[]; done: (error: Error | null) => void }[] = []

  open(): Promise<Snapshot> {
    return this.#inner.open()
  }

  record(change: Change): void {
    this.#recorded.push(change)
  }

  commit(done: (error: Error | null) => void): void {
    const changes = this.#recorded
    this.#recorded = []
    this.groups.push(changes)
    this.#waiting.push({ changes, done })
  }

  page(
    owner: Owner,
    after: number,
    done: (error: Error | null, deliveries: readonly StoredDelivery[]) => void,
  ): void {
    // As with a real one: after the commits that were handed over before it.
    const read = (): void => this.#inner.page(owner, after, done)
    if (this.#waiting.length === 0) read()
    else this.#pages.push(read)
  }

  /** Commits what was handed over so far and no more. */
  commits(): void {
    const pages = this.#pages.splice(0)
    for (const { changes, done } of this.#waiting.splice(0)) {
      for (const change of changes) this.#inner.record(change)
      this.#inner.commit(done)
    }
    for (const read of pages) read()
  }

  /** Commits until nothing is outstanding any more. */
  commitsAll(): void {
    while (this.outstanding > 0) this.commits()
  }

  /** The outstanding commit fails. */
  fails(error: Error): void {
    for (const { done } of this.#waiting.splice(0)) done(error)
  }

  get outstanding(): number {
    return this.#waiting.length
  }

  close(): Promise<void> {
    return this.#inner.close()
  }
}
