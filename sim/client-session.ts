// What a client keeps from one connection to the next, and what it may expect of the broker: I5 and I8.

import type { ClientConnection } from './client-connection.ts'
import type { EventQueue } from './event-queue.ts'
import type { Ledger, Publication, SessionRecord } from './ledger.ts'

export interface Outgoing {
  readonly publication: Publication
  readonly state: 'published' | 'released'
}

export interface SessionWorld {
  readonly events: EventQueue
  readonly ledger: Ledger
  readonly brokerStartedAt: number | null
}

interface Ended {
  readonly connection: ClientConnection
  /** Milliseconds at which the client knew. */
  readonly at: number
}

/** Longest time from a deadline to the commit of what it brings about. */
const SLACK_MS = 2_000

/** Expiries from here on do not pass in any run. */
const LONG_SECONDS = 10_000

export class ClientSession {
  readonly clientId: string
  /** PUBLISH and PUBREL that were not answered to the end, in the order of a resend. */
  readonly outgoing: Map<number, Outgoing> = new Map()
  /** QoS 2 from the broker: what was heard under which packet identifier until PUBREL. */
  readonly incoming: Map<number, string> = new Map()
  record: SessionRecord | null = null
  /** A clean start was asked for and not confirmed: the next one must be clean as well. */
  mustStartClean = false
  readonly #world: SessionWorld
  #expirySeconds = 0
  /** CONNECTs whose answer never came: the broker may have opened, or changed, a session. */
  #unansweredTerms: ClientConnection['terms'][] = []
  #lastEnded: Ended | null = null
  readonly #connections: ClientConnection[] = []
  #pendingWill: { readonly will: Publication; readonly delayMs: number } | null = null

  constructor(clientId: string, world: SessionWorld) {
    this.clientId = clientId
    this.#world = world
  }

  attempts(connection: ClientConnection): void {
    const { terms } = connection
    this.#connections.push(connection)
    // If no answer comes, nobody knows whether there is another session by then: only a clean start makes sure.
    const changes = this.record !== null && terms.expirySeconds !== this.#expirySeconds
    if (terms.cleanStart || changes || !this.#isSurelyThere) this.mustStartClean = true
    this.#unansweredTerms.push(terms)
    this.#judgeWillBeforeReturn()
  }

  opened(connection: ClientConnection, isPresent: boolean): void {
    const { terms } = connection
    const { ledger, events } = this.#world
    this.#checkPresence(connection, isPresent)
    this.mustStartClean = false
    this.#unansweredTerms = []
    if (!isPresent) this.#forget()
    this.record ??= ledger.sessionBegins(this.clientId, terms.expirySeconds > 0, events.count)
    this.record.wire = connection.wire
    this.#expirySeconds = terms.expirySeconds
  }

  lost(connection: ClientConnection): void {
    // One that was never answered may not have reached the session: it does not begin its expiry anew.
    if (!connection.isAccepted) return
    this.#lastEnded = { connection, at: this.#world.events.now }
    const { will } = connection.terms
    if (will !== null) this.#willIsDue(connection, will)
    if (this.#expirySeconds === 0) this.#forget()
  }

  /** At the end of a run nobody comes back any more. */
  judgeWillAtEnd(): void {
    this.#judgeWillBeforeReturn()
  }

  #forget(): void {
    if (this.record !== null) this.record.endedAt = this.#world.events.count
    this.record = null
    this.outgoing.clear()
    this.incoming.clear()
  }

  #checkPresence(connection: ClientConnection, isPresent: boolean): void {
    const expected = this.#expectedPresence(connection)
    if (expected === 'either' || (expected === 'present') === isPresent) return
    this.#world.ledger.violation(
      'I5',
      `${this.clientId} heard that its session is ${isPresent ? 'present' : 'absent'}, but it must be ${expected}`,
    )
  }

  #expectedPresence({ terms }: ClientConnection): 'present' | 'absent' | 'either' {
    if (terms.cleanStart) return 'absent'
    const earlier = this.#unansweredTerms.slice(0, -1)
    if (this.record === null) return earlier.length > 0 ? 'either' : 'absent'
    if (earlier.some(each => each.expirySeconds !== this.#expirySeconds)) return 'either'
    if (this.#isSurelyThere) return 'present'
    return terms.sentAt > this.#goneAtMs + this.#expirySeconds * 1_000 + SLACK_MS
      ? 'absent'
      : 'either'
  }

  /** The session that the client knows of cannot have expired by now. */
  get #isSurelyThere(): boolean {
    const ended = this.#lastEnded
    if (this.record === null || ended === null) return true
    // The broker may have given up a silent client long before the client knew.
    const isWatched = ended.connection.terms.keepAliveSeconds > 0
    const sinceMs = isWatched ? -Infinity : ended.at
    if (this.#expirySeconds >= LONG_SECONDS) return true
    return this.#world.events.now < sinceMs + this.#expirySeconds * 1_000 - SLACK_MS
  }

  /** From when on the broker counts, at the latest: it noticed, or it started and could not know better. */
  get #goneAtMs(): number {
    let gone = this.#world.brokerStartedAt ?? Infinity
    for (const { wire } of this.#connections.slice(0, -1)) {
      gone = Math.max(gone, wire.brokerClosedAtMs ?? Infinity)
    }
    return gone
  }

  /** The connection is gone without a goodbye: the will must be published, at once or after its delay. */
  #willIsDue(connection: ClientConnection, will: Publication): void {
    this.#pendingWill = null
    if (connection.hasSaidGoodbye) {
      this.#forgetWillLater(connection, will)
      return
    }
    const delaySeconds = Math.min(connection.terms.willDelaySeconds, this.#expirySeconds)
    if (delaySeconds === 0) will.fate = 'must'
    else this.#pendingWill = { will, delayMs: delaySeconds * 1_000 }
  }

  /** The broker heard the goodbye and lived on long enough to write it down: no will any more. */
  #forgetWillLater(connection: ClientConnection, will: Publication): void {
    const { wire, terms } = connection
    if (terms.keepAliveSeconds > 0 || wire.isBroken || wire.isBrokerClosed) return
    const { events, brokerStartedAt } = this.#world
    const connectionsBefore = this.#connections.length
    events.after(SLACK_MS, () => {
      const isSame = this.#world.brokerStartedAt === brokerStartedAt && brokerStartedAt !== null
      const isQuiet = this.#connections.length === connectionsBefore && wire.isBrokerClosed
      if (isSame && isQuiet) will.fate = 'never'
    })
  }

  /** Whether its time had come before the client came back. */
  #judgeWillBeforeReturn(): void {
    const pending = this.#pendingWill
    if (pending === null) return
    this.#pendingWill = null
    if (this.#world.events.now > this.#goneAtMs + pending.delayMs + SLACK_MS) {
      pending.will.fate = 'must'
    }
  }
}
