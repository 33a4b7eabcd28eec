// The CONNECT packets that wait before their authentication: because more come than `limits.connectsPerSecondMax` (those of clients
// with a session come first), or because their client id is taken over again and again.

import type { Broker } from '../broker/broker.ts'
import type { Deadline } from '../broker/deadlines.ts'
import { SERVER_BUSY } from '../packet/reason.ts'
import type { Connection } from './connection.ts'
import { TokenBucket } from './token-bucket.ts'
import { refuses } from './transitions.ts'

/** How many seconds of the rate may come at once. */
const BURST_SECONDS = 1
/** By the level of overload: what one CONNECT takes of the rate. At level 3 new ones are refused. */
const OVERLOAD_COST = [1, 4, 20, 20] as const

export class ConnectQueue implements Deadline {
  place: Deadline['place'] = undefined
  readonly #broker: Broker
  readonly #rate: TokenBucket | null
  /** No CONNECT waits for longer. */
  readonly #waitMsMax: number
  /** The most that wait in each of the two lines: as many as the rate lets in during that time. */
  readonly #lengthMax: number
  // Both in the order of their coming.
  readonly #withSession = new Set<WaitingConnect>()
  readonly #withoutSession = new Set<WaitingConnect>()
  /** All that wait; of each client id the last one. */
  readonly #lastOf = new Map<string, WaitingConnect>()

  constructor(broker: Broker) {
    const { connectsPerSecondMax, connectTimeoutSeconds } = broker.limits
    this.#broker = broker
    this.#rate = TokenBucket.of(connectsPerSecondMax, BURST_SECONDS, 0)
    this.#waitMsMax = connectTimeoutSeconds * 1_000
    this.#lengthMax = connectsPerSecondMax * connectTimeoutSeconds
  }

  /** How many wait for the rate. */
  get length(): number {
    return this.#withSession.size + this.#withoutSession.size
  }

  /** Whether the CONNECT of the connection may be answered now. If not, `mayAsk` of the host is called later, or the CONNECT was refused. */
  enters(connection: Connection): boolean {
    const { waiting } = connection
    if (waiting === null) return this.#arrives(connection, connection.clientId ?? '')
    if (!waiting.isAdmitted) return false
    this.leaves(waiting)
    connection.waiting = null
    return true
  }

  #arrives(connection: Connection, clientId: string): boolean {
    const { sessions, takeovers, now } = this.#broker
    this.#endEarlier(connection, clientId)
    const isHeld = sessions.holderOf(clientId) !== null
    const delayMs = isHeld ? takeovers.delayMsOf(clientId, now) : 0
    if (delayMs === 0 && this.#takesTurn(this.#hasSession(clientId))) return true
    const waiting = new WaitingConnect(connection, clientId, this, this.#broker)
    connection.waiting = waiting
    this.#lastOf.set(clientId, waiting)
    if (delayMs > 0) waiting.waitsToTakeOver(now + delayMs)
    else this.#lineUp(waiting)
    return false
  }

  /** It has waited to take the session over; now only the rate counts. */
  joins(waiting: WaitingConnect): void {
    if (this.#takesTurn(this.#hasSession(waiting.clientId))) waiting.admit()
    else this.#lineUp(waiting)
  }

  /**
   * A client that has come again is not served by its earlier connection, which it has lost: that one would take the session of this one
   * over. Others are left alone, because nobody has proved yet who he is.
   */
  #endEarlier(connection: Connection, clientId: string): void {
    const earlier = this.#lastOf.get(clientId)
    if (earlier === undefined || !isFromSameClient(earlier.connection, connection)) return
    refuses(earlier.connection, SERVER_BUSY, 'the client came again while this CONNECT waited')
  }

  leaves(waiting: WaitingConnect): void {
    if (this.#lastOf.get(waiting.clientId) === waiting) this.#lastOf.delete(waiting.clientId)
    this.#withSession.delete(waiting)
    this.#withoutSession.delete(waiting)
  }

  expired(now: number): void {
    this.#admitNext(now)
    for (const line of this.#lines()) {
      for (const waiting of line) {
        if (now - waiting.since < this.#waitMsMax) break
        this.#giveUp(waiting)
      }
    }
    if (this.length > 0) this.#wakeLater()
  }

  #admitNext(now: number): void {
    for (const line of this.#lines()) {
      for (const waiting of line) {
        if (this.#rate?.take(this.#cost(), now) === false) return
        line.delete(waiting)
        waiting.admit()
      }
    }
  }

  #lines(): readonly Set<WaitingConnect>[] {
    return [this.#withSession, this.#withoutSession]
  }

  /** What one CONNECT takes of the rate. */
  #cost(): number {
    const { overload, limits } = this.#broker
    return Math.min(OVERLOAD_COST[overload.level], limits.connectsPerSecondMax)
  }

  #hasSession(clientId: string): boolean {
    return this.#broker.sessions.get(clientId) !== undefined
  }

  /** Whether the rate lets one in now. Those that wait come first; with a session only others with a session do. */
  #takesTurn(hasSession: boolean): boolean {
    if (this.#rate === null) return true
    if (this.#withSession.size > 0 || (!hasSession && this.#withoutSession.size > 0)) return false
    return this.#rate.take(this.#cost(), this.#broker.now)
  }

  #lineUp(waiting: WaitingConnect): void {
    const { statistics, observer, now } = this.#broker
    statistics.limited.connectsPerSecondMax += 1
    if (this.#broker.overload.level > 0) statistics.overload.connectsSlowed += 1
    const line = this.#hasSession(waiting.clientId) ? this.#withSession : this.#withoutSession
    if (line.size >= this.#lengthMax) {
      this.#giveUp(waiting)
      return
    }
    if (this.length === 0) observer.connectsWait?.()
    line.add(waiting)
    waiting.since = now
    waiting.connection.timeLimits.waits(this.#waitMsMax)
    this.#wakeLater()
  }

  #giveUp(waiting: WaitingConnect): void {
    this.#broker.statistics.connectsGivenUp += 1
    const sentence = 'too many clients connect at once (limits.connectsPerSecondMax)'
    refuses(waiting.connection, SERVER_BUSY, sentence)
  }

  #wakeLater(): void {
    const { deadlines, now } = this.#broker
    deadlines.set(this, now + (this.#rate?.waitMs(this.#cost(), now) ?? 0))
  }
}

/** Whether both come from one address, and claim to be one user. */
function isFromSameClient(one: Connection, other: Connection): boolean {
  return one.peer.address === other.peer.address && one.facts.username === other.facts.username
}

/** One CONNECT that waits. */
export class WaitingConnect implements Deadline {
  place: Deadline['place'] = undefined
  isAdmitted = false
  /** When it began to wait for the rate. */
  since = 0
  readonly connection: Connection
  readonly clientId: string
  readonly #queue: ConnectQueue
  readonly #broker: Broker
  #takesOverAt = 0

  constructor(connection: Connection, clientId: string, queue: ConnectQueue, broker: Broker) {
    this.connection = connection
    this.clientId = clientId
    this.#queue = queue
    this.#broker = broker
  }

  /** Waits until `at`, or until the session is free. */
  waitsToTakeOver(at: number): void {
    const { takeovers, statistics, deadlines, now } = this.#broker
    statistics.limited.takeoversPerMinuteMax += 1
    this.#takesOverAt = at
    takeovers.waits(this.clientId, this)
    deadlines.set(this, at)
    this.connection.timeLimits.waits(at - now)
  }

  holderLeft(): void {
    this.#broker.deadlines.set(this, this.#broker.now)
  }

  expired(now: number): void {
    const { sessions, takeovers, deadlines } = this.#broker
    const isHeld = sessions.holderOf(this.clientId) !== null
    // The session may have become free, and be held again.
    if (isHeld && now < this.#takesOverAt) {
      deadlines.set(this, this.#takesOverAt)
      return
    }
    takeovers.waitsNoMore(this.clientId, this)
    if (isHeld && takeovers.isTooSoon(this.clientId, now)) {
      refuses(this.connection, SERVER_BUSY, 'another connection has just taken its client id')
    } else {
      this.#queue.joins(this)
    }
  }

  admit(): void {
    this.isAdmitted = true
    this.connection.timeLimits.authenticates()
    this.connection.host.mayAsk()
  }

  /** Its connection has ended. */
  end(): void {
    const { takeovers, deadlines } = this.#broker
    this.#queue.leaves(this)
    deadlines.clear(this)
    takeovers.waitsNoMore(this.clientId, this)
  }
}
