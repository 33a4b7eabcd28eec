// Messages of QoS 0 for one other partition. They go beside its stream, at most once.

import type { CommitId } from '../store/journal.ts'

interface Outgoing {
  readonly bytes: Buffer
  readonly commitId: CommitId
}

export class OutgoingQoS0 {
  #waiting: Outgoing[] = []
  #sent = 0

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** The position of the next one that is sent. */
  get next(): number {
    return this.#sent + 1
  }

  push(bytes: Buffer, commitId: CommitId): void {
    this.#waiting.push({ bytes, commitId })
  }

  /** Removes and returns those that may be sent. */
  take(committed: CommitId): readonly Buffer[] {
    let count = 0
    while ((this.#waiting[count]?.commitId ?? Infinity) <= committed) count += 1
    return this.#waiting.splice(0, count).map(({ bytes }) => bytes)
  }

  sent(count: number): void {
    this.#sent += count
  }

  /** The other partition has started. */
  restart(): void {
    this.#waiting = []
    this.#sent = 0
  }
}
