// How long a client is waited for: until its CONNECT, until it is authenticated, and from then on in its silence.

import type { Broker } from '../broker/broker.ts'
import type { Deadline } from '../broker/deadlines.ts'
import {
  KEEP_ALIVE_TIMEOUT,
  MAXIMUM_CONNECT_TIME,
  type ReasonCode,
  SERVER_UNAVAILABLE,
} from '../packet/reason.ts'

/** Times the keep-alive after which a silent client is given up [MQTT-3.1.2-22]. */
const KEEP_ALIVE_FACTOR = 1.5

/**
 * Turns from the one in which the time is found to be up to the one in which the client is given up. Each ends after sockets were
 * read, but the first may have begun within that reading: between its end and that of the second lies a whole one.
 */
const GRACE_TURNS = 2

/** A deadline that is met this much too late tells that the process stood still. */
export const LATE_MS_MIN = 1_000

/** A connection, as its time limits see it. */
export interface TimeLimited {
  /** While we do not read from it, its silence is ours. */
  readonly host: { readonly isPaused: boolean }
  timedOut(reason: ReasonCode, sentence: string): void
}

export class TimeLimits implements Deadline {
  place: Deadline['place'] = undefined
  readonly #broker: Broker
  readonly #client: TimeLimited
  #stage: 'connecting' | 'authenticating' | 'connected' | 'over' = 'connecting'
  /** When CONNECT, or its authentication, is to be there. */
  #openingDue = 0
  #silenceMax = 0
  /** When something last came from the client: set by whoever receives it. */
  lastHeard = 0
  /** The turn in which the time was found to be up, or null. */
  #overdueInTurn: number | null = null

  constructor(broker: Broker, client: TimeLimited) {
    this.#broker = broker
    this.#client = client
    this.#startOpeningLimit()
    broker.deadlines.set(this, this.#openingDue)
  }

  /** CONNECT is here. Who is asked about it has a time of its own. */
  authenticates(): void {
    this.#stage = 'authenticating'
    this.#startOpeningLimit()
  }

  /** 0 switches the keep-alive off. */
  connected(keepAliveSeconds: number): void {
    this.#stage = 'connected'
    this.#silenceMax = keepAliveSeconds * KEEP_ALIVE_FACTOR * 1_000
    this.#overdueInTurn = null
    this.lastHeard = this.#broker.now
    const { deadlines, now } = this.#broker
    if (this.#silenceMax === 0) deadlines.clear(this)
    // Otherwise it is looked at when CONNECT was due, and that it has come is seen then.
    else if (now + this.#silenceMax < this.#openingDue) deadlines.set(this, now + this.#silenceMax)
  }

  end(): void {
    this.#stage = 'over'
    this.#broker.deadlines.clear(this)
  }

  /**
   * The client is given up when whole iterations of the event loop have read the sockets since: the process may have
   * stood still, and what was sent to it meanwhile waits to be read.
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

  /** What is set already comes before it, and is moved when it comes. */
  #startOpeningLimit(): void {
    const { now, limits } = this.#broker
    this.#openingDue = now + limits.connectTimeoutSeconds * 1_000
  }

  /** When the client is to be given up, as far as is known now. */
  #dueAt(now: number): number {
    if (this.#stage === 'connected') {
      if (this.#client.host.isPaused) this.lastHeard = now
      return this.lastHeard + this.#silenceMax
    }
    // Who is asked about it, or it itself, may need several exchanges: nobody could make one while we were away.
    const isLate = this.#overdueInTurn === null && now - this.#openingDue > LATE_MS_MIN
    if (isLate && this.#stage === 'authenticating') this.#startOpeningLimit()
    return this.#openingDue
  }

  #timeOut(): void {
    switch (this.#stage) {
      case 'connecting':
        this.#client.timedOut(MAXIMUM_CONNECT_TIME, 'no CONNECT within the time for it')
        return
      case 'authenticating':
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
