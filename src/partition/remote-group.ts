// A share group that another partition keeps, as far as the clients of this one are its members. What it is handed for one of them is
// stored here from then on; what the client does not take goes back.

import type { Broker } from '../broker/broker.ts'
import type { GroupElsewhere } from '../broker/peers.ts'
import type { GroupName } from '../broker/share-overrides.ts'
import { fromElsewhere, type Message } from '../message.ts'
import type { Subscription } from '../routing/subscription.ts'
import { type Delivery, newDelivery, NO_IDENTIFIERS, type Returning } from '../session/delivery.ts'
import { recordQueued } from '../session/delivery-journal.ts'
import type { Session } from '../session/session.ts'
import { drop, isExpired } from '../session/session-context.ts'
import type { GroupOfMember } from '../session/share-group/share-protocol.ts'
import type { GroupOwner } from '../store/change.ts'
import type { HandOuts, Remainder, StoredDelivery } from '../store/store.ts'
import type { MemberGone, MemberItem } from './item.ts'
import { CREDIT_MAX } from './remote-member.ts'

/** What the groups elsewhere share. */
export interface RemoteGroupContext {
  readonly broker: Broker
  /** Whether what goes back can be sent: all that is owed since earlier starts was read. */
  readonly isComplete: boolean
  /** The delivery, which waits for this group in the store, goes to the partition of the group. */
  givesBack(owner: GroupOwner, message: Message, stored: number): void
  /** A member has changed. */
  changed(group: RemoteGroup): void
}

interface LocalMember {
  session: Session
  subscription: Subscription
  /** Whether it has left, which the partition of the group is not told yet. */
  isGone: boolean
  isHere: boolean
  /** How many hand-outs came for it in the present stream. */
  received: number
  /** How many may come. */
  credit: number
  /** Whether its session reports when it can take a message. */
  isAwaited: boolean
  hasChanged: boolean
}

// Wide on purpose: what sessions report, what the store had and what the other partition sends meet here.
export class RemoteGroup implements GroupOfMember<Session>, GroupElsewhere {
  readonly owner: GroupOwner
  readonly name: GroupName
  after = 0
  readonly #context: RemoteGroupContext
  readonly #members = new Map<string, LocalMember>()
  /** What the store had, and what ended with the start, until it can go back. */
  #kept: { readonly message: Message; readonly stored: number }[] = []
  readonly #absent = new Set<Session>()
  #hasMore = false

  constructor(name: GroupName, context: RemoteGroupContext) {
    this.name = name
    this.owner = { kind: 'group', ...name }
    this.#context = context
  }

  get memberCount(): number {
    let count = 0
    for (const { isGone } of this.#members.values()) if (!isGone) count += 1
    return count
  }

  /** Whether nothing is known of it that must be told or given back. */
  get isIdle(): boolean {
    const isEmpty = this.#kept.length === 0 && this.#absent.size === 0
    return this.#members.size === 0 && isEmpty && !this.#hasMore
  }

  // What sessions report.

  join(session: Session, subscription: Subscription): void {
    const known = this.#members.get(session.clientId)
    const isHere = session.isConnected
    if (known === undefined) {
      const counts = { received: 0, credit: 0 }
      const state = { isGone: false, isHere, isAwaited: false, hasChanged: true }
      this.#members.set(session.clientId, { session, subscription, ...counts, ...state })
    } else {
      if (known.isGone || known.session !== session) known.isAwaited = false
      Object.assign(known, { session, subscription, isGone: false, isHere })
    }
    session.memberships.joined(this)
    const member = this.#members.get(session.clientId)
    if (member !== undefined) this.#awaits(member)
    this.#changed(session.clientId)
  }

  leave(session: Session): void {
    const member = this.#members.get(session.clientId)
    if (member?.session !== session) return
    member.isGone = true
    member.isAwaited = false
    session.memberships.left(this)
    this.#changed(session.clientId)
  }

  attached(session: Session): void {
    this.#setHere(session, true)
  }

  detached(session: Session): void {
    this.#setHere(session, false)
    this.ending(session.exchanges)
  }

  ready(session: Session): void {
    const member = this.#members.get(session.clientId)
    if (member === undefined || member.isGone) return
    member.isAwaited = false
    this.#grants(member)
  }

  settled(clientId: string): void {
    const member = this.#members.get(clientId)
    if (member !== undefined) this.#regrants(member)
  }

  /** What a member does not take is settled. */
  refused(): boolean {
    return false
  }

  remembers(_delivery: Delivery, _handOuts: HandOuts): void {}

  ending(exchanges: Returning): void {
    const { clientId } = exchanges
    const { journal } = this.#context.broker
    for (const { message, stored } of exchanges.giveBack(this)) {
      journal.record({ kind: 'returned', delivery: stored, clientId, owner: this.owner })
      this.#returns(message, stored)
    }
  }

  // What the store had.

  restoreInFlight(session: Session): void {
    this.#absent.add(session)
  }

  /** Nobody has these any more: members without a stored session had them. */
  restore(deliveries: readonly StoredDelivery[], { messages }: Remainder): void {
    this.#keep(deliveries)
    this.#hasMore = messages > 0
  }

  paged(page: readonly StoredDelivery[]): void {
    this.#keep(page)
    this.#hasMore = page.length > 0
    this.completes()
  }

  /** All that this partition owed to others is in its lines: more may be put behind it. */
  completes(): void {
    for (const session of this.#absent) if (!session.isConnected) this.ending(session.exchanges)
    this.#absent.clear()
    const kept = this.#kept
    this.#kept = []
    for (const { message, stored } of kept) this.#returns(message, stored)
    if (this.#hasMore) this.#context.broker.pages.want(this)
  }

  // What comes from the partition of the group.

  /** The stream begins anew on both sides. */
  begins(): void {
    for (const [clientId, member] of [...this.#members]) {
      member.received = 0
      member.credit = 0
      if (member.isGone) this.#members.delete(clientId)
      else this.#regrants(member)
    }
  }

  /** A hand-out that was applied already has come again. */
  repeated(clientId: string): void {
    const member = this.#members.get(clientId)
    if (member === undefined) return
    member.received += 1
    this.#regrants(member)
  }

  handedOut(clientId: string, sent: Message): void {
    const { broker } = this.#context
    broker.changing += 1
    const member = this.#members.get(clientId)
    if (member !== undefined) member.received += 1
    const message = fromElsewhere(sent, broker)
    if (isExpired(message, broker.now)) broker.dropped('message-expired', message, null)
    else if (member === undefined || member.isGone || !member.session.canTake) {
      if (member !== undefined) member.credit = member.received
      this.#refuses(message)
    } else if (member.session.rights.withholds(message)) {
      broker.dropped('no-right-to-receive', message, clientId)
    } else this.#hands(message, member)
    if (member !== undefined) this.#regrants(member)
    broker.changing -= 1
  }

  /** Calls back for each member of which something is new. */
  tell(say: (item: MemberItem | MemberGone) => void): void {
    for (const [clientId, member] of [...this.#members]) {
      if (!member.hasChanged) continue
      member.hasChanged = false
      say(this.#itemOf(clientId, member))
      if (member.isGone) this.#members.delete(clientId)
    }
  }

  /** All members, as the partition of the group is told of them in a new stream. */
  get items(): readonly MemberItem[] {
    return [...this.#members].flatMap(([clientId, member]) => {
      member.hasChanged = false
      const item = this.#itemOf(clientId, member)
      return item.kind === 'member' ? [item] : []
    })
  }

  #itemOf(clientId: string, member: LocalMember): MemberItem | MemberGone {
    if (member.isGone) return { kind: 'member-gone', group: this.name, clientId }
    const { weight = null, strategy = null } = member.subscription
    const { isHere, credit } = member
    return { kind: 'member', group: this.name, clientId, weight, strategy, isHere, credit }
  }

  #hands(message: Message, { session, subscription }: LocalMember): void {
    const { journal } = this.#context.broker
    const qos = message.qos < subscription.qos ? message.qos : subscription.qos
    const retain = message.retain && subscription.retainAsPublished
    const { identifier } = subscription
    const identifiers = identifier === 0 ? NO_IDENTIFIERS : [identifier]
    if (qos === 0) {
      // Not before what was applied is stored, or a start would bring it twice.
      const commitId = message.qos === 0 ? 0 : journal.current
      session.take(newDelivery(message, 0, retain, identifiers, this, 0, commitId))
      return
    }
    const queued = this.#queues(message)
    session.take({ ...queued, qos, retain, identifiers })
  }

  /** Nobody takes it here. */
  #refuses(message: Message): void {
    if (message.qos === 0) this.#context.broker.dropped('client-away', message, null)
    else this.#returns(message, this.#queues(message).stored)
  }

  #queues(message: Message): Delivery {
    const { broker } = this.#context
    const { journal } = broker
    const { qos, retain } = message
    journal.record({ kind: 'message-stored', message })
    const stored = broker.nextDelivery()
    const queued = newDelivery(message, qos, retain, NO_IDENTIFIERS, this, stored, journal.current)
    recordQueued(journal, queued, this.owner)
    return queued
  }

  #returns(message: Message, stored: number): void {
    const { broker, isComplete } = this.#context
    if (!isComplete) this.#kept.push({ message, stored })
    else if (isExpired(message, broker.now)) {
      const { qos, retain } = message
      const expired = newDelivery(message, qos, retain, NO_IDENTIFIERS, this, stored, 0)
      drop(broker, 'message-expired', expired, this.owner)
    } else this.#context.givesBack(this.owner, message, stored)
  }

  #keep(deliveries: readonly StoredDelivery[]): void {
    for (const { message, delivery } of deliveries) {
      this.after = delivery
      if (message !== null) this.#kept.push({ message, stored: delivery })
    }
  }

  #setHere(session: Session, isHere: boolean): void {
    const member = this.#members.get(session.clientId)
    if (member?.session !== session) return
    member.isHere = isHere
    if (!isHere) member.credit = member.received
    this.#awaits(member)
    this.#changed(session.clientId)
  }

  /** Gives credit again when half of it is used. */
  #regrants(member: LocalMember): void {
    if (member.isGone || member.isAwaited) return
    const left = member.credit - member.received
    if (left > 0 && left > this.#roomOf(member) / 2) return
    if (member.session.canTake) this.#grants(member)
    else this.#awaits(member)
  }

  #grants(member: LocalMember): void {
    member.credit = member.received + Math.max(1, this.#roomOf(member))
    this.#changed(member.session.clientId)
  }

  /** How many more the window of the client has room for. */
  #roomOf({ session }: LocalMember): number {
    const { windowMax, count } = session.exchanges
    return Math.min(CREDIT_MAX, windowMax - count)
  }

  #awaits(member: LocalMember): void {
    if (member.isAwaited) return
    member.isAwaited = true
    member.session.memberships.awaits(this)
  }

  #changed(clientId: string): void {
    const member = this.#members.get(clientId)
    if (member !== undefined) member.hasChanged = true
    this.#context.changed(this)
  }
}
