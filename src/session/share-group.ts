// A share group: one queue for all its members. A message is bound to a member when that member
// can take it, not before, so nothing waits behind a member that is away or frozen.

import type { CommitId } from '../store/journal.ts'
import { WORK } from '../limits.ts'
import { type Message, owningBytes } from '../message.ts'
import type { QoS } from '../packet/packet.ts'
import type { ShareStrategy, ShareStrategyName } from '../routing/share-strategy.ts'
import type { Subscription } from '../routing/subscription.ts'
import type { GroupOwner } from '../store/change.ts'
import type { Remainder } from '../store/store.ts'
import type { Delivery } from './delivery.ts'
import { Discarding } from './discarding.ts'
import { asQueued, GroupJournal, leavesQueue } from './group-journal.ts'
import type { GroupOfMember } from './group-of-member.ts'
import { KeyedQueues } from './keyed-queues.ts'
import { MessageQueue, type QueueBounds } from './message-queue.ts'
import type { Session } from './session.ts'
import {
  drop,
  dropPushedOut,
  isExpired,
  type Postponed,
  type SessionContext,
} from './session-context.ts'
import type { ShareMember } from './share-member.ts'
import { ShareMembers } from './share-members.ts'
import { type TailReader, QueueTail } from './queue-tail.ts'

/** How the group chooses among its members. */
export interface ChosenStrategy {
  readonly strategy: ShareStrategy<ShareMember>
  /** The first subscriber's wish, when it was that which decided. */
  readonly wish: ShareStrategyName | null
  /** Whether weights count. */
  readonly isWeighted: boolean
}

export class ShareGroup implements GroupOfMember<Session>, TailReader, Postponed {
  readonly clientId = null
  readonly shareName: string
  readonly topicFilter: string
  readonly owner: GroupOwner
  readonly chosen: ChosenStrategy
  readonly #context: SessionContext
  readonly #strategy: ShareStrategy<ShareMember>
  readonly #bounds: QueueBounds
  readonly #members = new ShareMembers()
  readonly #tail: QueueTail
  /** What waits in memory. */
  readonly #queue: MessageQueue
  /** The same by key, when the strategy binds keys to members. */
  #keys: KeyedQueues<ShareMember> | null = null
  readonly #journal: GroupJournal
  /** Members that went away with messages in flight while nobody else was there to take them. */
  readonly #absent = new Set<Session>()
  #readyMembers = 0
  #isPostponed = false
  #isOver = false

  constructor(
    name: { readonly shareName: string; readonly topicFilter: string },
    chosen: ChosenStrategy,
    bounds: QueueBounds,
    context: SessionContext,
  ) {
    this.shareName = name.shareName
    this.topicFilter = name.topicFilter
    this.owner = { kind: 'group', ...name }
    this.chosen = chosen
    this.#strategy = chosen.strategy
    this.#bounds = bounds
    this.#context = context
    this.#tail = new QueueTail(this.owner, this, context, this)
    this.#keys = chosen.strategy.isKeyed ? new KeyedQueues(chosen.strategy, context.memory) : null
    this.#queue = new MessageQueue(this.#tail, this.#keys ?? undefined)
    this.#journal = new GroupJournal(this.owner, context, this.#tail)
  }

  get memberCount(): number {
    return this.#members.count
  }

  /** Messages that wait for a member: the lag of the group. */
  get queuedMessages(): number {
    return this.#queue.messages
  }

  /** Their bytes, as the bounds count them. */
  get queuedBytes(): number {
    return this.#queue.bytesInAll
  }

  /**
   * Some member outlives a crash, so the group's queue must as well. Behind messages that lie in the store others
   * can only stand there: while some do, the group is durable whoever is a member.
   */
  get isDurable(): boolean {
    return this.#members.durableCount > 0 || this.#tail.messages > 0
  }

  /** Enters the client, or gives its place another subscription and weight. */
  join(session: Session, subscription: Subscription, weight: number): void {
    const counted = this.chosen.isWeighted ? weight : 1
    const known = this.#members.get(session.clientId)
    if (known !== undefined) {
      known.subscription = subscription
      this.#members.setWeight(known, counted)
      this.#awaits(known)
      return
    }
    const wasDurable = this.isDurable
    const member = this.#members.add(session, subscription, counted)
    session.memberships.joined(this)
    this.#strategy.join(member)
    this.#keys?.ownersChanged()
    this.#awaits(member)
    if (this.isDurable && !wasDurable) this.#journal.storesWaiting(this.#queue.all())
    if (session.isAttached) this.attached(session)
    else this.#goOn()
  }

  leave(session: Session): void {
    const member = this.#members.get(session.clientId)
    if (member === undefined) return
    this.#setReady(member, false)
    this.#absent.delete(session)
    this.#members.remove(member)
    session.memberships.left(this)
    this.#strategy.leave(member)
    this.#keys?.ownersChanged()
    this.#keys?.sleeps(member)
    if (!this.isDurable) this.#journal.storesWaiting([])
    this.#goOn()
  }

  /** The last member is gone: what still waits is dropped and counted. */
  end(): void {
    this.#isOver = true
    // One change removes all of them from the store.
    this.#context.journal.record({ kind: 'group-ended', owner: this.owner })
    this.#journal.storesWaiting([])
    new Discarding(this.#context, this.#queue, 'group-ended', null).proceed()
  }

  deliver(
    message: Message,
    qos: QoS,
    retain: boolean,
    _identifiers: readonly number[],
    commitId: CommitId,
  ): void {
    this.#context.turnWorkLeft -= WORK.groupDelivery
    const delivery = this.#journal.accept(message, qos, retain, commitId, this)
    const member = this.#mayPass(message) ? this.#pick(message) : null
    if (member === null) {
      this.#wait(delivery)
      return
    }
    this.#tail.passesBy(delivery)
    this.#bind(delivery, member)
  }

  attached(session: Session): void {
    const member = this.#members.get(session.clientId)
    if (member !== undefined) this.#members.setHere(member, true)
    this.#absent.delete(session)
    this.#goOn()
  }

  detached(session: Session): void {
    const member = this.#members.get(session.clientId)
    if (member === undefined) return
    this.#setReady(member, false)
    this.#awaits(member)
    this.#members.setHere(member, false)
    if (member.inFlightOfGroup === 0) return
    if (this.#members.hereCount > 0) session.giveBack(this)
    else this.#absent.add(session)
  }

  ready(session: Session): void {
    const member = this.#members.get(session.clientId)
    if (member === undefined) return
    member.isAwaited = false
    if (!this.#mayTake(member)) {
      // As long as its part of the window is full, that it settles something is what matters.
      if (!member.session.canTake) this.#awaits(member)
      return
    }
    this.#setReady(member, true)
    this.#keys?.wakes(member)
    this.#goOn()
  }

  released(clientId: string): void {
    const member = this.#members.get(clientId)
    if (member === undefined) {
      this.#members.formerReleased(clientId)
      return
    }
    member.inFlightOfGroup -= 1
    this.#strategy.settled(member)
    if (!member.isReady) this.#awaits(member)
  }

  returned(clientId: string, deliveries: readonly Delivery[]): void {
    const waiting: Delivery[] = []
    for (const delivery of deliveries) {
      this.released(clientId)
      if (this.#isOver) drop(this.#context, 'group-ended', delivery, this.owner)
      else waiting.push(this.#takeBack(delivery, clientId))
    }
    this.#queue.putBack(waiting)
    this.#goOn()
  }

  /** What the store kept and nobody had been chosen for; `remainder` stays there until it is needed. */
  restore(deliveries: readonly Delivery[], remainder: Remainder): void {
    const waiting = deliveries.map(delivery => asQueued(delivery))
    this.#queue.restore(waiting)
    this.#tail.restore(waiting, remainder.messages, remainder.bytes)
  }

  /** The store kept a delivery that this client had not settled. It is away. */
  restoreInFlight(session: Session): void {
    const member = this.#members.get(session.clientId)
    if (member === undefined) {
      this.#members.formerInFlight(session.clientId)
      return
    }
    member.inFlightOfGroup += 1
    this.#absent.add(session)
  }

  /** The next page of the queue has come from the store. */
  paged(deliveries: readonly Delivery[]): void {
    const waiting = deliveries.map(delivery => asQueued(delivery))
    dropPushedOut(this.#context, this.#queue.paged(waiting, this.#bounds), this.owner)
    this.#goOn()
  }

  proceed(): void {
    this.#isPostponed = false
    this.#goOn()
  }

  /** Does all that is to be done, as far as this turn allows. */
  #goOn(): void {
    if (this.#isOver) return
    const isDone =
      this.#recallAbsent() && this.#journal.storeSome() && this.#bindKeys() && this.#pump()
    if (!isDone) this.#postpone()
    // Members may be ready for what is not in memory yet, while what is there waits for others.
    else if (
      this.#tail.messages > 0 &&
      (this.#readyMembers > 0 || this.#tail.isNeeded(this.#queue.length, this.#queue.bytes))
    ) {
      this.#tail.want()
    }
  }

  #postpone(): void {
    if (this.#isPostponed) return
    this.#isPostponed = true
    this.#context.postpone(this)
  }

  /** Somebody is here who can take what others, who went when nobody was, have left. */
  #recallAbsent(): boolean {
    if (this.#absent.size === 0 || this.#members.hereCount === 0) return true
    for (const session of this.#absent) {
      if (this.#context.turnWorkLeft <= 0) return false
      this.#context.turnWorkLeft -= WORK.groupLook + WORK.groupHanding * session.inFlight
      this.#absent.delete(session)
      session.giveBack(this)
    }
    return true
  }

  /** Members came or went: each key that waits is bound to the member that it belongs to now. */
  #bindKeys(): boolean {
    const keys = this.#keys
    while (keys?.isBoundAnew === true) {
      if (this.#context.turnWorkLeft <= 0) return false
      this.#context.turnWorkLeft -= WORK.groupLook
      keys.bindNext()
    }
    return true
  }

  #pump(): boolean {
    if (this.#keys === null) return this.#pumpInOrder()
    for (const member of this.#keys.awake) {
      if (!this.#pumpKeys(member, this.#keys)) return false
      this.#keys.sleeps(member)
    }
    return true
  }

  #pumpInOrder(): boolean {
    for (let next = this.#queue.peek(); next !== undefined; next = this.#queue.peek()) {
      if (this.#context.turnWorkLeft <= 0) return false
      if (isExpired(next.message, this.#context.now)) {
        this.#queue.shift()
        this.#expired(next)
      } else {
        const member = this.#pick(next.message)
        if (member === null) return true
        this.#context.turnWorkLeft -= WORK.groupHanding
        this.#queue.shift()
        this.#bind(next, member)
      }
    }
    return true
  }

  #pumpKeys(member: ShareMember, keys: KeyedQueues<ShareMember>): boolean {
    for (let queue = member.queues.first; queue !== null; queue = member.queues.first) {
      if (this.#context.turnWorkLeft <= 0) return false
      this.#context.turnWorkLeft -= WORK.groupLook
      const next = queue.deliveries.peek()
      if (!keys.isOf(queue, member) || next === undefined) continue
      const isOver = isExpired(next.message, this.#context.now)
      if (!isOver && !this.#isChoice(member)) return true
      keys.shiftFrom(queue)
      this.#queue.left(next)
      if (isOver) this.#expired(next)
      else this.#bind(next, member)
    }
    return true
  }

  /** Nothing that waits must be handed out before the message. */
  #mayPass(message: Message): boolean {
    if (this.#queue.isEmpty) return true
    return this.#tail.messages === 0 && this.#keys?.isFreeFor(message) === true
  }

  /** The delivery as the group queued it, whatever the member was sent that gave it back [MQTT-3.8.4-8]. */
  #takeBack(delivery: Delivery, clientId: string): Delivery {
    const queued = asQueued(delivery)
    queued.packetId = 0
    if (queued.stored !== 0) this.#journal.returned(queued, clientId)
    // It went to a member when there was none that survives a crash.
    else if (this.isDurable) this.#journal.store(queued)
    return queued
  }

  /** Hands the message to a member that can take it now, with the options of that member's subscription. */
  #bind(delivery: Delivery, member: ShareMember): void {
    const { subscription, identifiers, session } = member
    const qos = delivery.qos < subscription.qos ? delivery.qos : subscription.qos
    const retain = delivery.retain && subscription.retainAsPublished
    if (qos === 0) {
      this.#journal.settled(delivery)
      leavesQueue(delivery)
      session.take({ ...delivery, qos, retain, identifiers, stored: 0 })
      return
    }
    if (delivery.stored === 0 && session.isDurable) this.#journal.store(delivery)
    member.inFlightOfGroup += 1
    this.#strategy.settled(member)
    const isAsQueued =
      qos === delivery.qos && retain === delivery.retain && identifiers.length === 0
    if (isAsQueued) session.take(delivery)
    else {
      session.take({ ...delivery, qos, retain, identifiers })
      leavesQueue(delivery)
    }
    // Set aside at once: to be chosen and passed over would cost it a turn.
    if (!this.#mayTake(member)) this.#setAside(member)
  }

  #wait(delivery: Delivery): void {
    if (delivery.qos === 0 && this.#members.hereCount === 0) {
      this.#context.dropped('client-away', delivery.message, null)
      return
    }
    const message = owningBytes(delivery.message)
    const kept = message === delivery.message ? delivery : { ...delivery, message }
    const lost = this.#queue.push(kept, this.#bounds, this.#context.now)
    dropPushedOut(this.#context, lost, this.owner, this.#queue.lostTo)
  }

  #expired(delivery: Delivery): void {
    this.#context.turnWorkLeft -= WORK.groupLook
    drop(this.#context, 'message-expired', delivery, this.owner)
  }

  /** The strategy's choice among those that can take a message now; those that cannot are set aside. */
  #pick(message: Message): ShareMember | null {
    let member = this.#strategy.next(message)
    while (member !== null && !this.#mayTake(member)) {
      this.#setAside(member)
      member = this.#strategy.next(message)
    }
    return member
  }

  /** A message is bound to this member: whether it can take it now. If not, it is set aside. */
  #isChoice(member: ShareMember): boolean {
    if (!member.isReady) return false
    if (this.#mayTake(member)) return true
    this.#setAside(member)
    return false
  }

  /**
   * A member's part of its window goes by its weight: a full window of the heaviest stands for a third of
   * one at a third of the weight. So weights hold even when all members are as busy as they can be.
   */
  #mayTake(member: ShareMember): boolean {
    const { session } = member
    if (!session.canTake) return false
    const { weightMax } = this.#members
    if (weightMax === 1) return true
    const share = Math.floor((session.windowMax * member.weight) / weightMax)
    return member.inFlightOfGroup < Math.max(1, share)
  }

  #setAside(member: ShareMember): void {
    this.#setReady(member, false)
    if (!member.session.canTake) this.#awaits(member)
  }

  /** The member's session says when it can take a message. */
  #awaits(member: ShareMember): void {
    if (member.isAwaited) return
    member.isAwaited = true
    member.session.memberships.awaits(this)
  }

  #setReady(member: ShareMember, isReady: boolean): void {
    if (member.isReady === isReady) return
    member.isReady = isReady
    this.#readyMembers += isReady ? 1 : -1
    if (isReady) this.#strategy.add(member)
    else this.#strategy.remove(member)
  }
}
