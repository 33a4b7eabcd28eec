// Hands the queued messages of a share group to its members: in the order of publishing, or in the order of each key if the
// strategy binds keys to members.

import { WORK } from '../../limits.ts'
import type { Message } from '../../message.ts'
import type { Delivery } from '../delivery.ts'
import type { KeyedQueues } from '../waiting/keyed-queues.ts'
import type { OwnedQueue } from '../waiting/owned-queue.ts'
import type { ReadyMembers } from './ready-members.ts'
import { isExpired, type SessionContext } from '../session-context.ts'
import type { ShareMember } from './share-member.ts'

interface DispatchParts {
  readonly queue: OwnedQueue
  /** The queues by key; null if the strategy has no keys. */
  readonly keys: KeyedQueues<ShareMember> | null
  readonly ready: ReadyMembers
  /** Hands a delivery that was taken from the queue to the member. */
  readonly handOut: (delivery: Delivery, member: ShareMember) => void
}

export class GroupDispatch {
  readonly #context: SessionContext
  readonly #queue: OwnedQueue
  readonly #keys: KeyedQueues<ShareMember> | null
  readonly #ready: ReadyMembers
  readonly #handOut: (delivery: Delivery, member: ShareMember) => void

  constructor(context: SessionContext, { queue, keys, ready, handOut }: DispatchParts) {
    this.#context = context
    this.#queue = queue
    this.#keys = keys
    this.#ready = ready
    this.#handOut = handOut
  }

  joined(): void {
    this.#keys?.ownersChanged()
  }

  left(member: ShareMember): void {
    this.#keys?.ownersChanged()
    this.#keys?.removeCandidate(member)
  }

  /** The member can take a message. */
  ready(member: ShareMember): void {
    this.#keys?.addCandidate(member)
  }

  /** Whether no queued message must be handed out before this one. */
  mayPass(message: Message): boolean {
    const { waiting, tail } = this.#queue
    if (waiting.isEmpty) return true
    if (tail.messages > 0 || waiting.isMoving) return false
    return this.#keys?.isFreeFor(message) === true
  }

  /** Hands out as many messages as possible. Returns false when this turn has no work left for the rest. */
  pump(): boolean {
    if (!this.#moveAll()) return false
    if (this.#keys === null) return this.#pumpInOrder()
    if (!this.#bindKeys(this.#keys)) return false
    for (const member of this.#keys.candidates) {
      if (!this.#pumpKeysOf(member, this.#keys)) return false
      this.#keys.removeCandidate(member)
    }
    return true
  }

  /** The strategy has changed: the queued messages move into the queue that the new one needs. */
  #moveAll(): boolean {
    const { waiting } = this.#queue
    while (waiting.isMoving) {
      if (this.#context.turnWorkLeft <= 0) return false
      this.#context.turnWorkLeft -= WORK.queueStep
      waiting.moveNext()
    }
    return true
  }

  #pumpInOrder(): boolean {
    const { waiting } = this.#queue
    for (let next = waiting.peek(); next !== undefined; next = waiting.peek()) {
      if (this.#context.turnWorkLeft <= 0) return false
      if (isExpired(next.message, this.#context.now)) {
        waiting.shift()
        this.#queue.dropTaken(next, 'message-expired')
      } else {
        const member = this.#ready.pick(next.message)
        if (member === null) return true
        this.#context.turnWorkLeft -= WORK.groupHandOver
        waiting.shift()
        this.#handOut(next, member)
      }
    }
    return true
  }

  /** Members joined or left: the keys of queued messages get their new owners. */
  #bindKeys(keys: KeyedQueues<ShareMember>): boolean {
    while (keys.isBoundAnew) {
      if (this.#context.turnWorkLeft <= 0) return false
      this.#context.turnWorkLeft -= WORK.queueStep
      keys.bindNext()
    }
    return true
  }

  #pumpKeysOf(member: ShareMember, keys: KeyedQueues<ShareMember>): boolean {
    for (let first = member.queues.first; first !== null; first = member.queues.first) {
      if (this.#context.turnWorkLeft <= 0) return false
      this.#context.turnWorkLeft -= WORK.queueStep
      const next = first.deliveries.peek()
      if (!keys.isOf(first, member) || next === undefined) continue
      const isOver = isExpired(next.message, this.#context.now)
      if (!isOver && !this.#ready.isReady(member)) return true
      keys.shiftFrom(first)
      this.#queue.waiting.left(next)
      if (isOver) this.#queue.dropTaken(next, 'message-expired')
      else this.#handOut(next, member)
    }
    return true
  }
}
