// The replays of a session: the retained messages that it still has to send, at most one replay per subscription, in the order of
// the requests; then the markers, which say that there are no more. A replay ends with its subscription. It is sent in parts, as work of the turn. It continues at its position
// when the client reconnects, and begins again after a restart of the broker.

import { WORK } from '../limits.ts'
import { makeMessage, type Message } from '../message.ts'
import { NO_PROPERTIES } from '../packet/packet.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { Change } from '../store/change.ts'
import type { CommitId } from '../store/journal.ts'
import { newDelivery } from './delivery.ts'
import type { Exchanges } from './exchanges.ts'
import type { Link } from './link.ts'
import type { ClientRights } from './client-rights.ts'
import type { RetainedReplay } from './retained-replay.ts'
import type { SessionContext } from './session-context.ts'

/** The heap bytes of a replay with its entry in the map. */
const REPLAY_BYTES = 500

type ReplayChange = Extract<Change, { kind: 'replay-begun' | 'replayed' }>

/** The part of the session that replays use. */
export interface Recipient {
  readonly clientId: string
  readonly rights: ClientRights
  readonly isDurable: boolean
  /** Null while the client is not connected. */
  readonly link: Link | null
  readonly exchanges: Exchanges
  /** Whether something else must be sent first. */
  readonly holdsReplays: boolean
  sendQoS0(
    message: Message,
    retain: boolean,
    identifiers: readonly number[],
    commitId: CommitId,
  ): void
}

interface Marker {
  readonly identifiers: readonly number[]
  /** The number of retained messages that had been sent when it was requested. */
  readonly sentBefore: number
}

// Wide on purpose: the replays, the markers behind them, and which of them wait.
export class RetainedReplays {
  readonly #recipient: Recipient
  readonly #context: SessionContext
  readonly #byFilter = new Map<string, RetainedReplay>()
  /** Of subscriptions to `$retained-complete/TOKEN`, by their filters. */
  readonly #markers = new Map<string, Marker>()
  /** The filters of replays that wait for other partitions. What is published meanwhile does not wait for them. */
  #waiting: Set<string> | null = null
  #sent = 0

  constructor(recipient: Recipient, context: SessionContext) {
    this.#recipient = recipient
    this.#context = context
  }

  get count(): number {
    return this.#byFilter.size + this.#markers.size
  }

  /** Whether anything can be sent now, before what is published later. */
  get areReady(): boolean {
    if (this.#waiting === null) return this.count > 0
    return this.#byFilter.size > this.#waiting.size
  }

  /** Adds a replay. It replaces an earlier one of the subscription. */
  begin(replay: RetainedReplay): void {
    const { filter } = replay.subscription
    const hadOne = this.#forget(filter)
    const first = replay.peek(this.#context.now)
    this.#context.turnWorkLeft -= replay.steps
    if (first === null) {
      replay.end()
      if (hadOne) this.#record({ kind: 'replayed', clientId: this.#recipient.clientId, filter })
      return
    }
    const isBehind = this.#byFilter.size > 0
    if (isBehind) replay.close()
    this.#remember(filter, replay)
    if (first === 'waiting' && !isBehind) this.#wait(filter)
    const { sequenceMax } = replay
    const { clientId } = this.#recipient
    this.#record({ kind: 'replay-begun', clientId, filter, sequenceMax })
  }

  /** Sends a message on the topic of this subscription behind the retained messages of all others: how many they were. */
  mark({ filter, identifier }: Subscription): void {
    this.#remark(filter, identifier)
    this.#record({
      kind: 'replay-begun',
      clientId: this.#recipient.clientId,
      filter,
      sequenceMax: 0,
    })
  }

  /** Restores a marker from the store. The replays that it stands behind begin again. */
  restoreMark({ filter, identifier }: Subscription): void {
    this.#remark(filter, identifier)
  }

  /** Restores a replay from the store. */
  restore(replay: RetainedReplay): void {
    this.#remember(replay.subscription.filter, replay)
  }

  /** Changes the options of the subscription. Messages that it requested before are still sent [MQTT-3.8.4-4]. */
  resubscribed(subscription: Subscription): void {
    const replay = this.#byFilter.get(subscription.filter)
    if (replay !== undefined) replay.subscription = subscription
  }

  unsubscribed(filter: string): void {
    this.#forget(filter)
    this.#unmark(filter)
  }

  /** Ends with the session. */
  clear(): void {
    for (const filter of this.#byFilter.keys()) this.#forget(filter)
    for (const filter of this.#markers.keys()) this.#unmark(filter)
  }

  /** Sends as much as possible now, as far as this turn has work left. */
  pump(): void {
    const context = this.#context
    const floor = context.turnWorkLeft - Math.min(context.limits.turnWorkMax, context.turnWorkLeft)
    for (const [filter, replay] of this.#byFilter) {
      if (this.#waits(filter)) continue
      let isOver = false
      while (!isOver) {
        if (!this.#mayReplay()) return
        if (context.turnWorkLeft <= floor) {
          this.#recipient.link?.postpone()
          return
        }
        const message = this.#draw(replay)
        if (message === 'waiting') this.#wait(filter)
        if (message === null || message === 'waiting') isOver = true
        else if (message !== 'later' && !this.#send(replay, message)) return
      }
      if (this.#waits(filter)) continue
      this.#forget(filter)
      this.#record({ kind: 'replayed', clientId: this.#recipient.clientId, filter })
    }
    if (this.#waiting !== null) return
    for (const [filter, marker] of this.#markers) {
      if (!this.#mayReplay()) return
      this.#sendMark(filter, marker)
    }
  }

  #sendMark(filter: string, { identifiers, sentBefore }: Marker): void {
    const { clientId } = this.#recipient
    this.#unmark(filter)
    this.#context.turnWorkLeft -= WORK.retainedMessage
    const payload = Buffer.from(`${this.#sent - sentBefore}`)
    const said = { payload, qos: 0, retain: false, properties: NO_PROPERTIES } as const
    const message = makeMessage(said, filter, null, this.#context)
    this.#recipient.sendQoS0(message, false, identifiers, 0)
    this.#record({ kind: 'replayed', clientId, filter })
  }

  #remark(filter: string, identifier: number): void {
    this.#unmark(filter)
    const identifiers = identifier === 0 ? [] : [identifier]
    this.#markers.set(filter, { identifiers, sentBefore: this.#sent })
    this.#context.memory.add('subscriptions', REPLAY_BYTES)
  }

  #unmark(filter: string): void {
    if (this.#markers.delete(filter)) this.#context.memory.add('subscriptions', -REPLAY_BYTES)
  }

  /** Whether the client is connected and nothing older must be sent first. */
  #mayReplay(): boolean {
    const { link, exchanges, holdsReplays } = this.#recipient
    return link !== null && link.hasRoom && !holdsReplays && !exchanges.isResending
  }

  /** The client has gone. */
  detached(): void {
    for (const replay of this.#byFilter.values()) replay.closeElsewhere()
    this.#waiting = null
  }

  #remember(filter: string, replay: RetainedReplay): void {
    this.#byFilter.set(filter, replay)
    replay.whenArrived(() => {
      if (this.#waitsNoMore(filter)) this.#recipient.link?.postpone()
    })
    this.#context.memory.add('subscriptions', REPLAY_BYTES)
  }

  /** Ends a replay. Returns false when there was none. */
  #forget(filter: string): boolean {
    const replay = this.#byFilter.get(filter)
    if (replay === undefined) return false
    replay.end()
    this.#byFilter.delete(filter)
    this.#waitsNoMore(filter)
    this.#context.memory.add('subscriptions', -REPLAY_BYTES)
    return true
  }

  #waits(filter: string): boolean {
    return this.#waiting !== null && this.#waiting.has(filter)
  }

  #wait(filter: string): void {
    this.#waiting ??= new Set<string>()
    this.#waiting.add(filter)
  }

  #waitsNoMore(filter: string): boolean {
    const hasWaited = this.#waiting?.delete(filter) === true
    if (this.#waiting?.size === 0) this.#waiting = null
    return hasWaited
  }

  #draw(replay: RetainedReplay): Message | null | 'later' | 'waiting' {
    const before = replay.steps
    const message = replay.peek(this.#context.now)
    this.#context.turnWorkLeft -= 1 + replay.steps - before
    return message
  }

  /** Sends one message. Returns false when it must wait for room in the window. */
  #send(replay: RetainedReplay, message: Message): boolean {
    const qos = replay.qosOf(message)
    const { exchanges, isDurable, rights } = this.#recipient
    if (qos > 0 && !exchanges.mayBegin) return false
    replay.take()
    this.#sent += 1
    const changes = qos > 0 && isDurable ? 1 : 0
    this.#context.turnWorkLeft -= WORK.retainedMessage + changes * WORK.durableChange
    const { coverage } = rights
    if (coverage.coveredAt !== coverage.rules.version && rights.withholdsNew(message)) {
      this.#context.dropped('no-right-to-receive', message, this.#recipient.clientId)
    } else if (this.#lostItsAuthor(message)) {
      this.#context.dropped('author-lost-right', message, this.#recipient.clientId)
    } else if (qos === 0) {
      this.#recipient.sendQoS0(message, true, replay.identifiers, this.#visibleFrom())
    } else {
      const { journal } = this.#context
      if (isDurable && replay.isFromElsewhere) journal.record({ kind: 'message-stored', message })
      const { latest } = journal
      const stored = isDurable ? this.#context.nextDelivery() : 0
      const { identifiers } = replay
      exchanges.beginNew(newDelivery(message, qos, true, identifiers, null, stored, latest))
    }
    return true
  }

  /** What a transaction has retained is seen by nobody before its commit. */
  #visibleFrom(): CommitId {
    const { journal, lastTransactionCommit } = this.#context
    return lastTransactionCommit > journal.committed ? lastTransactionCommit : 0
  }

  /** Whether its publisher may not publish there any more. */
  #lostItsAuthor(message: Message): boolean {
    const { authors } = this.#context
    return authors !== null && !authors.mayStillPublish(message)
  }

  #record(change: ReplayChange): void {
    if (this.#recipient.isDurable) this.#context.journal.record(change)
  }
}
