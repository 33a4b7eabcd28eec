// What the embedding program waits for: each of its publishes is done when all that was recorded for it is committed.

import type { Flushable, Turn } from '../loop/turn.ts'

interface Waiting {
  readonly commitId: number
  readonly done: () => void
  readonly failed: (error: Error) => void
}

/** Told by the turn like a socket: at its end, and after each commit that it waits for. */
export class Publishings implements Flushable {
  #waiting: Waiting[] = []
  #failure: Error | null = null

  /** Resolves when `commitId` is reached, and not before the turn has ended. Rejects when that cannot be any more. */
  committed(turn: Turn, commitId: number): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure)
    turn.requestFlush(this)
    return new Promise((done, failed) => {
      this.#waiting.push({ commitId, done, failed })
    })
  }

  flush(committed: number): boolean {
    const waiting = this.#waiting
    this.#waiting = waiting.filter(({ commitId }) => commitId > committed)
    for (const { commitId, done } of waiting) if (commitId <= committed) done()
    return this.#waiting.length > 0
  }

  proceed(): void {}

  /** Nothing more will be committed. */
  fail(error: Error): void {
    this.#failure ??= error
    for (const { failed } of this.#waiting.splice(0)) failed(this.#failure)
  }
}
