// The consumers of a named queue, and the choice among them.

import type { Message } from '../../message.ts'
import type { ShareStrategy } from '../../routing/share-strategy.ts'
import type { Subscription } from '../../routing/subscription.ts'
import type { Delivery, DeliveryOrigin, Returning } from '../delivery.ts'
import type { HandOut } from './hand-outs.ts'
import { ReadyMembers } from '../share-group/ready-members.ts'
import type { Session } from '../session.ts'
import type { ShareMember } from '../share-group/share-member.ts'
import { ShareMembers } from '../share-group/share-members.ts'
import type { GroupOfMember } from '../share-group/share-protocol.ts'

export class QueueConsumers {
  readonly #queue: GroupOfMember<Session>
  readonly #members = new ShareMembers()
  readonly #ready: ReadyMembers
  /** Consumers that have unsubscribed, and still have messages in flight. */
  readonly #leaving = new Set<ShareMember>()
  readonly #standIns: StandIns
  /** Whether a message is being sent: if it is refused now, it did not reach its consumer. */
  isSending = false

  constructor(
    strategy: ShareStrategy<ShareMember>,
    queue: GroupOfMember<Session>,
    acknowledgedLate: () => void,
  ) {
    this.#queue = queue
    this.#ready = new ReadyMembers(strategy, this.#members, queue)
    this.#standIns = new StandIns(queue, clientId => {
      this.settled(clientId)
      acknowledgedLate()
    })
  }

  /** Also those that have unsubscribed, as long as they have messages in flight. */
  get all(): Iterable<ShareMember> {
    return this.#members.all
  }

  get subscribed(): readonly ShareMember[] {
    return [...this.all].filter(member => !this.#leaving.has(member))
  }

  get count(): number {
    return this.#members.count - this.#leaving.size
  }

  /** What they have, unsettled. */
  get inFlight(): readonly Delivery[] {
    return [...this.all].flatMap(({ session }) => session.exchanges.inFlightOf(this.#queue))
  }

  /** Whether any can take a message now. */
  get isReady(): boolean {
    return this.#ready.count > 0
  }

  get(clientId: string): ShareMember | undefined {
    return this.#members.get(clientId)
  }

  use(strategy: ShareStrategy<ShareMember>): void {
    this.#ready.use(strategy)
  }

  join(session: Session, subscription: Subscription): void {
    const terms = { weight: subscription.weight ?? 1, isDrained: false }
    const known = this.#members.get(session.clientId)
    if (known === undefined) {
      const member = this.#members.add(session, subscription, terms, terms.weight)
      session.memberships.joined(this.#queue)
      this.#ready.joined(member)
      if (session.link !== null) this.#members.setHere(member, true)
      return
    }
    known.subscription = subscription
    this.#members.setTerms(known, terms, terms.weight)
    if (this.#leaving.delete(known)) this.#ready.joined(known)
  }

  /** A consumer that is connected keeps what it has in flight until it answers or disconnects [MQTT-3.10.4-3]. */
  leave(session: Session): void {
    const member = this.#members.get(session.clientId)
    if (member === undefined) return
    if (!this.#leaving.has(member)) this.#ready.left(member)
    if (member.inFlightOfGroup > 0 && session.link !== null) this.#leaving.add(member)
    else this.#remove(member)
  }

  attached(session: Session): void {
    const member = this.#members.get(session.clientId)
    if (member !== undefined) this.#members.setHere(member, true)
  }

  detached(session: Session): void {
    const member = this.#members.get(session.clientId)
    if (member === undefined) return
    this.#members.setHere(member, false)
    if (!this.#leaving.has(member)) this.#ready.detached(member)
  }

  /** A consumer that was disconnected has given back what it had. */
  gaveBack({ clientId, exchanges }: Session): void {
    for (const _late of exchanges.giveBack(this.#standIns)) this.settled(clientId)
    const member = this.#members.get(clientId)
    if (member !== undefined && this.#leaving.has(member)) this.#remove(member)
  }

  /** The consumer reports that it can take a message. Returns whether it may. */
  answered(session: Session): boolean {
    const member = this.#members.get(session.clientId)
    if (member === undefined) return false
    if (!this.#leaving.has(member)) return this.#ready.answered(member)
    // The report is used up: if it subscribes again, it is asked again.
    member.awaitsReport = false
    return false
  }

  /** The consumer has one message less in flight. */
  settled(clientId: string): void {
    const member = this.#members.get(clientId)
    if (member === undefined) {
      this.#members.formerSettled(clientId)
      return
    }
    this.#ready.settled(member)
    if (member.inFlightOfGroup === 0 && this.#leaving.has(member)) this.#remove(member)
  }

  /** Returns who may have the message now; null if nobody may. */
  choose(message: Message, handOut: HandOut | null): ShareMember | null {
    if (this.#ready.count === 0) return null
    return this.#ready.pickWhere(
      message,
      member =>
        !member.session.rights.withholds(message) && (handOut === null || handOut.mayGoTo(member)),
    )
  }

  took(member: ShareMember): void {
    this.#ready.took(member)
  }

  staysReady(member: ShareMember): void {
    this.#ready.staysReady(member)
  }

  send(delivery: Delivery, { session }: ShareMember): void {
    this.isSending = true
    session.take(delivery)
    this.isSending = false
  }

  /** The message goes to somebody else. What its consumer says of it later frees the packet identifier, and settles nothing. */
  takesAway({ session }: ShareMember, held: Delivery): void {
    session.exchanges.replace(held, { ...held, origin: this.#standIns, stored: 0 })
  }

  #remove(member: ShareMember): void {
    this.#leaving.delete(member)
    this.#members.remove(member)
    member.session.memberships.left(this.#queue)
  }
}

/** The origin of deliveries that were taken away from a consumer that had not answered in time. */
class StandIns implements DeliveryOrigin {
  readonly #queue: DeliveryOrigin
  readonly #answered: (clientId: string) => void

  constructor(queue: DeliveryOrigin, answered: (clientId: string) => void) {
    this.#queue = queue
    this.#answered = answered
  }

  get owner(): DeliveryOrigin['owner'] {
    return this.#queue.owner
  }

  settled(clientId: string): void {
    this.#answered(clientId)
  }

  refused(): boolean {
    return false
  }

  ending(exchanges: Returning): void {
    exchanges.giveBack(this)
  }

  remembers(): void {}
}
