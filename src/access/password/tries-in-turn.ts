// Tries for the same key are made one after the other: guesses at the same time would all be free.

/** Tries that wait for their turn, each key for itself; further ones are turned away. */
export const TRIES_WAITING_MAX = 8

interface Line {
  last: Promise<unknown>
  length: number
}

export class TriesInTurn {
  readonly #lines = new Map<string, Line>()
  turnedAway = 0

  /** Null when too many wait. */
  make<Answer>(key: string, attempt: () => Promise<Answer>): Promise<Answer> | null {
    const line = this.#lines.get(key) ?? { last: Promise.resolve(), length: 0 }
    if (line.length >= TRIES_WAITING_MAX) {
      this.turnedAway++
      return null
    }
    this.#lines.set(key, line)
    line.length++
    const answer = line.last.then(attempt).finally(() => {
      line.length--
      if (line.length === 0) this.#lines.delete(key)
    })
    // The next one comes whatever becomes of this one.
    line.last = answer.catch(() => {})
    return answer
  }
}
