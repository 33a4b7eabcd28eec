// A share group: one waiting line for all its members. A message is bound to a member when that member
// can take it, not before, so nothing waits behind a member that is away or frozen.

import { type Message, owningBytes } from '../message.ts'
import type { QoS } from '../packet/packet.ts'
import type { ShareStrategy } from '../routing/share-strategy.ts'
import type { Subscription } from '../routing/subscription.ts'
import { type Delivery, newDelivery } from './delivery.ts'
import { MessageQueue, type QueueBounds } from './message-queue.ts'
import type { GroupOwner } from '../store/change.ts'
import type { Remainder } from '../store/store.ts'
import { drop, isExpired, type SessionContext } from './session-context.ts'
import type { GroupOfMember } from './group-of-member.ts'
import type { Session } from './session.ts'
import { ShareMember } from './share-member.ts'
import { StoredRest } from './stored-rest.ts'

const NO_IDENTIFIERS: readonly number[] = []

export class ShareGroup implements GroupOfMember<Session> {
  readonly clientId = null
  readonly shareName: string
  readonly topicFilter: string
  readonly owner: GroupOwner
  readonly #context: SessionContext
  readonly #strategy: ShareStrategy<ShareMember>
  readonly #bounds: QueueBounds
  readonly #members = new Map<string, ShareMember>()
  /** One line for all, or one for each member when the strategy binds a key to a member. */
  readonly #lanes = new Map<ShareMember | null, MessageQueue>()
  readonly #rest: StoredRest
  /** Members that left with messages in flight while nobody else was there to take them. */
  readonly #absent = new Set<Session>()
  #durableMembers = 0
  #readyMembers = 0
  #weightMax = 1

  constructor(
    name: { readonly shareName: string; readonly topicFilter: string },
    strategy: ShareStrategy<ShareMember>,
    bounds: QueueBounds,
    context: SessionContext,
  ) {
    this.shareName = name.shareName
    this.topicFilter = name.topicFilter
    this.owner = { kind: 'group', ...name }
    this.#strategy = strategy
    this.#bounds = bounds
    this.#context = context
    this.#rest = new StoredRest(this.owner, this, context, this)
  }

  get memberCount(): number {
    return this.#members.size
  }

  /** Messages that wait for a member: the lag of the group. */
  get queuedMessages(): number {
    return this.#inMemory + this.#rest.messages
  }

  get #inMemory(): number {
    let count = 0
    for (const lane of this.#lanes.values()) count += lane.length
    return count
  }

  get #bytesInMemory(): number {
    let bytes = 0
    for (const lane of this.#lanes.values()) bytes += lane.bytes
    return bytes
  }

  /** Some member outlives a crash, so what the group owes must as well. */
  get isDurable(): boolean {
    return this.#durableMembers > 0
  }

  join(session: Session, subscription: Subscription, weight: number): void {
    const known = this.#members.get(session.clientId)
    if (known !== undefined) {
      known.subscription = subscription
      return
    }
    const member = new ShareMember(session, subscription, weight)
    this.#members.set(session.clientId, member)
    session.joined(this)
    this.#strategy.join(member)
    this.membershipChanged()
    if (session.isAttached) this.attached(session)
  }

  leave(session: Session): void {
    const member = this.#members.get(session.clientId)
    if (member === undefined) return
    this.#setReady(member, false)
    this.#members.delete(session.clientId)
    this.#absent.delete(session)
    session.left(this)
    this.#strategy.leave(member)
    this.membershipChanged()
    this.#pump()
  }

  /** Counts anew what depends on who is a member; also when a member's durability has changed. */
  membershipChanged(): void {
    const wasDurable = this.isDurable
    this.#durableMembers = 0
    this.#weightMax = 1
    for (const member of this.#members.values()) {
      if (member.session.isDurable) this.#durableMembers += 1
      this.#weightMax = Math.max(this.#weightMax, member.weight)
    }
    // What waits may go to a member that survives a crash now: its packet identifier must survive as well.
    if (this.isDurable && !wasDurable) this.#storeWaiting()
    this.#sortIntoLanes()
  }

  /** The last member is gone: what still waits is dropped and counted. */
  end(): void {
    for (const lane of this.#lanes.values()) {
      for (const { message } of lane.drain()) this.#context.dropped('group-ended', message, null)
    }
    this.#context.droppedInStore('group-ended', this.#rest.clear())
    // The store forgets them all in one fact.
    this.#context.journal.record({ kind: 'group-ended', owner: this.owner })
  }

  deliver(
    message: Message,
    qos: QoS,
    retain: boolean,
    _identifiers: readonly number[],
    promise: number,
  ): void {
    const delivery = this.#owe(message, qos, retain, promise)
    const lane = this.#laneFor(message)
    const member = lane.isEmpty ? this.#pick(message) : null
    if (member === null) {
      this.#wait(delivery, lane)
      return
    }
    this.#rest.passesBy(delivery)
    this.#bind(delivery, member)
  }

  attached(session: Session): void {
    this.#absent.delete(session)
    for (const absent of this.#absent) absent.surrender(this)
    this.#absent.clear()
  }

  detached(session: Session): void {
    const member = this.#members.get(session.clientId)
    if (member === undefined) return
    this.#setReady(member, false)
    if (this.#hasOtherThan(session)) session.surrender(this)
    else this.#absent.add(session)
  }

  ready(session: Session): void {
    const member = this.#members.get(session.clientId)
    if (member === undefined) return
    this.#setReady(member, this.#mayTake(member))
    this.#pump()
  }

  released(clientId: string): void {
    const member = this.#members.get(clientId)
    if (member === undefined) return
    member.inFlightOfGroup -= 1
    this.#strategy.settled(member)
  }

  returned(clientId: string, deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      this.released(clientId)
      delivery.packetId = 0
      if (delivery.stored === 0) {
        // It went to a member when there was none that survives a crash.
        if (this.isDurable) this.#store(delivery)
        continue
      }
      this.#rest.passesBy(delivery)
      this.#context.journal.record({
        kind: 'returned',
        delivery: delivery.stored,
        clientId,
        owner: this.owner,
      })
    }
    this.#laneFor(null).putBack(deliveries)
    this.#sortIntoLanes()
    this.#pump()
  }

  /** What the store kept and nobody had been chosen for; `remainder` stays there until it is needed. */
  restore(deliveries: readonly Delivery[], remainder: Remainder): void {
    this.#laneFor(null).putBack(deliveries)
    this.#sortIntoLanes()
    this.#rest.restore(deliveries, remainder.messages, remainder.bytes)
  }

  /** The store kept a delivery that this member had not settled. Its client is away. */
  lent(session: Session): void {
    const member = this.#members.get(session.clientId)
    if (member === undefined) return
    member.inFlightOfGroup += 1
    this.#absent.add(session)
  }

  /** In the order of publishing, so that the numbers in the store have it as well. */
  #storeWaiting(): void {
    const waiting = [...this.#lanes.values()].flatMap(lane => lane.drain())
    this.#lanes.clear()
    waiting.sort((one, other) => one.message.sequence - other.message.sequence)
    for (const delivery of waiting) {
      if (delivery.stored === 0 && delivery.qos > 0) this.#store(delivery)
    }
    this.#laneFor(null).putBack(waiting)
  }

  #store(delivery: Delivery): void {
    const { message, qos, retain } = delivery
    const { journal } = this.#context
    journal.record({ kind: 'message-stored', message })
    delivery.stored = this.#recordOwed(message, qos, retain)
    delivery.promise = journal.current
    this.#rest.passesBy(delivery)
  }

  #owe(message: Message, qos: QoS, retain: boolean, promise: number): Delivery {
    const stored = qos > 0 && this.isDurable ? this.#recordOwed(message, qos, retain) : 0
    return newDelivery(message, qos, retain, NO_IDENTIFIERS, this, stored, promise)
  }

  #recordOwed(message: Message, qos: QoS, retain: boolean): number {
    const delivery = this.#context.nextDelivery()
    this.#context.journal.record({
      kind: 'owed',
      delivery,
      owner: this.owner,
      sequence: message.sequence,
      qos,
      retain,
      identifiers: NO_IDENTIFIERS,
      packetId: 0,
    })
    return delivery
  }

  /** Hands the message to a member that can take it now, with the options of that member's subscription. */
  #bind(delivery: Delivery, member: ShareMember): void {
    const { subscription } = member
    const qos = delivery.qos < subscription.qos ? delivery.qos : subscription.qos
    const retain = delivery.retain && subscription.retainAsPublished
    if (qos === 0) {
      if (delivery.stored !== 0) {
        const { owner } = this
        this.#context.journal.record({ kind: 'settled', delivery: delivery.stored, owner })
      }
      member.session.take({ ...delivery, qos, retain, identifiers: member.identifiers, stored: 0 })
      return
    }
    member.inFlightOfGroup += 1
    this.#strategy.settled(member)
    const { identifiers } = member
    const isAsOwed = qos === delivery.qos && retain === delivery.retain && identifiers.length === 0
    member.session.take(isAsOwed ? delivery : { ...delivery, qos, retain, identifiers })
    // Set aside at once: to be chosen and passed over would cost it a turn.
    if (!this.#mayTake(member)) this.#setReady(member, false)
  }

  #wait(delivery: Delivery, lane: MessageQueue): void {
    if (delivery.qos === 0 && !this.#hasOtherThan(null)) {
      this.#context.dropped('client-away', delivery.message, null)
      return
    }
    const message = owningBytes(delivery.message)
    const kept = message === delivery.message ? delivery : { ...delivery, message }
    for (const lost of lane.push(kept, this.#bounds))
      drop(this.#context, lane.lostTo, lost, this.owner)
  }

  /** The next page of the waiting line has come from the store. */
  paged(deliveries: readonly Delivery[]): void {
    for (const delivery of deliveries) {
      const lane = this.#laneFor(delivery.message)
      for (const lost of lane.paged([delivery], this.#bounds)) {
        drop(this.#context, 'queue-full', lost, this.owner)
      }
    }
    this.#pump()
  }

  #pump(): void {
    this.#pumpLanes()
    // Members may be ready for what is not in memory yet, while what is there waits for others.
    if (
      this.#rest.messages > 0 &&
      (this.#readyMembers > 0 || this.#rest.isNeeded(this.#inMemory, this.#bytesInMemory))
    ) {
      this.#rest.want()
    }
  }

  #pumpLanes(): void {
    for (const lane of this.#lanes.values()) {
      let next = lane.peek()
      while (next !== undefined) {
        if (isExpired(next.message, this.#context.now)) {
          lane.shift()
          drop(this.#context, 'message-expired', next, this.owner)
        } else {
          const member = this.#pick(next.message)
          if (member === null) break
          lane.shift()
          this.#bind(next, member)
        }
        next = lane.peek()
      }
    }
  }

  /** The strategy's choice among those that can take a message now; those that cannot are set aside. */
  #pick(message: Message): ShareMember | null {
    let member = this.#strategy.next(message)
    while (member !== null && !this.#mayTake(member)) {
      this.#setReady(member, false)
      member = this.#strategy.next(message)
    }
    return member
  }

  /**
   * A member's part of its window goes by its weight: a full window of the heaviest stands for a third of
   * one at a third of the weight. So weights hold even when all members are as busy as they can be.
   */
  #mayTake(member: ShareMember): boolean {
    if (!member.session.canTake) return false
    const share = Math.floor((member.session.windowMax * member.weight) / this.#weightMax)
    return member.inFlightOfGroup < Math.max(1, share)
  }

  #setReady(member: ShareMember, isReady: boolean): void {
    if (member.isReady === isReady) return
    member.isReady = isReady
    this.#readyMembers += isReady ? 1 : -1
    if (isReady) this.#strategy.add(member)
    else this.#strategy.remove(member)
  }

  #hasOtherThan(session: Session | null): boolean {
    for (const member of this.#members.values()) {
      if (member.session !== session && member.session.isAttached) return true
    }
    return false
  }

  #laneFor(message: Message | null): MessageQueue {
    const owner = message === null ? null : this.#strategy.ownerOf(message)
    let lane = this.#lanes.get(owner)
    if (lane === undefined) {
      lane = new MessageQueue(this.#rest)
      this.#lanes.set(owner, lane)
    }
    return lane
  }

  /** Who owns which key has changed, or messages came back: every one goes to the lane it belongs to, in order. */
  #sortIntoLanes(): void {
    const waiting: Delivery[] = []
    for (const lane of this.#lanes.values()) waiting.push(...lane.drain())
    this.#lanes.clear()
    waiting.sort((one, other) => one.message.sequence - other.message.sequence)
    const sorted = new Map<MessageQueue, Delivery[]>()
    for (const delivery of waiting) {
      const lane = this.#laneFor(delivery.message)
      const line = sorted.get(lane)
      if (line === undefined) sorted.set(lane, [delivery])
      else line.push(delivery)
    }
    for (const [lane, deliveries] of sorted) lane.putBack(deliveries)
  }
}
