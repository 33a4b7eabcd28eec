// Counts log lines by client and cause, by address and by event, for a minute each. Lines over a bound are only counted,
// and their sum is due when the minute is over.

export interface LineBounds {
  /** Lines a minute with the same event, client and cause. */
  readonly repeatsMax: number
  /** Lines a minute with the same event from one address. */
  readonly addressLinesMax: number
  /** Lines a minute with the same event. */
  readonly eventLinesMax: number
}

/** The keys by which a line is counted. */
export interface LineRate {
  readonly event: string
  /** The values that distinguish it from other lines of the event: client, address, cause. */
  readonly key: string
  /** The address, or the client if there is no address. */
  readonly source: string
}

/** The bound that was reached. */
type SumOf = 'repeats' | 'address' | 'event'

/** Lines that were not printed, with an example. */
export interface Sum<Line> {
  readonly of: SumOf
  readonly line: Line
  readonly more: number
}

const WINDOW_MS = 60_000
/** The most windows. Beyond this, lines are only counted with their event. */
const WINDOWS_MAX = 20_000

interface Window<Line> {
  readonly of: SumOf
  readonly line: Line
  readonly endsAt: number
  /** The map that it is in. */
  readonly place: Map<string, Window<Line>>
  readonly key: string
  printed: number
  more: number
}

/** The windows of one event. */
interface Windows<Line> {
  readonly all: Map<string, Window<Line>>
  readonly bySource: Map<string, Window<Line>>
  readonly byKey: Map<string, Window<Line>>
}

export class LineLimiter<Line> {
  readonly #bounds: LineBounds
  // By event first, so that no strings are joined to find a window.
  readonly #events = new Map<string, Windows<Line>>()
  /** In the order in which they end. */
  #queue: Window<Line>[] = []

  constructor(bounds: LineBounds) {
    this.#bounds = bounds
  }

  /** Whether the line is over a bound. If so it is counted. */
  counts({ event, key, source }: LineRate): boolean {
    const windows = this.#events.get(event)
    if (windows === undefined) return false
    const { repeatsMax, addressLinesMax, eventLinesMax } = this.#bounds
    return (
      isOver(windows.byKey.get(key), repeatsMax) ||
      isOver(windows.bySource.get(source), addressLinesMax) ||
      isOver(windows.all.get(''), eventLinesMax)
    )
  }

  /** Whether a line of this key was printed in this minute. If so it is counted. */
  countsAgain(event: string, key: string): boolean {
    return isOver(this.#events.get(event)?.byKey.get(key), 1)
  }

  /** Counts a line that is printed, because it was within the bounds. */
  printed({ event, key, source }: LineRate, line: Line, now: number): void {
    const windows = this.#windowsOf(event)
    this.#printed(windows.all, '', { of: 'event', line, now })
    if (this.#queue.length >= WINDOWS_MAX) return
    this.#printed(windows.bySource, source, { of: 'address', line, now })
    this.#printed(windows.byKey, key, { of: 'repeats', line, now })
  }

  /** The sums of the minutes that are over. */
  due(now: number): readonly Sum<Line>[] {
    const sums: Sum<Line>[] = []
    let count = 0
    for (const window of this.#queue) {
      if (window.endsAt > now) break
      count += 1
      window.place.delete(window.key)
      const { of, line, more } = window
      if (more > 0) sums.push({ of, line, more })
    }
    if (count > 0) this.#queue = this.#queue.slice(count)
    return sums
  }

  #windowsOf(event: string): Windows<Line> {
    const known = this.#events.get(event)
    if (known !== undefined) return known
    const windows = {
      all: new Map<string, Window<Line>>(),
      bySource: new Map<string, Window<Line>>(),
      byKey: new Map<string, Window<Line>>(),
    }
    this.#events.set(event, windows)
    return windows
  }

  #printed(
    place: Map<string, Window<Line>>,
    key: string,
    { of, line, now }: { readonly of: SumOf; readonly line: Line; readonly now: number },
  ): void {
    const known = place.get(key)
    if (known !== undefined) {
      known.printed += 1
      return
    }
    const window = { of, line, endsAt: now + WINDOW_MS, place, key, printed: 1, more: 0 }
    place.set(key, window)
    this.#queue.push(window)
  }
}

function isOver<Line>(window: Window<Line> | undefined, linesMax: number): boolean {
  if (window === undefined || window.printed < linesMax) return false
  window.more += 1
  return true
}
