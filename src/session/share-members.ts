// Who is in a share group, and what depends on all of them, counted as they come and go.

import type { Subscription } from '../routing/subscription.ts'
import type { Session } from './session.ts'
import { ShareMember } from './share-member.ts'

export class ShareMembers {
  readonly #members = new Map<string, ShareMember>()
  /** How many members have each weight. */
  readonly #weights = new Map<number, number>()
  /** What clients that are not members any more have in flight of this group. */
  readonly #former = new Map<string, number>()
  /** Members that went away with messages in flight while no other was connected. */
  readonly absent: Set<Session> = new Set()
  #durableCount = 0
  #hereCount = 0
  #weightMax = 1

  get count(): number {
    return this.#members.size
  }

  /** Members whose sessions survive a crash. */
  get durableCount(): number {
    return this.#durableCount
  }

  /** Members whose clients are connected. */
  get hereCount(): number {
    return this.#hereCount
  }

  get weightMax(): number {
    return this.#weightMax
  }

  get(clientId: string): ShareMember | undefined {
    return this.#members.get(clientId)
  }

  add(session: Session, subscription: Subscription, weight: number): ShareMember {
    const { clientId } = session
    const member = new ShareMember(session, subscription, weight)
    member.inFlightOfGroup = this.#former.get(clientId) ?? 0
    this.#former.delete(clientId)
    this.#members.set(clientId, member)
    if (session.isDurable) this.#durableCount += 1
    this.#countWeight(weight, 1)
    return member
  }

  remove(member: ShareMember): void {
    const { clientId, session } = member
    this.setHere(member, false)
    this.absent.delete(session)
    this.#members.delete(clientId)
    if (session.isDurable) this.#durableCount -= 1
    this.#countWeight(member.weight, -1)
    if (member.inFlightOfGroup > 0) this.#former.set(clientId, member.inFlightOfGroup)
  }

  setHere(member: ShareMember, isHere: boolean): void {
    if (member.isHere === isHere) return
    member.isHere = isHere
    this.#hereCount += isHere ? 1 : -1
  }

  setWeight(member: ShareMember, weight: number): void {
    if (member.weight === weight) return
    this.#countWeight(member.weight, -1)
    member.weight = weight
    this.#countWeight(weight, 1)
  }

  /** A message in flight is settled by one that is no member any more. */
  formerSettled(clientId: string): void {
    const inFlight = this.#former.get(clientId) ?? 0
    if (inFlight > 1) this.#former.set(clientId, inFlight - 1)
    else this.#former.delete(clientId)
  }

  /** The store kept a message in flight with one that may not be a member. */
  formerInFlight(clientId: string): void {
    this.#former.set(clientId, (this.#former.get(clientId) ?? 0) + 1)
  }

  /** Weights go from 1 to 1,000, so there are never many different ones. */
  #countWeight(weight: number, by: 1 | -1): void {
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
