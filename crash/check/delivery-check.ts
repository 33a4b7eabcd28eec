// Checks deliveries: every acknowledged message reaches every durable subscriber; QoS 2 once; first deliveries in order; and
// nothing comes for a subscription or a session that has ended.

import type { ConnectingEvent, DeliveredEvent, LoggedEvent } from '../event.ts'
import type { Report } from './finding.ts'
import type { MessageTable, TrackedMessage } from './message-table.ts'
import { mustCarry, type Period, Receiver } from './receiver.ts'
import { WILL_PREFIX } from './will-check.ts'

interface Account {
  /** A client id, or the name of a share group with its filter. */
  readonly name: string
  readonly counts: ReadonlyMap<string, number>
  readonly periods: readonly Period[]
}

export class DeliveryCheck {
  delivered = 0
  /** Messages of QoS 1 that came again, which is allowed. */
  repeated = 0
  /** Messages that did not reach all subscribers; `lostDeliveries` counts each subscriber that missed one. */
  lost = 0
  lostDeliveries = 0
  readonly #messages: MessageTable
  readonly #receivers = new Map<string, Receiver>()
  /** How often each message came to a member of the group. */
  readonly #groupCounts = new Map<string, Map<string, number>>()
  readonly #report: Report

  constructor(messages: MessageTable, report: Report) {
    this.#messages = messages
    this.#report = report
  }

  see(event: LoggedEvent, at: number): void {
    switch (event.kind) {
      case 'connecting':
        return this.#connecting(event, at)
      case 'connected':
        return this.#connected(event.client, event.sessionPresent)
      case 'disconnecting':
        if (event.endsSession) this.#receiverOf(event.client).mayBeGone = true
        return
      case 'subscribing':
        return this.#receiverOf(event.client).subscribing(event.filter, event.qos, at)
      case 'subscribed':
        return this.#receiverOf(event.client).subscribed(event.filter, at)
      case 'unsubscribing':
        return this.#receiverOf(event.client).unsubscribing(event.filter, at)
      case 'unsubscribed':
        return this.#receiverOf(event.client).unsubscribed(event.filter, at)
      case 'delivered':
        if (!event.publisher.startsWith(WILL_PREFIX)) this.#delivered(event)
        return
      case 'quiet':
        return this.#closeAccounts()
      default:
    }
  }

  /** Returns message and receiver of each delivery that must come and has not come. */
  missing(): readonly { readonly message: TrackedMessage; readonly account: string }[] {
    const accounts = this.#accounts()
    const found: { message: TrackedMessage; account: string }[] = []
    for (const message of this.#messages.all) {
      const key = keyOf(message)
      for (const { name, counts, periods } of accounts) {
        if (!counts.has(key) && periods.some(period => mustCarry(period, message)))
          found.push({ message, account: name })
      }
    }
    return found
  }

  #connecting({ client, cleanStart, isDurable }: ConnectingEvent, at: number): void {
    const receiver = this.#receiverOf(client)
    receiver.isDurable = isDurable
    receiver.connectingAt = at
    if (receiver.mayBeGone) receiver.attempts += 1
    if (cleanStart) receiver.startAnew()
  }

  #connected(client: string, sessionPresent: boolean): void {
    const receiver = this.#receiverOf(client)
    // If the session must exist, its loss does not excuse missing deliveries.
    if (receiver.mayBeGone && !sessionPresent) receiver.startAnew()
    // An earlier CONNECT without CONNACK may have begun the present session.
    else if (receiver.mayBeGone && receiver.attempts > 1) receiver.mayHaveBegunAnew()
    receiver.mayBeGone = false
    receiver.attempts = 0
  }

  #delivered(event: DeliveredEvent): void {
    const { client, publisher, sequence, topic } = event
    this.delivered += 1
    if (!event.isIntact)
      this.#report('corrupt', `${client} received ${keyOf(event)} with other bytes`)
    const message = this.#messages.find(publisher, sequence)
    if (message === undefined) {
      this.#unknown(event)
      return
    }
    if (message.topic !== topic)
      this.#report(
        'corrupt',
        `${client} received ${keyOf(event)} on ${topic}, not ${message.topic}`,
      )
    const receiver = this.#receiverOf(client)
    const period = receiver.periodFor(message)
    // Messages that wait in a share group may be older than the session of a member.
    const isEnded = period?.share === null && receiver.isFromBefore(message)
    if (period === undefined || isEnded) {
      const words = `${client} received ${keyOf(event)} of ${topic}`
      this.#report('came-back', `${words}, which no subscription of its session accounts for`)
      return
    }
    this.#count(receiver, period, message, event)
  }

  #unknown({ client, publisher, sequence, topic, qos, duplicate }: DeliveredEvent): void {
    const words = `${client} received ${publisher}/${sequence} of ${topic}`
    if (!this.#messages.isClosed(publisher, sequence)) {
      this.#report('unknown-message', `${words}, which was never sent`)
    } else if (qos === 2) {
      this.#report('duplicate', `${words} at QoS 2 (DUP ${duplicate}), long after it was settled`)
    } else {
      this.repeated += 1
    }
  }

  #count(
    receiver: Receiver,
    period: Period,
    message: TrackedMessage,
    { qos, duplicate }: DeliveredEvent,
  ): void {
    const key = keyOf(message)
    const own = (receiver.counts.get(key) ?? 0) + 1
    receiver.counts.set(key, own)
    let count = own
    if (period.share !== null) {
      const counts = this.#countsOfGroup(period.share)
      count = (counts.get(key) ?? 0) + 1
      counts.set(key, count)
    } else if (own === 1 && message.sentAt > period.grantedAt) {
      // A message that was sent before the subscription may be delivered only when it is sent again, after later ones.
      this.#first(receiver, message)
    }
    if (count === 1) return
    const isExact = message.qos === 2 && period.qos === 2
    const words = `${receiver.client} received ${key} at QoS ${qos} (DUP ${duplicate}), the ${count}. time`
    if (isExact) this.#report('duplicate', words)
    else this.repeated += 1
  }

  #first(receiver: Receiver, { publisher, sequence, topic, qos }: TrackedMessage): void {
    const stream = `${publisher} ${topic} ${qos}`
    const last = receiver.lastFirst.get(stream) ?? 0
    if (sequence < last) {
      const words = `${receiver.client} received ${publisher}/${sequence} of ${topic} at QoS ${qos}`
      this.#report('order', `${words} for the first time after ${last}`)
    }
    receiver.lastFirst.set(stream, Math.max(last, sequence))
  }

  #closeAccounts(): void {
    const missing = this.missing()
    for (const { message, account } of missing) {
      const words = `${keyOf(message)} of ${message.topic} at QoS ${message.qos} was acknowledged`
      this.#report('lost', `${words} and never reached ${account}`)
    }
    this.lostDeliveries += missing.length
    this.lost += new Set(missing.map(({ message }) => keyOf(message))).size
    this.#messages.close()
    this.#groupCounts.clear()
    for (const receiver of this.#receivers.values()) {
      receiver.counts.clear()
      receiver.forgetLeft()
    }
  }

  #accounts(): readonly Account[] {
    const accounts: Account[] = []
    const groups = new Map<string, Period[]>()
    for (const { client, isDurable, mayBeGone, periods, counts } of this.#receivers.values()) {
      if (!isDurable || mayBeGone) continue
      const own = periods.filter(({ share }) => share === null)
      if (own.length > 0) accounts.push({ name: client, counts, periods: own })
      for (const period of periods) {
        if (period.share === null) continue
        groups.set(period.share, [...(groups.get(period.share) ?? []), period])
      }
    }
    for (const [name, periods] of groups) {
      accounts.push({ name, counts: this.#countsOfGroup(name), periods })
    }
    return accounts
  }

  #receiverOf(client: string): Receiver {
    let receiver = this.#receivers.get(client)
    if (receiver === undefined) {
      receiver = new Receiver(client)
      this.#receivers.set(client, receiver)
    }
    return receiver
  }

  #countsOfGroup(share: string): Map<string, number> {
    let counts = this.#groupCounts.get(share)
    if (counts === undefined) {
      counts = new Map()
      this.#groupCounts.set(share, counts)
    }
    return counts
  }
}

function keyOf({ publisher, sequence }: { publisher: string; sequence: number }): string {
  return `${publisher}/${sequence}`
}
