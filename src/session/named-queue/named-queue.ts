// A named queue: it collects messages whether or not anybody consumes, and hands each to one consumer until one acknowledges it.
// A message that is with nobody waits in `queue`, or it is set aside: after a refusal, or when everybody who is ready has had it on the
// same connection. Its lane is occupied from the moment it is taken out of `queue` until it is settled, moved or put back.

import { WORK } from '../../limits.ts'
import type { Message } from '../../message.ts'
import { isOrderedAs, type QueueSettings } from '../../routing/queue-settings.ts'
import { createStrategy } from '../../routing/share-strategy.ts'
import type { Subscription } from '../../routing/subscription.ts'
import type { NamedQueueOwner } from '../../store/change.ts'
import type { CommitId } from '../../store/journal.ts'
import type { HandOuts } from '../../store/store.ts'
import { type Delivery, newDelivery, NO_IDENTIFIERS, type Returning } from '../delivery.ts'
import { recordQueued, recordSettled } from '../delivery-journal.ts'
import { FifoQueue, numberOf } from '../waiting/fifo-queue.ts'
import { HandOutTable, UNSENT_SECONDS } from './hand-out-table.ts'
import { type HandOut, markedMessage } from './hand-outs.ts'
import type { KeyLanes } from './key-lanes.ts'
import { LatestByKey } from './latest-by-key.ts'
import { OwnedQueue, type QueueOwner } from '../waiting/owned-queue.ts'
import { QueueConsumers } from './queue-consumers.ts'
import { QueueCounts } from './queue-counts.ts'
import { QueueDeaths } from './queue-deaths.ts'
import { type DispatchParts, QueueDispatch } from './queue-dispatch.ts'
import type { DeathReason, QueueHost } from './queue-host.ts'
import { QueueHolds } from './queue-holds.ts'
import { boundsOf, movedDelivery, passesBy, storedApart, takenIn } from './queue-intake.ts'
import type { Sweep } from './queue-sweep.ts'
import type { Session } from '../session.ts'
import { drop, type SessionContext } from '../session-context.ts'
import type { ShareMember } from '../share-group/share-member.ts'
import type { GroupOfMember } from '../share-group/share-protocol.ts'
import type { DeliveryOptions, Target } from '../target.ts'

// Wide on purpose: what sessions report, what an administrator changes and the way of a message meet here.
export class NamedQueue implements Target, QueueOwner, GroupOfMember<Session> {
  readonly clientId = null
  readonly owner: NamedQueueOwner
  readonly isDurable: boolean
  readonly queue: OwnedQueue
  readonly consumers: QueueConsumers
  readonly counts: QueueCounts = new QueueCounts()
  readonly #context: SessionContext
  readonly #host: QueueHost
  #settings: QueueSettings
  /** Null for a queue without order. */
  #lanes: KeyLanes | null = null
  readonly #handOuts: HandOutTable
  readonly #deaths: QueueDeaths
  readonly #holds: QueueHolds
  readonly dispatch: QueueDispatch
  readonly #latest: LatestByKey
  #inFlight = 0

  constructor(name: string, settings: QueueSettings, context: SessionContext, host: QueueHost) {
    this.owner = { kind: 'queue', name }
    this.#settings = settings
    this.#context = context
    this.#host = host
    this.isDurable = context.storesSessions
    this.#handOuts = new HandOutTable(context.memory)
    this.#deaths = new QueueDeaths(this, this.#handOuts, host, context)
    this.#holds = new QueueHolds(this, context, {
      handOuts: this.#handOuts,
      takeBack: (held, clientId) => this.#takeBack(held, clientId),
      comesBack: delivery => this.#comesBack(delivery),
      again: (delivery, reason) => this.#again(delivery, reason),
      settled: delivery => this.#settled(delivery),
    })
    const parts: DispatchParts = {
      handOuts: this.#handOuts,
      lanes: () => this.#lanes,
      handOut: (delivery, member) => this.#handOut(delivery, member),
      takeAway: (handOut, held) => this.#takeAway(handOut, held),
      bury: (delivery, reason) => this.#bury(delivery, reason),
      delay: delivery => this.#delay(delivery, UNSENT_SECONDS),
    }
    this.dispatch = new QueueDispatch(this, context, parts)
    this.#latest = new LatestByKey(this, context, parts)
    this.queue = new OwnedQueue(this, context, {
      bounds: boundsOf(() => this.#settings),
      origin: this,
      deliveries: this.#newWaiting(),
      share: null,
      saves: (delivery, reason) =>
        this.#latest.leaves(delivery) || this.#deaths.saves(delivery, reason),
    })
    const strategy = createStrategy<ShareMember>(settings.strategy, host.random)
    this.consumers = new QueueConsumers(strategy, this, () => {
      this.counts.lateAcknowledgements += 1
    })
  }

  get name(): string {
    return this.owner.name
  }

  get settings(): QueueSettings {
    return this.#settings
  }

  /** The messages that are with consumers. */
  get inFlight(): number {
    return this.#inFlight
  }

  /** What is known of messages that were handed out, and those that nobody has and that do not wait in `queue`. */
  get handOuts(): Pick<HandOutTable, 'get' | 'aside' | 'holds' | 'holdCounts'> {
    return this.#handOuts
  }

  /** Whether it cannot be set or swept now, because an earlier change of this kind is not done. */
  get isBusy(): boolean {
    return this.queue.waiting.isMoving || this.sweeping !== null
  }

  /** Not while it `isBusy`. */
  set(settings: QueueSettings): void {
    const before = this.#settings
    this.#settings = settings
    if (before.strategy !== settings.strategy) {
      this.consumers.use(createStrategy(settings.strategy, this.#host.random))
    }
    if (!isOrderedAs(before, settings)) {
      this.#lanes?.ends()
      this.queue.waiting.moveTo(this.#newWaiting())
      for (const taken of [...this.consumers.inFlight, ...this.#handOuts.taken])
        this.#lanes?.occupy(this.#messageOf(taken), numberOf(taken))
    }
    this.queue.postpone()
  }

  get sweeping(): Sweep | null {
    return this.dispatch.sweep
  }

  join(session: Session, subscription: Subscription): void {
    this.consumers.join(session, subscription)
    this.pump()
  }

  leave(session: Session): void {
    this.consumers.leave(session)
    this.queue.postpone()
  }

  deliver(message: Message, _options: DeliveryOptions, commitId: CommitId): void {
    this.#context.turnWorkLeft -= WORK.groupDelivery
    const reason = passesBy(this, message, this.#context)
    if (reason !== null) {
      if (reason !== 'unwanted') this.#context.dropped(reason, message, null)
      return
    }
    const own = takenIn(this, message, this.#context)
    this.takeIn(own, own === message ? commitId : storedApart(this, own, this.#context))
  }

  /** Takes in a message that is stored, if it must be. */
  takeIn(own: Message, commit: CommitId): void {
    const delivery = newDelivery(own, 1, own.retain, NO_IDENTIFIERS, this, 0, commit)
    delivery.reserved = this.#context.nextDelivery()
    this.counts.tookIn(delivery.reserved, this.#context.now)
    if (this.isDurable) {
      delivery.stored = delivery.reserved
      recordQueued(this.#context.journal, delivery, this.owner)
    }
    this.#latest.comes(delivery)
    const member = this.dispatch.mayPass(delivery) ? this.consumers.choose(own, null) : null
    if (member === null) {
      this.queue.push(delivery)
      // It may have displaced all that was in memory.
      if (this.#looksAhead()) this.queue.tail.want()
      if (this.dispatch.isWithoutMemory) this.queue.postpone()
    } else {
      this.queue.tail.excludeFromPages(delivery)
      this.#lanes?.occupy(own, numberOf(delivery))
      this.#handOut(delivery, member)
    }
  }

  hasRoomFor(message: Message): boolean {
    const hasRoom = this.queue.hasRoomFor(message, NO_IDENTIFIERS, this.isDurable)
    this.counts.overflowed += hasRoom ? 0 : 1
    return hasRoom
  }

  attached(session: Session): void {
    this.consumers.attached(session)
    this.pump()
  }

  detached(session: Session): void {
    this.consumers.detached(session)
    this.#takeBackFrom(session.exchanges)
    this.#holds.leftBy(session)
    this.consumers.gaveBack(session)
    // Others may be disconnected as well, before they could read it: a broker that stops ends all connections one after the other.
    this.queue.postpone()
  }

  ready(session: Session): void {
    if (this.consumers.answered(session)) this.pump()
  }

  settled(clientId: string, delivery: Delivery): void {
    this.consumers.settled(clientId)
    this.#settled(delivery)
  }

  #settled(delivery: Delivery): void {
    this.counts.settled += 1
    this.#inFlight -= 1
    const message = this.#messageOf(delivery)
    this.#handOuts.forget(delivery)
    if (this.#lanes?.release(message) === true) this.pump()
    else if (this.#looksAhead()) this.queue.tail.want()
  }

  /** The consumer refused it, or its packets are too small for it: it is handed out again later. */
  refused(clientId: string, held: Delivery): boolean {
    if (this.queue.isDiscarded) return false
    this.consumers.settled(clientId)
    this.counts.refused += 1
    const least = this.consumers.isSending ? UNSENT_SECONDS : 0
    this.#again(this.#takeBack(held, clientId), 'refused', least)
    return true
  }

  ending(exchanges: Returning): void {
    this.#takeBackFrom(exchanges)
    this.queue.postpone()
  }

  remembers(delivery: Delivery, past: HandOuts, couldExpire: boolean): void {
    this.#handOuts.of(delivery).remembers(past, couldExpire)
  }

  /** Restores a delivery that a consumer had when the broker stopped: it is given back, unless a transaction has locked it. */
  restoreHeld(held: Delivery, clientId: string, transaction: string | null): void {
    this.#inFlight += 1
    this.#lanes?.occupy(held.message, numberOf(held))
    if (transaction === null) this.#comesBack(this.#takeBack(held, clientId))
    else this.#holds.restore(held, this.#handOuts.of(held), clientId, transaction)
  }

  /** Takes a message from another queue, at the end. `reason`: why it is a dead letter; empty if it is none. */
  takes(from: NamedQueue, old: Delivery, count: number, reason: string): void {
    const past = { count, reason, queue: reason === '' ? '' : from.name }
    const delivery = movedDelivery(from.owner, this, old, past, this.#context)
    if (this.#latest.replacesMoved(delivery)) return
    const couldExpire = old.message.expiresAt < Infinity
    if (count > 0 || reason !== '') this.remembers(delivery, past, couldExpire)
    this.#deaths.push(delivery, reason)
    // The store knows of it until it is read.
    if (old.stored !== 0 && this.queue.tail.messages > 0) this.#handOuts.forget(delivery)
    this.queue.postpone()
  }

  /** A time that was set by `wakeAt` has come. */
  due(now: number): void {
    const { stuck } = this.#handOuts
    const refused = () => this.#handOuts.takeRefused(now)
    for (let next = refused(); next !== null; next = refused()) this.#waitsAgain(next)
    const overdue = () => this.#handOuts.takeOverdue(this.#context)
    for (let next = overdue(); next !== null; next = overdue()) {
      this.counts.overdue += 1
      if (next.held === null || this.#latest.replacesOverdue(next, next.held)) continue
      if (this.#isUsedUp(next.held)) this.#bury(this.#takeAway(next, next.held), 'deliveries')
      else stuck.add(next)
    }
    this.pump()
  }

  /** Hands out as much as possible, as far as this turn allows; nothing between the messages of a transaction. */
  pump(): void {
    if (this.queue.isDiscarded) return
    if (this.#context.transactionCommit !== 0) {
      this.queue.postpone()
      return
    }
    if (!this.dispatch.pump()) this.queue.postpone()
    if (this.sweeping !== null || this.#looksAhead()) this.queue.tail.want()
    else this.queue.wantIfShort()
    this.#wake()
  }

  /** Consumers may be ready for keys that are not in memory yet, while messages in memory wait for others of their keys. */
  #looksAhead(): boolean {
    if (this.#lanes === null || !this.consumers.isReady) return false
    return this.queue.tail.isShort(this.queue.waiting.length, this.queue.waiting.bytes)
  }

  /** The queue is deleted: what waits is dropped, what is in flight is settled. In the store the end of the queue removes the former. */
  end(): void {
    const { journal } = this.#context
    journal.record({ kind: 'queue-ended', name: this.name })
    this.sweeping?.ends('the queue was deleted')
    this.#holds.endAll()
    for (const member of [...this.consumers.all]) {
      const { session } = member
      for (const held of session.exchanges.inFlightOf(this)) {
        recordSettled(journal, held, session.isDurable ? session.owner : this.owner)
        this.consumers.takesAway(member, held)
        this.#context.dropped('queue-ended', held.message, session.clientId)
      }
      this.consumers.leave(session)
    }
    this.#host.wakeAt(this, Infinity)
    this.queue.discard('queue-ended')
    this.#lanes?.ends()
  }

  #newWaiting(): FifoQueue | KeyLanes {
    this.#lanes = this.#latest.newLanes(this.#settings)
    return this.#lanes ?? new FifoQueue(numberOf)
  }

  #wake(): void {
    this.#host.wakeAt(this, this.#handOuts.next)
  }

  #isUsedUp(delivery: Delivery): boolean {
    return this.#handOuts.isUsedUp(delivery, this.#settings)
  }

  /** The message without our user properties. */
  #messageOf(delivery: Delivery): Message {
    return this.#handOuts.get(delivery)?.message ?? delivery.message
  }

  #handOut(delivery: Delivery, member: ShareMember): void {
    const { subscription, identifiers } = member
    const known = this.#handOuts.get(delivery)
    const retain = delivery.retain && subscription.retainAsPublished
    this.counts.handedOut += 1
    if (subscription.qos === 0)
      return this.#sendOnce(delivery, { ...delivery, retain, identifiers }, member)
    this.#inFlight += 1
    this.consumers.took(member)
    const { ackDeadlineSeconds } = this.#settings
    if (known === undefined && ackDeadlineSeconds === 0 && !member.isTransactional) {
      const isAsQueued = retain === delivery.retain && identifiers.length === 0
      this.consumers.send(isAsQueued ? delivery : { ...delivery, retain, identifiers }, member)
    } else {
      const handOut = known ?? this.#handOuts.of(delivery)
      handOut.counts()
      const hold = member.isTransactional ? this.#holds.begin(delivery, handOut, member) : null
      const message = markedMessage(delivery.message, handOut)
      const plain = { ...delivery, message, retain, identifiers }
      const held = hold === null ? plain : this.#holds.asSent(plain)
      handOut.handedTo(member, held, delivery.message)
      if (ackDeadlineSeconds > 0) {
        this.#handOuts.held.add(handOut, this.#context.now + ackDeadlineSeconds * 1_000)
        this.#wake()
      }
      this.consumers.send(held, member)
      // A hook of a program did not want it sent.
      if (member.session.exchanges.stageOf(held.packetId) === 'none') hold?.settle()
    }
    this.consumers.staysReady(member)
  }

  /** To a consumer at QoS 0: it is settled when it is sent. If it is too large for that, it counts as refused. */
  #sendOnce(delivery: Delivery, sent: Delivery, { session }: ShareMember): void {
    const known = this.#handOuts.get(delivery)
    known?.counts()
    const message = known === undefined ? sent.message : markedMessage(sent.message, known)
    if (!session.takeOnce({ ...sent, message })) {
      this.counts.refused += 1
      if (known === undefined) this.#handOuts.of(delivery).counts()
      return this.#again(delivery, 'refused', UNSENT_SECONDS)
    }
    this.counts.settled += 1
    recordSettled(this.#context.journal, delivery, this.owner)
    this.#handOuts.forget(delivery)
    this.#lanes?.release(delivery.message)
  }

  /** Everything in flight to a consumer that has disconnected, or whose session ends. */
  #takeBackFrom(exchanges: Returning): void {
    const { clientId } = exchanges
    for (const held of exchanges.giveBack(this)) {
      this.consumers.settled(clientId)
      this.#comesBack(this.#takeBack(held, clientId))
    }
  }

  #takeBack(held: Delivery, clientId: string): Delivery {
    this.#inFlight -= 1
    const handOut = this.#handOuts.of(held)
    const { hold } = handOut
    const delivery = handOut.takenBack(held)
    if (hold !== null) this.#holds.ended(hold)
    this.#handOuts.rests(handOut)
    const { stored } = delivery
    if (stored !== 0) {
      this.queue.tail.excludeFromPages(delivery)
      const returned = { kind: 'returned', delivery: stored, clientId, owner: this.owner } as const
      if (hold === null) this.#context.journal.record(returned)
    }
    return delivery
  }

  /** From a consumer that is connected and has not answered in time. */
  #takeAway(handOut: HandOut, held: Delivery): Delivery {
    const { member } = handOut
    if (member === null) return held
    if (member.session.link !== null) handOut.passed(member.session.link)
    if (handOut.hold === null) this.consumers.takesAway(member, held)
    else this.consumers.settled(member.clientId)
    return this.#takeBack(held, member.clientId)
  }

  #comesBack(delivery: Delivery): void {
    this.counts.returned += 1
    if (this.queue.isDiscarded) drop(this.#context, 'queue-ended', delivery, this.owner)
    else if (this.#latest.replaces(delivery)) return
    else if (this.#isUsedUp(delivery)) this.#bury(delivery, 'deliveries')
    else this.#waitsAgain(delivery)
  }

  #waitsAgain(delivery: Delivery): void {
    const handOut = this.#handOuts.of(delivery)
    if (handOut.isOverdue) this.#handOuts.setAside(handOut, delivery)
    else {
      this.queue.waiting.putBack([delivery])
      this.#lanes?.release(delivery.message)
    }
  }

  /** It comes again later, or is a dead letter. */
  #again(delivery: Delivery, reason: DeathReason, least = 0): void {
    const isReplaced = this.#latest.replaces(delivery)
    if (!isReplaced && this.#isUsedUp(delivery)) this.#bury(delivery, reason)
    else if (!isReplaced) this.#delay(delivery, least)
    // Within a hand-out the pump goes on by itself.
    this.queue.postpone()
  }

  #delay(delivery: Delivery, least: number): void {
    this.#handOuts.delay(delivery, this.#context.now, this.#settings, least)
    this.#wake()
  }

  /** A message that was taken out becomes a dead letter. */
  #bury(delivery: Delivery, reason: DeathReason): void {
    this.#lanes?.release(delivery.message)
    this.#deaths.bury(delivery, reason)
  }
}
