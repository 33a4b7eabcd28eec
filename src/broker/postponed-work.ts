// Work that earlier turns have not finished: it grows with a queue, and no connection exists that could continue it.

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

  /** Continues the work, up to half of the work of this turn. The other half is for clients. */
  proceed(): void {
    const turn = this.#turn
    const { turnWorkLeft } = turn
    const half = turnWorkLeft / 2
    turn.turnWorkLeft = half
    const waiting = this.#waiting
    this.#waiting = []
    let next = 0
    for (; next < waiting.length && turn.turnWorkLeft > 0; next++) waiting[next]?.proceed()
    // Work that got no part of this turn comes before work that did.
    this.#waiting = [...waiting.slice(next), ...this.#waiting]
    turn.turnWorkLeft += turnWorkLeft - half
  }
}
