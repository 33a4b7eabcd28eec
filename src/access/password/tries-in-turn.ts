// Runs attempts for the same key one after the other. Parallel guesses would otherwise have no delay.

/** The most waiting attempts per key. Further ones are refused. */
export const TRIES_WAITING_MAX = 8

interface Line {
  last: Promise<unknown>
  length: number
}

export class TriesInTurn {
  readonly #lines = new Map<string, Line>()
  turnedAway = 0

  /** Runs an attempt in its turn. Returns null when too many wait. */
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
    // The next attempt runs whether this one succeeds or fails.
    line.last = answer.catch(() => {})
    return answer
  }
}
