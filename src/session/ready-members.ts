// Which members of a share group can take a message at the moment, and which of them is chosen for one.

import type { Message } from '../message.ts'
import type { ShareStrategy } from '../routing/share-strategy.ts'
import type { GroupOfMember } from './share-protocol.ts'
import type { Session } from './session.ts'
import type { ShareMember } from './share-member.ts'
import type { ShareMembers } from './share-members.ts'

export class ReadyMembers {
  count = 0
  readonly #strategy: ShareStrategy<ShareMember>
  readonly #members: ShareMembers
  readonly #group: GroupOfMember<Session>

  constructor(
    strategy: ShareStrategy<ShareMember>,
    members: ShareMembers,
    group: GroupOfMember<Session>,
  ) {
    this.#strategy = strategy
    this.#members = members
    this.#group = group
  }

  /** The member belongs to the group now; its session says when it is ready. */
  joined(member: ShareMember): void {
    this.#strategy.join(member)
    this.awaits(member)
  }

  left(member: ShareMember): void {
    this.#set(member, false)
    this.#strategy.leave(member)
  }

  /** Its session says that it can take a message. False when its part of the window is full. */
  answered(member: ShareMember): boolean {
    member.isAwaited = false
    const mayTake = this.#mayTake(member)
    if (mayTake) this.#set(member, true)
    // While only its part of the window is full, `settled` makes it ready again.
    else if (!member.session.canTake) this.awaits(member)
    return mayTake
  }

  /** Its client is gone. */
  detached(member: ShareMember): void {
    this.#set(member, false)
    this.awaits(member)
  }

  /** One more is in flight to it. */
  took(member: ShareMember): void {
    member.inFlightOfGroup += 1
    this.#strategy.settled(member)
  }

  /** One less is. */
  settled(member: ShareMember): void {
    member.inFlightOfGroup -= 1
    this.#strategy.settled(member)
    if (!member.isReady) this.awaits(member)
  }

  /**
   * The strategy's choice among those that can take a message now; those that cannot are set aside. One that may not receive
   * it is chosen only when nobody else is there.
   */
  pick(message: Message): ShareMember | null {
    let member = this.#strategy.next(message)
    while (member !== null && !this.staysReady(member)) member = this.#strategy.next(message)
    if (member === null) return null
    const { coverage } = member.session.rights
    if (coverage.coveredAt === coverage.rules.version) return member
    return this.#withTheRight(member, message)
  }

  #withTheRight(first: ShareMember, message: Message): ShareMember {
    const passedOver: ShareMember[] = []
    let member: ShareMember | null = first
    while (member?.session.rights.withholdsNew(message) === true) {
      passedOver.push(member)
      this.#set(member, false)
      member = this.#strategy.next(message)
      while (member !== null && !this.staysReady(member)) member = this.#strategy.next(message)
    }
    for (const each of passedOver) this.#set(each, true)
    return member ?? first
  }

  /** A message is bound to this member: whether it can take it now. */
  isReady(member: ShareMember): boolean {
    return member.isReady && this.staysReady(member)
  }

  /** Whether it can take one more. If not, it is set aside. */
  staysReady(member: ShareMember): boolean {
    if (this.#mayTake(member)) return true
    this.#set(member, false)
    if (!member.session.canTake) this.awaits(member)
    return false
  }

  /** The member's session says when it can take a message. */
  awaits(member: ShareMember): void {
    if (member.isAwaited) return
    member.isAwaited = true
    member.session.memberships.awaits(this.#group)
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
    const share = Math.floor((session.exchanges.windowMax * member.weight) / weightMax)
    return member.inFlightOfGroup < Math.max(1, share)
  }

  #set(member: ShareMember, isReady: boolean): void {
    if (member.isReady === isReady) return
    member.isReady = isReady
    this.count += isReady ? 1 : -1
    if (isReady) this.#strategy.add(member)
    else this.#strategy.remove(member)
  }
}
