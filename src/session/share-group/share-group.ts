// A share group: one queue for all its members. A message is bound to a member only when that member can take it, so no
// message waits for a member that is not connected or does not read.

import type { CommitId } from '../../store/journal.ts'
import { WORK } from '../../limits.ts'
import { type Message, withOwnBytes } from '../../message.ts'
import type { ShareStrategy, ShareStrategyName } from '../../routing/share-strategy.ts'
import type { Subscription } from '../../routing/subscription.ts'
import type { GroupOwner } from '../../store/change.ts'
import { type Delivery, NO_IDENTIFIERS, type Returning } from '../delivery.ts'
import { FifoQueue } from '../waiting/fifo-queue.ts'
import { GroupDispatch } from './group-dispatch.ts'
import { GroupJournal, leavesQueue } from './group-journal.ts'
import { KeyedQueues } from '../waiting/keyed-queues.ts'
import type { QueueBounds } from '../waiting/message-queue.ts'
import { asQueued, OwnedQueue, type QueueOwner } from '../waiting/owned-queue.ts'
import { ReadyMembers } from './ready-members.ts'
import type { Session } from '../session.ts'
import { drop, type SessionContext } from '../session-context.ts'
import type { MemberTerms, ShareMember } from './share-member.ts'
import { ShareMembers } from './share-members.ts'
import type { GroupOfMember } from './share-protocol.ts'
import type { DeliveryOptions, Target } from '../target.ts'

/** The choice among the members of the group. */
export interface ChosenStrategy {
  readonly name: ShareStrategyName
  readonly strategy: ShareStrategy<ShareMember>
  /** The strategy that the first subscriber asked for, if it decided. */
  readonly wish: ShareStrategyName | null
  /** Whether weights are used. */
  readonly isWeighted: boolean
}

// Wide on purpose: what members report, what an administrator changes and the way of a message meet here.
export class ShareGroup implements Target, QueueOwner, GroupOfMember<Session> {
  readonly clientId = null
  readonly owner: GroupOwner
  /** The client that it is counted for in `limits.shareGroupsPerTopicMax`; null for none. */
  countedFor: string | null = null
  /** The messages that wait for a member. */
  readonly queue: OwnedQueue
  readonly #context: SessionContext
  readonly #members = new ShareMembers()
  readonly #ready: ReadyMembers
  #chosen: ChosenStrategy
  #dispatch: GroupDispatch
  readonly #journal: GroupJournal

  constructor(
    { shareName, topicFilter, where }: Omit<GroupOwner, 'kind'>,
    chosen: ChosenStrategy,
    bounds: QueueBounds,
    context: SessionContext,
  ) {
    const { strategy } = chosen
    const keys = strategy.isKeyed ? new KeyedQueues(strategy, context.memory) : null
    const filtered = where === undefined ? null : { where }
    this.owner = { kind: 'group', shareName, topicFilter, ...filtered }
    this.#chosen = chosen
    this.#context = context
    this.queue = new OwnedQueue(this, context, {
      bounds,
      origin: this,
      deliveries: keys,
      share: null,
      saves: null,
    })
    this.#ready = new ReadyMembers(strategy, this.#members, this)
    this.#journal = new GroupJournal(this.owner, context, this.queue.tail)
    this.#dispatch = this.#dispatchWith(keys)
  }

  get chosen(): ChosenStrategy {
    return this.#chosen
  }

  /** Whether queued messages are still on their way to the strategy that was chosen last. */
  get isMoving(): boolean {
    return this.queue.waiting.isMoving
  }

  get memberCount(): number {
    return this.#members.count
  }

  memberOf(clientId: string): ShareMember | undefined {
    return this.#members.get(clientId)
  }

  get members(): Iterable<ShareMember> {
    return this.#members.all
  }

  /**
   * Whether the queue of the group is stored: a member's session survives a crash. Messages behind a tail in the store must
   * be stored as well, so the group stays durable while it has a tail, whoever is a member.
   */
  get isDurable(): boolean {
    return this.#members.durableCount > 0 || this.queue.tail.messages > 0
  }

  /** Adds the client, or changes its subscription and terms. */
  join(session: Session, subscription: Subscription, terms: MemberTerms): void {
    const known = this.#members.get(session.clientId)
    if (known !== undefined) {
      known.subscription = subscription
      this.#change(known, terms)
      return
    }
    const wasDurable = this.isDurable
    const member = this.#members.add(session, subscription, terms, this.#countedOf(terms))
    session.memberships.joined(this)
    if (!member.isDrained) this.#joinsChoice(member)
    if (this.isDurable && !wasDurable) this.#journal.storesWaiting(this.queue.waiting.all())
    if (session.link === null) this.pump()
    else this.attached(session)
  }

  leave(session: Session): void {
    const member = this.#members.get(session.clientId)
    if (member === undefined) return
    this.#leavesChoice(member)
    this.#members.remove(member)
    session.memberships.left(this)
    if (!this.isDurable) this.#journal.storesWaiting([])
    this.pump()
  }

  /** Chooses among the members in another way. Nothing in flight changes; queued messages keep their order. Not while it `isMoving`. */
  choose(chosen: ChosenStrategy): void {
    const wasKeyed = this.#chosen.strategy.isKeyed
    this.#chosen = chosen
    const { strategy } = chosen
    for (const member of this.#members.all) {
      this.#members.setTerms(member, member.terms, this.#countedOf(member.terms))
    }
    this.#ready.use(strategy)
    if (wasKeyed || strategy.isKeyed) {
      const keys = strategy.isKeyed ? new KeyedQueues(strategy, this.#context.memory) : null
      this.#dispatch = this.#dispatchWith(keys)
      this.queue.waiting.moveTo(keys ?? new FifoQueue())
    }
    // A member whose part of the window grows by this reports when it settles something.
    this.pump()
  }

  /** Ends the group after its last member has left: its queue is dropped and counted. */
  end(): void {
    // One change removes all of it from the store.
    this.#context.journal.record({ kind: 'group-ended', owner: this.owner })
    this.#journal.storesWaiting([])
    this.queue.discard('group-ended')
  }

  deliver(message: Message, _options: DeliveryOptions, commitId: CommitId): void {
    this.#context.turnWorkLeft -= WORK.groupDelivery
    const delivery = this.#journal.accept(message, commitId, this)
    const member = this.#dispatch.mayPass(message) ? this.#ready.pick(message) : null
    if (member === null) this.#wait(delivery)
    else {
      this.queue.tail.excludeFromPages(delivery)
      this.#handOut(delivery, member)
    }
  }

  hasRoomFor(message: Message): boolean {
    return this.queue.hasRoomFor(message, NO_IDENTIFIERS, this.isDurable)
  }

  attached(session: Session): void {
    const member = this.#members.get(session.clientId)
    if (member !== undefined) this.#members.setHere(member, true)
    this.#members.absent.delete(session)
    this.pump()
  }

  detached(session: Session): void {
    const member = this.#members.get(session.clientId)
    if (member === undefined) return
    this.#ready.detached(member)
    this.#members.setHere(member, false)
    if (member.inFlightOfGroup === 0) return
    if (this.#members.hereCount > 0) this.#takeBackFrom(session.exchanges)
    else this.#members.absent.add(session)
  }

  ready(session: Session): void {
    const member = this.#members.get(session.clientId)
    if (member === undefined || !this.#ready.answered(member)) return
    this.#dispatch.ready(member)
    this.pump()
  }

  settled(clientId: string): void {
    const member = this.#members.get(clientId)
    if (member === undefined) this.#members.formerSettled(clientId)
    else {
      this.#ready.settled(member)
      this.#tellIfEmpty(member)
    }
  }

  /** What a member does not take is settled. */
  refused(): boolean {
    return false
  }

  remembers(): void {}

  ending(exchanges: Returning): void {
    this.#takeBackFrom(exchanges)
  }

  /** Restores a delivery that this client had not settled. The client is not connected. */
  restoreInFlight(session: Session): void {
    const member = this.#members.get(session.clientId)
    if (member === undefined) {
      this.#members.formerInFlight(session.clientId)
      return
    }
    member.inFlightOfGroup += 1
    this.#members.absent.add(session)
  }

  /** Does all outstanding work of the group, as far as this turn allows. */
  pump(): void {
    if (this.queue.isDiscarded) return
    const isDone = this.#takeBackAbsent() && this.#journal.storeSome() && this.#dispatch.pump()
    if (!isDone) this.queue.postpone()
    // Members may be ready for keys that are not in memory yet, while messages in memory wait for other members.
    else if (this.#ready.count > 0 && this.#chosen.strategy.isKeyed) this.queue.tail.want()
    else this.queue.wantIfShort()
  }

  #dispatchWith(keys: KeyedQueues<ShareMember> | null): GroupDispatch {
    return new GroupDispatch(this.#context, {
      queue: this.queue,
      keys,
      ready: this.#ready,
      handOut: (delivery, member) => this.#handOut(delivery, member),
    })
  }

  #countedOf({ weight }: MemberTerms): number {
    return this.#chosen.isWeighted ? weight : 1
  }

  #change(member: ShareMember, terms: MemberTerms): void {
    const wasDrained = member.isDrained
    this.#members.setTerms(member, terms, this.#countedOf(terms))
    if (terms.isDrained === wasDrained) this.#ready.awaits(member)
    else if (wasDrained) this.#joinsChoice(member)
    else {
      this.#leavesChoice(member)
      this.#tellIfEmpty(member)
    }
  }

  #joinsChoice(member: ShareMember): void {
    this.#ready.joined(member)
    this.#dispatch.joined()
  }

  #leavesChoice(member: ShareMember): void {
    this.#ready.left(member)
    this.#dispatch.left(member)
  }

  #tellIfEmpty({ isDrained, inFlightOfGroup, clientId }: ShareMember): void {
    if (!isDrained || inFlightOfGroup > 0) return
    this.#context.observer.memberDrained?.(this.owner, clientId)
  }

  /** When a member connects, takes back deliveries in flight from members that disconnected while no other was connected. */
  #takeBackAbsent(): boolean {
    const { absent } = this.#members
    if (absent.size === 0 || this.#members.hereCount === 0) return true
    for (const session of absent) {
      if (this.#context.turnWorkLeft <= 0) return false
      const { exchanges } = session
      this.#context.turnWorkLeft -= WORK.queueStep + WORK.groupHandOver * exchanges.count
      absent.delete(session)
      this.#takeBackFrom(exchanges)
    }
    return true
  }

  /** Takes back the deliveries in flight of a member that has disconnected or ends. QoS 2 stays with the member [MQTT-4.8.2-4]. */
  #takeBackFrom(exchanges: Returning): void {
    const { clientId } = exchanges
    const returned = exchanges.giveBack(this)
    if (returned.length === 0) return
    const waiting: Delivery[] = []
    for (const delivery of returned) {
      this.settled(clientId)
      if (this.queue.isDiscarded) drop(this.#context, 'group-ended', delivery, this.owner)
      else waiting.push(this.#takeBack(delivery, clientId))
    }
    this.queue.waiting.putBack(waiting)
    this.pump()
  }

  /** Returns the delivery with the options that the group queued it with, not those of the member that gave it back [MQTT-3.8.4-8]. */
  #takeBack(delivery: Delivery, clientId: string): Delivery {
    const queued = asQueued(delivery)
    queued.packetId = 0
    if (queued.stored !== 0) this.#journal.returned(queued, clientId)
    // It was sent when no member's session survived a crash, so it was not stored.
    else if (this.isDurable) this.#journal.store(queued)
    return queued
  }

  /** Hands the message to a member that can take it now, with the options of the member's subscription. */
  #handOut(delivery: Delivery, member: ShareMember): void {
    const { subscription, identifiers, session } = member
    const { coverage } = session.rights
    if (
      coverage.coveredAt !== coverage.rules.version &&
      session.rights.withholdsNew(delivery.message)
    ) {
      drop(this.#context, 'no-right-to-receive', delivery, this.owner)
      return
    }
    const qos = delivery.qos < subscription.qos ? delivery.qos : subscription.qos
    const retain = delivery.retain && subscription.retainAsPublished
    if (qos === 0) {
      this.#journal.settled(delivery)
      leavesQueue(delivery)
      session.take({ ...delivery, qos, retain, identifiers, stored: 0 })
      return
    }
    if (delivery.stored === 0 && session.isDurable) this.#journal.store(delivery)
    this.#ready.took(member)
    const isAsQueued =
      qos === delivery.qos && retain === delivery.retain && identifiers.length === 0
    if (isAsQueued) session.take(delivery)
    else {
      session.take({ ...delivery, qos, retain, identifiers })
      leavesQueue(delivery)
    }
    // A full member is removed from the choice at once. Being chosen and skipped would cost it its turn in the strategy.
    this.#ready.staysReady(member)
  }

  #wait(delivery: Delivery): void {
    if (delivery.qos === 0 && this.#members.hereCount === 0) {
      this.#context.dropped('client-away', delivery.message, null)
      return
    }
    const message = withOwnBytes(delivery.message)
    this.queue.push(message === delivery.message ? delivery : { ...delivery, message })
  }
}
