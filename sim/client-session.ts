// The session state of a client across its connections, and what the client may expect of the broker: rules I5 and I8.

import { QUOTA_EXCEEDED } from '../src/packet/reason.ts'
import type { ClientConnection } from './client-connection.ts'
import type { EventQueue } from './event-queue.ts'
import type { History, Publication, SessionRecord } from './history.ts'

export interface Outgoing {
  readonly publication: Publication
  readonly state: 'published' | 'released'
}

export interface SessionWorld {
  readonly events: EventQueue
  readonly history: History
  readonly brokerStartedAt: number | null
  /** Whether the broker may end a connection with this reason in this world. */
  mayEndWith(reason: number): boolean
}

interface Ended {
  readonly connection: ClientConnection
  /** When the client noticed the end, in milliseconds. */
  readonly at: number
}

/** The longest time from a deadline to the commit of its effects. */
const SLACK_MS = 2_000

/** No run takes so long: an expiry of this many seconds never passes. */
const LONG_SECONDS = 10_000

export class ClientSession {
  readonly clientId: string
  /** PUBLISH and PUBREL packets whose exchange has not ended, in the order in which they are sent again. */
  readonly outgoing: Map<number, Outgoing> = new Map()
  /** Messages of QoS 2 from the broker, by packet identifier, from PUBLISH until PUBREL. */
  readonly incoming: Map<number, string> = new Map()
  record: SessionRecord | null = null
  /** The client asked for a clean start and got no CONNACK: its next CONNECT must be clean as well. */
  mustStartClean = false
  readonly #world: SessionWorld
  #expirySeconds = 0
  /** CONNECT packets without CONNACK: the broker may have opened or changed a session because of them. */
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
    // Without CONNACK the client cannot know whether the broker opened another session. Only a clean start is certain.
    const changes = this.record !== null && terms.expirySeconds !== this.#expirySeconds
    if (terms.cleanStart || changes || !this.#isSurelyThere) this.mustStartClean = true
    this.#unansweredTerms.push(terms)
    this.#judgeWillBeforeReturn()
  }

  opened(connection: ClientConnection, isPresent: boolean): void {
    const { terms } = connection
    const { history, events } = this.#world
    this.#checkPresence(connection, isPresent)
    this.mustStartClean = false
    this.#unansweredTerms = []
    if (!isPresent) this.#forget()
    this.record ??= history.sessionBegins(this.clientId, terms.expirySeconds > 0, events.count)
    this.record.wire = connection.wire
    this.#expirySeconds = terms.expirySeconds
  }

  lost(connection: ClientConnection): void {
    // A connection without CONNACK may not have reached the session, so it does not restart the session's expiry.
    if (!connection.isAccepted) return
    this.#lastEnded = { connection, at: this.#world.events.now }
    const { will } = connection.terms
    if (will !== null) this.#willIsDue(connection, will)
    if (this.#expirySeconds === 0) this.#forget()
  }

  /** At the end of a run no client reconnects. */
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
    this.#world.history.violation(
      'I5',
      `${this.clientId} received that its session is ${isPresent ? 'present' : 'absent'}, but it must be ${expected}`,
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

  /** Whether the session that the client knows of cannot have expired yet. */
  get #isSurelyThere(): boolean {
    const ended = this.#lastEnded
    if (this.record === null || ended === null) return true
    // The broker may have closed the connection by keep-alive long before the client noticed.
    const isWatched = ended.connection.terms.keepAliveSeconds > 0
    const sinceMs = isWatched ? -Infinity : ended.at
    if (this.#expirySeconds >= LONG_SECONDS) return true
    return this.#world.events.now < sinceMs + this.#expirySeconds * 1_000 - SLACK_MS
  }

  /** The latest time from which the broker counts the expiry: it saw the end of the connection, or it started later. */
  get #goneAtMs(): number {
    let gone = this.#world.brokerStartedAt ?? Infinity
    for (const { wire } of this.#connections.slice(0, -1)) {
      gone = Math.max(gone, wire.brokerClosedAtMs ?? Infinity)
    }
    return gone
  }

  /** The connection ended without DISCONNECT: the will must be published, at once or after its delay. */
  #willIsDue(connection: ClientConnection, will: Publication): void {
    this.#pendingWill = null
    if (connection.hasSentDisconnect) {
      this.#forgetWillLater(connection, will)
      return
    }
    const delaySeconds = Math.min(connection.terms.willDelaySeconds, this.#expirySeconds)
    if (delaySeconds === 0) will.fate = 'must'
    else this.#pendingWill = { will, delayMs: delaySeconds * 1_000 }
  }

  /** The broker received DISCONNECT and ran long enough to store that: the will must not be published. */
  #forgetWillLater(connection: ClientConnection, will: Publication): void {
    const { wire, terms } = connection
    if (terms.keepAliveSeconds > 0 || wire.isBroken || wire.isBrokerClosed) return
    if (connection.isEndedByAdministrator || this.#mayHaveBeenEnded(terms)) return
    const { events, brokerStartedAt } = this.#world
    const connectionsBefore = this.#connections.length
    events.after(SLACK_MS, () => {
      const isSame = this.#world.brokerStartedAt === brokerStartedAt && brokerStartedAt !== null
      const isQuiet = this.#connections.length === connectionsBefore && wire.isBrokerClosed
      if (isSame && isQuiet) will.fate = 'never'
    })
  }

  /** A full queue may have refused a message that came before DISCONNECT, which ends a connection of MQTT 3. */
  #mayHaveBeenEnded({ version }: ClientConnection['terms']): boolean {
    if (version === 5 || !this.#world.mayEndWith(QUOTA_EXCEEDED)) return false
    return [...this.outgoing.values()].some(({ state }) => state === 'published')
  }

  /** Decides whether the will was due before the client reconnected. */
  #judgeWillBeforeReturn(): void {
    const pending = this.#pendingWill
    if (pending === null) return
    this.#pendingWill = null
    if (this.#world.events.now > this.#goneAtMs + pending.delayMs + SLACK_MS) {
      pending.will.fate = 'must'
    }
  }
}
