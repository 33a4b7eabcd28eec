// What the embedding program waits for: each of its publishes is done when all that was recorded for it is committed.

import type { Speaker, Turn } from '../loop/turn.ts'

interface Waiting {
  readonly promise: number
  readonly done: () => void
  readonly failed: (error: Error) => void
}

/** Told by the turn like a line: at its end, and after each commit that it waits for. */
export class Publishings implements Speaker {
  #waiting: Waiting[] = []
  #failure: Error | null = null

  /** Resolves when `promise` is reached, and not before the turn has ended. Rejects when that cannot be any more. */
  committed(turn: Turn, promise: number): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure)
    turn.attend(this)
    return new Promise((done, failed) => {
      this.#waiting.push({ promise, done, failed })
    })
  }

  flush(committed: number): boolean {
    const waiting = this.#waiting
    this.#waiting = waiting.filter(({ promise }) => promise > committed)
    for (const { promise, done } of waiting) if (promise <= committed) done()
    return this.#waiting.length > 0
  }

  proceed(): void {}

  /** Nothing more will be committed. */
  fail(error: Error): void {
    this.#failure ??= error
    for (const { failed } of this.#waiting.splice(0)) failed(this.#failure)
  }
}
