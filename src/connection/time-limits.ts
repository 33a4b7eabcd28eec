// The time limits of a connection: for CONNECT, for authentication, and the keep-alive.

import type { Broker } from '../broker/broker.ts'
import type { Deadline } from '../broker/deadlines.ts'
import {
  KEEP_ALIVE_TIMEOUT,
  MAXIMUM_CONNECT_TIME,
  type ReasonCode,
  SERVER_UNAVAILABLE,
} from '../packet/reason.ts'

/** A silent client is disconnected after this many times its keep-alive [MQTT-3.1.2-22]. */
const KEEP_ALIVE_FACTOR = 1.5

/**
 * The number of turns from the one in which the time is found to be up to the one in which the client is disconnected. Each turn ends
 * after sockets were read, but the first may begin in the middle of that. Between the ends of the first and the second turn all
 * sockets are read.
 */
const GRACE_TURNS = 2

/** A deadline that is reached this much too late shows that the process was suspended. */
export const LATE_MS_MIN = 1_000

/** The part of a connection that time limits use. */
export interface TimeLimited {
  /** Whether the broker has stopped reading from the client. Then silence is not the client's fault. */
  readonly host: { readonly isPaused: boolean }
  timedOut(reason: ReasonCode, sentence: string): void
}

export class TimeLimits implements Deadline {
  place: Deadline['place'] = undefined
  readonly #broker: Broker
  readonly #client: TimeLimited
  #stage: 'connecting' | 'authenticating' | 'connected' | 'over' = 'connecting'
  /** When CONNECT, or the end of the authentication, is due. */
  #openingDue = 0
  #silenceMax = 0
  /** When bytes last arrived from the client. The connection sets it. */
  lastHeard = 0
  /** The turn in which the time was found to be up, or null. */
  #overdueInTurn: number | null = null

  /** `spentMs` of the time for CONNECT are over. */
  constructor(broker: Broker, client: TimeLimited, spentMs = 0) {
    this.#broker = broker
    this.#client = client
    this.#startOpeningLimit()
    this.#openingDue -= spentMs
    broker.deadlines.set(this, this.#openingDue)
  }

  /** CONNECT has arrived. The authentication has a time limit of its own. */
  authenticates(): void {
    this.#stage = 'authenticating'
    this.#startOpeningLimit()
  }

  /** CONNECT waits for up to so long before its authentication begins. */
  waits(milliseconds: number): void {
    this.authenticates()
    this.#openingDue += milliseconds
  }

  /** 0 switches the keep-alive off. */
  connected(keepAliveSeconds: number): void {
    this.#stage = 'connected'
    this.#silenceMax = keepAliveSeconds * KEEP_ALIVE_FACTOR * 1_000
    this.#overdueInTurn = null
    this.lastHeard = this.#broker.now
    const { deadlines, now } = this.#broker
    if (this.#silenceMax === 0) deadlines.clear(this)
    // Otherwise the deadline stays at the time when CONNECT was due. It is checked then, and CONNECT has arrived.
    else if (now + this.#silenceMax < this.#openingDue) deadlines.set(this, now + this.#silenceMax)
  }

  end(): void {
    this.#stage = 'over'
    this.#broker.deadlines.clear(this)
  }

  /**
   * Disconnects the client only after whole iterations of the event loop have read the sockets. The process may have been
   * suspended, and packets that arrived meanwhile must be read first.
   */
  expired(now: number): void {
    if (this.#stage === 'over') return
    const { deadlines, turn } = this.#broker
    const due = this.#dueAt(now)
    if (due > now) {
      this.#overdueInTurn = null
      deadlines.set(this, due)
      return
    }
    this.#overdueInTurn ??= turn
    if (turn < this.#overdueInTurn + GRACE_TURNS) deadlines.again(this)
    else this.#timeOut()
  }

  /** A deadline that is set earlier stays, and is moved when it is reached. */
  #startOpeningLimit(): void {
    const { now, limits } = this.#broker
    this.#openingDue = now + limits.connectTimeoutSeconds * 1_000
  }

  /** Returns when the client will be disconnected if nothing arrives. */
  #dueAt(now: number): number {
    if (this.#stage === 'connected') {
      if (this.#client.host.isPaused) this.lastHeard = now
      return this.lastHeard + this.#silenceMax
    }
    // Authentication may take several exchanges, which were not possible while the process was suspended.
    const isLate = this.#overdueInTurn === null && now - this.#openingDue > LATE_MS_MIN
    if (isLate && this.#stage === 'authenticating') this.#startOpeningLimit()
    return this.#openingDue
  }

  #timeOut(): void {
    switch (this.#stage) {
      case 'connecting':
        this.#broker.statistics.limited.connectTimeoutSeconds += 1
        this.#client.timedOut(MAXIMUM_CONNECT_TIME, 'no CONNECT within the time for it')
        return
      case 'authenticating':
        this.#broker.statistics.limited.connectTimeoutSeconds += 1
        this.#client.timedOut(SERVER_UNAVAILABLE, 'the authentication took too long')
        return
      case 'connected': {
        const sentence = 'nothing was heard for one and a half keep-alives'
        this.#client.timedOut(KEEP_ALIVE_TIMEOUT, sentence)
        return
      }
      case 'over':
        return
    }
  }
}
