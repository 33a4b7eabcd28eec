// The members of a share group that can take a message now, and the choice among them.

import type { Message } from '../../message.ts'
import type { ShareStrategy } from '../../routing/share-strategy.ts'
import type { GroupOfMember } from './share-protocol.ts'
import type { Session } from '../session.ts'
import type { ShareMember } from './share-member.ts'
import type { ShareMembers } from './share-members.ts'

export class ReadyMembers {
  count = 0
  #strategy: ShareStrategy<ShareMember>
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

  /** Another strategy chooses from now on. */
  use(strategy: ShareStrategy<ShareMember>): void {
    this.#strategy = strategy
    for (const member of this.#members.all) {
      if (member.isDrained) continue
      strategy.join(member)
      if (member.isReady) strategy.add(member)
    }
  }

  /** Adds a member to the choice. Its session reports when it is ready. */
  joined(member: ShareMember): void {
    this.#strategy.join(member)
    this.awaits(member)
  }

  left(member: ShareMember): void {
    this.#set(member, false)
    this.#strategy.leave(member)
  }

  /** The member's session reports that it can take a message. Returns false when it is drained, or its part of the window is full. */
  answered(member: ShareMember): boolean {
    member.awaitsReport = false
    const mayTake = !member.isDrained && this.#mayTake(member)
    if (mayTake) this.#set(member, true)
    // If only its part of the window is full, `settled` makes it ready again.
    else if (!member.session.canTake) this.awaits(member)
    return mayTake
  }

  /** The member's client has disconnected. */
  detached(member: ShareMember): void {
    this.#set(member, false)
    this.awaits(member)
  }

  /** One more delivery is in flight to the member. */
  took(member: ShareMember): void {
    member.inFlightOfGroup += 1
    this.#strategy.settled(member)
  }

  /** One delivery less is in flight to the member. */
  settled(member: ShareMember): void {
    member.inFlightOfGroup -= 1
    this.#strategy.settled(member)
    if (!member.isReady) this.awaits(member)
  }

  /**
   * Returns the strategy's choice among the members that can take a message now. Members that cannot are removed from the choice
   * until they are ready. A member without the right to receive the message is chosen only if there is no other, and no member,
   * ready or not, that may receive all of the group's messages: the message waits for such a member.
   */
  pick(message: Message): ShareMember | null {
    let member = this.#strategy.next(message)
    while (member !== null && !this.staysReady(member)) member = this.#strategy.next(message)
    if (member === null) return null
    const { coverage } = member.session.rights
    if (coverage.coveredAt === coverage.rules.version) return member
    return this.#withTheRight(member, message)
  }

  /** The same for those members only that may take the message. */
  pickWhere(message: Message, may: (member: ShareMember) => boolean): ShareMember | null {
    const passedOver: ShareMember[] = []
    let member = this.#strategy.next(message)
    while (member !== null) {
      if (this.staysReady(member)) {
        if (may(member)) break
        passedOver.push(member)
        this.#set(member, false)
      }
      member = this.#strategy.next(message)
    }
    for (const each of passedOver) this.#set(each, true)
    return member
  }

  #withTheRight(first: ShareMember, message: Message): ShareMember | null {
    const passedOver: ShareMember[] = []
    let member: ShareMember | null = first
    while (member?.session.rights.withholdsNew(message) === true) {
      passedOver.push(member)
      this.#set(member, false)
      member = this.#strategy.next(message)
      while (member !== null && !this.staysReady(member)) member = this.#strategy.next(message)
    }
    for (const each of passedOver) this.#set(each, true)
    if (member !== null) return member
    // Where a key binds the message to one member, nobody else can take it later.
    return !this.#strategy.isKeyed && this.#members.hasWhollyEntitled ? null : first
  }

  /** Whether the member that a message is bound to can take it now. */
  isReady(member: ShareMember): boolean {
    return member.isReady && this.staysReady(member)
  }

  /** Whether the member can take one more. If not, it is not ready until its session reports. */
  staysReady(member: ShareMember): boolean {
    if (this.#mayTake(member)) return true
    this.#set(member, false)
    if (!member.session.canTake) this.awaits(member)
    return false
  }

  /** Asks the member's session to report when it can take a message. */
  awaits(member: ShareMember): void {
    if (member.awaitsReport) return
    member.awaitsReport = true
    member.session.memberships.awaits(this.#group)
  }

  /**
   * Whether the member can take one more. Its weight bounds the part of its window that it may fill: the member with the highest weight
   * may fill its whole window, one with a third of that weight a third. So weights are kept even when all members are fully busy. A
   * transactional consumer holds as much as one that does not acknowledge has in flight.
   */
  #mayTake(member: ShareMember): boolean {
    const { session } = member
    if (!session.canTake) return false
    const { weightMax } = this.#members
    if (weightMax === 1 && !member.isTransactional) return true
    if (member.isTransactional && member.heldBytes >= session.exchanges.bytesMax) return false
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
