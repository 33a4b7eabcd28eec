// What earlier turns have left: work that grows with a queue, and belongs to no connection that could go on with it.

import type { Postponed } from '../session/session-context.ts'

export class PostponedWork {
  readonly #turn: { turnWorkLeft: number }
  #waiting: Postponed[] = []

  constructor(turn: { turnWorkLeft: number }) {
    this.#turn = turn
  }

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  add(work: Postponed): void {
    this.#waiting.push(work)
  }

  /** Goes on for half of what this turn may do: the clients have the other half. */
  proceed(): void {
    const turn = this.#turn
    const { turnWorkLeft } = turn
    const half = turnWorkLeft / 2
    turn.turnWorkLeft = half
    const waiting = this.#waiting
    this.#waiting = []
    let next = 0
    for (; next < waiting.length && turn.turnWorkLeft > 0; next++) waiting[next]?.proceed()
    // They have waited already: before those that have had a part of this turn.
    this.#waiting = [...waiting.slice(next), ...this.#waiting]
    turn.turnWorkLeft += turnWorkLeft - half
  }
}
