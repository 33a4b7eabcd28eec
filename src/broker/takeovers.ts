// Connections with one client id that end each other again and again: most often two devices have the same client id, and each
// comes back at once. The next ones wait before they may take the session over, longer each time.

import type { Limits } from '../limits.ts'

type TakeoverLimits = Pick<Limits, 'takeoversPerMinuteMax' | 'takeoverDelaySecondsMax'>

const MINUTE_MS = 60_000
const FIRST_DELAY_MS = 1_000
/** The most client ids that are kept, and the most characters of all. */
const CLIENTS_MAX = 10_000
const CHARACTERS_MAX = 4_194_304

/** The takeovers of one client id. */
interface Row {
  readonly count: number
  /** When the first and the last one were. */
  readonly since: number
  readonly at: number
}

/** A CONNECT that waits until it may take a session over. */
interface WaitingTakeover {
  /** The connection that holds the session has ended. */
  holderLeft(): void
}

export class Takeovers {
  readonly #limits: TakeoverLimits
  /** Least recently taken over first. */
  readonly #rows = new Map<string, Row>()
  #characters = 0
  /** By client id, in the order of their coming. */
  readonly #waiting = new Map<string, Set<WaitingTakeover>>()

  constructor(limits: TakeoverLimits) {
    this.#limits = limits
  }

  /** Counts a takeover. Returns how many there were in a row if that is to be reported, otherwise 0. */
  count(clientId: string, now: number): number {
    const max = this.#limits.takeoversPerMinuteMax
    if (max === 0) return 0
    const row = this.#rowOf(clientId, now)
    const count = (row?.count ?? 0) + 1
    this.#forget(clientId)
    this.#rows.set(clientId, { count, since: row?.since ?? now, at: now })
    this.#characters += clientId.length
    this.#forgetOldest()
    return isReported(count / max) ? count : 0
  }

  /** Returns how long a CONNECT with this client id waits, if another connection holds its session. */
  delayMsOf(clientId: string, now: number): number {
    if (this.#rows.size === 0) return 0
    const { takeoversPerMinuteMax, takeoverDelaySecondsMax } = this.#limits
    const over = (this.#rowOf(clientId, now)?.count ?? 0) - takeoversPerMinuteMax
    return over < 0 ? 0 : Math.min(takeoverDelaySecondsMax * 1_000, FIRST_DELAY_MS * 2 ** over)
  }

  /** Whether the last takeover was so recent that the connection that it made is to be served first. */
  isTooSoon(clientId: string, now: number): boolean {
    const row = this.#rowOf(clientId, now)
    return row !== undefined && now - row.at < this.delayMsOf(clientId, now)
  }

  /** How many client ids have a CONNECT that waits. */
  get waitedFor(): number {
    return this.#waiting.size
  }

  waits(clientId: string, takeover: WaitingTakeover): void {
    const line = this.#waiting.get(clientId) ?? new Set()
    line.add(takeover)
    this.#waiting.set(clientId, line)
  }

  waitsNoMore(clientId: string, takeover: WaitingTakeover): void {
    const line = this.#waiting.get(clientId)
    if (line?.delete(takeover) === true && line.size === 0) this.#waiting.delete(clientId)
  }

  /** The connection that held the session has ended: the first that waits may come in. */
  holderLeft(clientId: string): void {
    if (this.#waiting.size === 0) return
    const [first] = this.#waiting.get(clientId) ?? []
    first?.holderLeft()
  }

  /** Returns the takeovers that still count: of the last minute or, once they are too many, until there was none for a minute. */
  #rowOf(clientId: string, now: number): Row | undefined {
    const row = this.#rows.get(clientId)
    if (row === undefined) return undefined
    const isContested = row.count >= this.#limits.takeoversPerMinuteMax
    return now - (isContested ? row.at : row.since) > MINUTE_MS ? undefined : row
  }

  #forgetOldest(): void {
    for (const oldest of this.#rows.keys()) {
      if (this.#rows.size <= CLIENTS_MAX && this.#characters <= CHARACTERS_MAX) return
      this.#forget(oldest)
    }
  }

  #forget(clientId: string): void {
    if (this.#rows.delete(clientId)) this.#characters -= clientId.length
  }
}

/** Whether the number has reached 1, 2, 4, 8 … times the bound. */
function isReported(times: number): boolean {
  return times >= 1 && Number.isInteger(Math.log2(times))
}
