// The retained messages that a session is still to send: one replay a subscription at the most, in the order in which they were
// asked for. A replay is replaced and ended with its subscription, is sent piece by piece as work of the turn, goes
// on where it was when its client comes back, and begins anew when the broker does.

import { WORK } from '../limits.ts'
import type { Message } from '../message.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { Change } from '../store/change.ts'
import { newDelivery } from './delivery.ts'
import type { Exchanges } from './exchanges.ts'
import type { Link } from './link.ts'
import type { ClientRights } from './client-rights.ts'
import type { RetainedReplay } from './retained-replay.ts'
import type { SessionContext } from './session-context.ts'

/** A replay with its place in the map, opened or not. */
const REPLAY_BYTES = 500

type ReplayChange = Extract<Change, { kind: 'replay-begun' | 'replayed' }>

/** The session that they belong to, as far as they need it. */
export interface Recipient {
  readonly clientId: string
  readonly rights: ClientRights
  readonly isDurable: boolean
  /** Null while the client is away. */
  readonly link: Link | null
  readonly exchanges: Exchanges
  /** Something else is said to the client first. */
  readonly holdsReplays: boolean
  sendQoS0(message: Message, retain: boolean, identifiers: readonly number[]): void
}

export class RetainedReplays {
  readonly #recipient: Recipient
  readonly #context: SessionContext
  readonly #byFilter = new Map<string, RetainedReplay>()

  constructor(recipient: Recipient, context: SessionContext) {
    this.#recipient = recipient
    this.#context = context
  }

  get count(): number {
    return this.#byFilter.size
  }

  /** Takes the place of the one that the subscription had. */
  begin(replay: RetainedReplay): void {
    const { filter } = replay.subscription
    const hadOne = this.#forget(filter)
    const first = replay.peek(this.#context.now)
    this.#context.turnWorkLeft -= replay.steps
    if (first === null) {
      if (hadOne) this.#record({ kind: 'replayed', clientId: this.#recipient.clientId, filter })
      return
    }
    if (this.#byFilter.size > 0) replay.close()
    this.#remember(filter, replay)
    const { sequenceMax } = replay
    const { clientId } = this.#recipient
    this.#record({ kind: 'replay-begun', clientId, filter, sequenceMax })
  }

  /** As the store kept it. */
  restore(replay: RetainedReplay): void {
    this.#remember(replay.subscription.filter, replay)
  }

  /** The subscription has other options now; what it asked for before is still sent [MQTT-3.8.4-4]. */
  resubscribed(subscription: Subscription): void {
    const replay = this.#byFilter.get(subscription.filter)
    if (replay !== undefined) replay.subscription = subscription
  }

  unsubscribed(filter: string): void {
    this.#forget(filter)
  }

  /** The session is over. */
  clear(): void {
    for (const filter of this.#byFilter.keys()) this.#forget(filter)
  }

  /** Sends what can be sent now, as far as this turn has work left for it. */
  pump(): void {
    const context = this.#context
    const floor = context.turnWorkLeft - Math.min(context.limits.turnWorkMax, context.turnWorkLeft)
    for (const [filter, replay] of this.#byFilter) {
      let isOver = false
      while (!isOver) {
        if (!this.#mayReplay) return
        if (context.turnWorkLeft <= floor) {
          this.#recipient.link?.postpone()
          return
        }
        const message = this.#draw(replay)
        if (message === null) isOver = true
        else if (message !== 'later' && !this.#send(replay, message)) return
      }
      this.#forget(filter)
      this.#record({ kind: 'replayed', clientId: this.#recipient.clientId, filter })
    }
  }

  /** The client is here and is sent nothing older first. */
  get #mayReplay(): boolean {
    const { link, exchanges, holdsReplays } = this.#recipient
    return link !== null && link.hasRoom && !holdsReplays && !exchanges.isResending
  }

  #remember(filter: string, replay: RetainedReplay): void {
    this.#byFilter.set(filter, replay)
    this.#context.memory.add('subscriptions', REPLAY_BYTES)
  }

  /** False when there was none. */
  #forget(filter: string): boolean {
    const replay = this.#byFilter.get(filter)
    if (replay === undefined) return false
    replay.close()
    this.#byFilter.delete(filter)
    this.#context.memory.add('subscriptions', -REPLAY_BYTES)
    return true
  }

  #draw(replay: RetainedReplay): Message | null | 'later' {
    const before = replay.steps
    const message = replay.peek(this.#context.now)
    this.#context.turnWorkLeft -= 1 + replay.steps - before
    return message
  }

  /** False when it must wait for room in the window. */
  #send(replay: RetainedReplay, message: Message): boolean {
    const qos = replay.qosOf(message)
    const { exchanges, isDurable, rights } = this.#recipient
    if (qos > 0 && !exchanges.mayBegin) return false
    replay.take()
    const changes = qos > 0 && isDurable ? 1 : 0
    this.#context.turnWorkLeft -= WORK.retainedMessage + changes * WORK.durableChange
    const { coverage } = rights
    if (coverage.coveredAt !== coverage.rules.version && rights.withholdsNew(message)) {
      this.#context.dropped('no-right-to-receive', message, this.#recipient.clientId)
    } else if (qos === 0) this.#recipient.sendQoS0(message, true, replay.identifiers)
    else {
      const { latest } = this.#context.journal
      const stored = isDurable ? this.#context.nextDelivery() : 0
      const { identifiers } = replay
      exchanges.beginNew(newDelivery(message, qos, true, identifiers, null, stored, latest))
    }
    return true
  }

  #record(change: ReplayChange): void {
    if (this.#recipient.isDurable) this.#context.journal.record(change)
  }
}
