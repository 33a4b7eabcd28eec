// One subscriber as the checker sees it: its session, its subscriptions over time, and its deliveries.

import type { QoS } from '../../src/packet/packet.ts'
import type { TrackedMessage } from './message-table.ts'
import { matches, shareOf } from './topic-filter.ts'

/** One subscription from SUBSCRIBE to UNSUBACK, in lines of the event log; Infinity for an event that has not come. */
export interface Period {
  readonly filter: string
  readonly share: string | null
  readonly qos: QoS
  readonly askedAt: number
  grantedAt: number
  leavingAt: number
  leftAt: number
}

export class Receiver {
  readonly client: string
  isDurable = false
  /** DISCONNECT asked for the end of the session, and it is unknown whether the broker received it. */
  mayBeGone = false
  /** How often the client has connected since then. */
  attempts = 0
  connectingAt = 0
  periods: Period[] = []
  /** How often each message was received. */
  readonly counts = new Map<string, number>()
  /** The last message of each publisher, topic and QoS among those that came for the first time. */
  readonly lastFirst = new Map<string, number>()
  #startedAt = 0

  constructor(client: string) {
    this.client = client
  }

  /** Begins a new session. */
  startAnew(): void {
    this.#startedAt = this.connectingAt
    this.periods = []
    this.counts.clear()
    this.lastFirst.clear()
  }

  /** The subscriptions may be there or not: deliveries for them are allowed and not required. */
  mayHaveBegunAnew(): void {
    for (const period of this.periods) period.leavingAt = 0
  }

  subscribing(filter: string, qos: QoS, at: number): void {
    if (this.#openPeriod(filter) !== undefined) return
    const period = { filter, share: shareOf(filter), qos, askedAt: at }
    this.periods.push({ ...period, grantedAt: Infinity, leavingAt: Infinity, leftAt: Infinity })
  }

  subscribed(filter: string, at: number): void {
    const period = this.#openPeriod(filter)
    if (period !== undefined) period.grantedAt = Math.min(period.grantedAt, at)
  }

  unsubscribing(filter: string, at: number): void {
    const period = this.#openPeriod(filter)
    if (period !== undefined) period.leavingAt = at
  }

  unsubscribed(filter: string, at: number): void {
    for (const period of this.periods) {
      if (period.filter === filter && period.leavingAt < at)
        period.leftAt = Math.min(period.leftAt, at)
    }
  }

  /** Returns the subscription period for which this message may have come. */
  periodFor(message: TrackedMessage): Period | undefined {
    return this.periods.find(period => mayCarry(period, message))
  }

  /** A broker that has deleted the subscription cannot deliver for it. */
  isFromBefore(message: TrackedMessage): boolean {
    return message.settledAt < this.#startedAt
  }

  forgetLeft(): void {
    this.periods = this.periods.filter(({ leftAt }) => leftAt === Infinity)
  }

  #openPeriod(filter: string): Period | undefined {
    return this.periods.find(period => period.filter === filter && period.leavingAt === Infinity)
  }
}

function mayCarry(period: Period, message: TrackedMessage): boolean {
  if (message.sentAt > period.leftAt || !matches(period.filter, message.topic)) return false
  // Messages that wait in a share group may be older than this member.
  return period.share !== null || message.settledAt >= period.askedAt
}

/** Whether SUBACK arrived before the message was sent, and no UNSUBSCRIBE was sent before it was settled. */
export function mustCarry(period: Period, message: TrackedMessage): boolean {
  return (
    message.isAccepted &&
    period.grantedAt < message.sentAt &&
    (period.leavingAt === Infinity || period.leavingAt > message.settledAt) &&
    matches(period.filter, message.topic)
  )
}
