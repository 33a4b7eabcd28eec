// How many lines may tell the same: counted by what they say, by address and by event, for a minute each. What is
// over a bound is summed up, and the sum is told when the minute is over.

export interface LineBounds {
  /** Lines a minute with the same event, client and cause. */
  readonly repeatsMax: number
  /** Lines a minute with the same event from one address. */
  readonly addressLinesMax: number
  /** Lines a minute with the same event. */
  readonly eventLinesMax: number
}

/** What a line is counted by. */
export interface LineRate {
  readonly event: string
  /** What tells it from other lines of the event: client, address, cause. */
  readonly key: string
  /** The address, or where there is none the client. */
  readonly source: string
  /** Instead of `repeatsMax` of the bounds. */
  readonly repeatsMax?: number
}

/** Which of the bounds was met. */
export type SumOf = 'repeats' | 'address' | 'event'

/** Lines that were not printed, and one that stands for them. */
export interface Sum<Line> {
  readonly of: SumOf
  readonly line: Line
  readonly more: number
}

const WINDOW_MS = 60_000
/** Lines that are remembered in all; those beyond are only counted with their event. */
const WINDOWS_MAX = 20_000

interface Window<Line> {
  readonly of: SumOf
  readonly line: Line
  readonly endsAt: number
  printed: number
  more: number
}

export class LineLimiter<Line> {
  readonly #bounds: LineBounds
  /** In the order in which they end. */
  readonly #windows = new Map<string, Window<Line>>()

  constructor(bounds: LineBounds) {
    this.#bounds = bounds
  }

  get size(): number {
    return this.#windows.size
  }

  /** Whether it would be a line too many. If so it is counted. */
  counts({ event, key, source, repeatsMax }: LineRate): boolean {
    const { addressLinesMax, eventLinesMax } = this.#bounds
    return (
      this.#isOver(`=${event}\n${key}`, repeatsMax ?? this.#bounds.repeatsMax) ||
      this.#isOver(`<${event}\n${source}`, addressLinesMax) ||
      this.#isOver(`*${event}`, eventLinesMax)
    )
  }

  /** The line was not one too many. */
  printed({ event, key, source }: LineRate, line: Line, now: number): void {
    this.#printed(`*${event}`, 'event', line, now)
    if (this.#windows.size >= WINDOWS_MAX) return
    this.#printed(`<${event}\n${source}`, 'address', line, now)
    this.#printed(`=${event}\n${key}`, 'repeats', line, now)
  }

  /** The sums of the minutes that are over. */
  due(now: number): readonly Sum<Line>[] {
    const sums: Sum<Line>[] = []
    for (const [key, window] of this.#windows) {
      if (window.endsAt > now) break
      this.#windows.delete(key)
      const { of, line, more } = window
      if (more > 0) sums.push({ of, line, more })
    }
    return sums
  }

  #isOver(key: string, linesMax: number): boolean {
    const window = this.#windows.get(key)
    if (window === undefined || window.printed < linesMax) return false
    window.more += 1
    return true
  }

  #printed(key: string, of: SumOf, line: Line, now: number): void {
    const window = this.#windows.get(key)
    if (window !== undefined) window.printed += 1
    else this.#windows.set(key, { of, line, endsAt: now + WINDOW_MS, printed: 1, more: 0 })
  }
}
