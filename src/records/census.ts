// Looks at all sessions every few seconds, a part at a time: how much is queued in all, whose queues are long, who sends and gets
// most, and who reads slowly.

import type { Broker } from '../broker/broker.ts'
import type { SessionHolder } from '../broker/sessions.ts'
import { shortened } from '../packet/text.ts'
import type { Session } from '../session/session.ts'
import type { CountedNames } from './counted-names.ts'

interface TopEntry {
  readonly name: string
  readonly value: number
}

/** The first of each are the highest. Rates are messages a second. */
interface Top {
  readonly queues: readonly TopEntry[]
  readonly drops: readonly TopEntry[]
  readonly refusals: readonly TopEntry[]
  readonly received: readonly TopEntry[]
  readonly sent: readonly TopEntry[]
  /** Bytes that wait for a socket. */
  readonly slowReaders: readonly TopEntry[]
}

interface FillingQueue {
  readonly clientId: string
  readonly queuedMessages: number
}

interface CensusOptions {
  readonly broker: Broker
  readonly drops: CountedNames
  readonly refusals: CountedNames
  /** The queue of a client has reached 80 % of its bound. */
  readonly queueFills: (clientId: string, cause: string) => void
  /** Milliseconds, with fractions, of a clock that never goes back. */
  readonly now: () => number
  /** Calls back in a later iteration of the event loop. */
  readonly later: (proceed: () => void) => void
}

export const CENSUS_MS = 5_000
const SLICE_MS = 2
/** How many sessions are looked at before the clock is. */
const PIECE_SESSIONS = 64
const TOP_ENTRIES = 5
/** A longer client id is cut, so that the answer of the API stays small. */
const NAME_BYTES_MAX = 256
const FILLING_PART = 0.8
/** The most queues that are named as filling. */
const FILLING_MAX = 1_000

const NOBODY: Top = {
  queues: [],
  drops: [],
  refusals: [],
  received: [],
  sent: [],
  slowReaders: [],
}

export class Census {
  top: Top = NOBODY
  queuedMessages = 0
  queuedBytes = 0
  /** The longest first. */
  filling: readonly FillingQueue[] = []
  readonly #options: CensusOptions
  #filled = new Set<string>()
  #isCounting = false
  #lastAt: number

  constructor(options: CensusOptions) {
    this.#options = options
    this.#lastAt = options.now()
  }

  /** Begins to look at all sessions. */
  begin(): void {
    if (this.#isCounting) return
    this.#isCounting = true
    const { now, broker } = this.#options
    const seconds = Math.max(1, now() - this.#lastAt) / 1_000
    this.#lastAt = now()
    const counting = new Counting(broker)
    const proceed = (): void => {
      const until = now() + SLICE_MS
      while (now() < until) {
        if (counting.proceed(PIECE_SESSIONS)) continue
        this.#end(counting, seconds)
        return
      }
      this.#options.later(proceed)
    }
    proceed()
  }

  #end(counting: Counting, seconds: number): void {
    const { broker, drops, refusals } = this.#options
    this.#isCounting = false
    let { queuedMessages, queuedBytes } = counting
    for (const { queue } of broker.subscriptions.groups.all) {
      queuedMessages += queue.messages
      queuedBytes += queue.bytes
    }
    this.queuedMessages = queuedMessages
    this.queuedBytes = queuedBytes
    const aSecond = ({ name, value }: TopEntry): TopEntry => ({
      name,
      value: Math.round((10 * value) / seconds) / 10,
    })
    this.top = {
      queues: counting.queues.entries,
      drops: drops.take(TOP_ENTRIES),
      refusals: refusals.take(TOP_ENTRIES),
      received: counting.received.entries.map(aSecond),
      sent: counting.sent.entries.map(aSecond),
      slowReaders: counting.slowReaders.entries,
    }
    this.#tellFilling(counting.filling)
  }

  #tellFilling(filling: readonly FillingQueue[]): void {
    const { queuedMessagesMax } = this.#options.broker.limits
    const before = this.#filled
    this.#filled = new Set(filling.map(({ clientId }) => clientId))
    for (const { clientId, queuedMessages } of filling) {
      if (before.has(clientId)) continue
      const cause = `its queue has ${queuedMessages} of ${queuedMessagesMax} messages`
      this.#options.queueFills(clientId, cause)
    }
    this.filling = filling.toSorted((one, other) => other.queuedMessages - one.queuedMessages)
  }
}

/** One look at all sessions. */
class Counting {
  queuedMessages = 0
  queuedBytes = 0
  readonly queues = new Highest()
  readonly received = new Highest()
  readonly sent = new Highest()
  readonly slowReaders = new Highest()
  readonly filling: FillingQueue[] = []
  readonly #broker: Broker
  readonly #sessions: Iterator<Session>
  readonly #fillsAt: number

  constructor(broker: Broker) {
    this.#broker = broker
    this.#sessions = broker.sessions.all()[Symbol.iterator]()
    this.#fillsAt = Math.max(1, broker.limits.queuedMessagesMax * FILLING_PART)
  }

  /** Looks at so many sessions. Returns false after the last one. */
  proceed(sessions: number): boolean {
    for (let left = sessions; left > 0; left--) {
      const next = this.#sessions.next()
      if (next.done === true) return false
      this.#look(next.value)
    }
    return true
  }

  #look({ clientId, queuedMessages, queuedBytes }: Session): void {
    if (queuedMessages > 0) {
      this.queuedMessages += queuedMessages
      this.queuedBytes += queuedBytes
      this.queues.add(clientId, queuedMessages)
      if (queuedMessages >= this.#fillsAt && this.filling.length < FILLING_MAX) {
        this.filling.push({ clientId, queuedMessages })
      }
    }
    const holder = this.#broker.sessions.holderOf(clientId)
    if (holder !== null) this.#lookAt(clientId, holder)
  }

  #lookAt(clientId: string, holder: SessionHolder): void {
    this.received.add(clientId, holder.takeReceived())
    this.sent.add(clientId, holder.takeSent())
    this.slowReaders.add(clientId, holder.waitingBytes)
  }
}

/** The names with the highest values. */
class Highest {
  readonly entries: TopEntry[] = []

  add(name: string, value: number): void {
    const { entries } = this
    if (value === 0) return
    if (entries.length === TOP_ENTRIES && value <= (entries.at(-1)?.value ?? 0)) return
    const place = entries.findIndex(entry => entry.value < value)
    const cut = shortened(name, NAME_BYTES_MAX)
    entries.splice(place === -1 ? entries.length : place, 0, { name: cut, value })
    if (entries.length > TOP_ENTRIES) entries.pop()
  }
}
