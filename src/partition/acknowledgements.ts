// Up to where the stream of another partition is applied, and up to where that is stored: only so much is acknowledged.

import type { CommitId } from '../store/journal.ts'

export class Acknowledgements {
  /** What is acknowledged. */
  position = 0
  #pending: { readonly position: number; readonly commitId: CommitId }[] = []

  get areWaiting(): boolean {
    return this.#pending.length > 0
  }

  applied(position: number, commitId: CommitId): void {
    this.#pending.push({ position, commitId })
  }

  /** Returns whether there is more to acknowledge. */
  reach(committed: CommitId): boolean {
    let done = 0
    while ((this.#pending[done]?.commitId ?? Infinity) <= committed) done += 1
    const last = this.#pending.splice(0, done).at(-1)
    if (last === undefined) return false
    this.position = last.position
    return true
  }

  /** The stream begins anew. */
  restart(): void {
    this.position = 0
    this.#pending = []
  }
}
