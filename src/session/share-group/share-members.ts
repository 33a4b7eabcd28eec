// The members of a share group, and totals over them, which are updated when members join or leave.

import type { Subscription } from '../../routing/subscription.ts'
import type { Session } from '../session.ts'
import { type MemberTerms, ShareMember } from './share-member.ts'

export class ShareMembers {
  readonly #members = new Map<string, ShareMember>()
  /** How many members have each weight. */
  readonly #weights = new Map<number, number>()
  /** How many deliveries of this group each former member has in flight. */
  readonly #former = new Map<string, number>()
  /** Members that disconnected with messages in flight while no other was connected. */
  readonly absent: Set<Session> = new Set()
  #durableCount = 0
  #hereCount = 0
  #weightMax = 1

  get all(): Iterable<ShareMember> {
    return this.#members.values()
  }

  get count(): number {
    return this.#members.size
  }

  /** The number of members whose sessions survive a crash. */
  get durableCount(): number {
    return this.#durableCount
  }

  /** The number of members whose clients are connected. */
  get hereCount(): number {
    return this.#hereCount
  }

  get weightMax(): number {
    return this.#weightMax
  }

  /** Whether some member that gets messages, connected or not, may receive all of the group's messages. */
  get hasWhollyEntitled(): boolean {
    for (const { session, subscription, isDrained } of this.#members.values()) {
      if (!isDrained && session.rights.mayReceiveAllOf(subscription.topicFilter)) return true
    }
    return false
  }

  get(clientId: string): ShareMember | undefined {
    return this.#members.get(clientId)
  }

  /** `weight` is what counts of the one in `terms`. */
  add(
    session: Session,
    subscription: Subscription,
    terms: MemberTerms,
    weight: number,
  ): ShareMember {
    const { clientId } = session
    const member = new ShareMember(session, subscription, terms, weight)
    member.inFlightOfGroup = this.#former.get(clientId) ?? 0
    this.#former.delete(clientId)
    this.#members.set(clientId, member)
    if (session.isDurable) this.#durableCount += 1
    this.#count(member, 1)
    return member
  }

  remove(member: ShareMember): void {
    const { clientId, session } = member
    this.setHere(member, false)
    this.absent.delete(session)
    this.#members.delete(clientId)
    if (session.isDurable) this.#durableCount -= 1
    this.#count(member, -1)
    if (member.inFlightOfGroup > 0) this.#former.set(clientId, member.inFlightOfGroup)
  }

  setHere(member: ShareMember, isHere: boolean): void {
    if (member.isHere === isHere) return
    member.isHere = isHere
    this.#hereCount += isHere ? 1 : -1
  }

  setTerms(member: ShareMember, terms: MemberTerms, weight: number): void {
    this.#count(member, -1)
    member.terms = terms
    member.weight = weight
    this.#count(member, 1)
  }

  /** A former member has settled a message in flight. */
  formerSettled(clientId: string): void {
    const inFlight = this.#former.get(clientId) ?? 0
    if (inFlight > 1) this.#former.set(clientId, inFlight - 1)
    else this.#former.delete(clientId)
  }

  /** Restores a message in flight of a client that may not be a member any more. */
  formerInFlight(clientId: string): void {
    this.#former.set(clientId, (this.#former.get(clientId) ?? 0) + 1)
  }

  /** Updates the highest weight of those that get messages. Weights are from 1 to 1,000, so there are few different ones. */
  #count({ weight, isDrained }: ShareMember, by: 1 | -1): void {
    if (isDrained) return
    const count = (this.#weights.get(weight) ?? 0) + by
    if (count > 0) this.#weights.set(weight, count)
    else this.#weights.delete(weight)
    if (by > 0) this.#weightMax = Math.max(this.#weightMax, weight)
    else if (count === 0 && weight === this.#weightMax) this.#weightMax = largest(this.#weights)
  }
}

function largest(weights: ReadonlyMap<number, number>): number {
  let most = 1
  for (const weight of weights.keys()) most = Math.max(most, weight)
  return most
}
