// What a named queue remembers of messages that were handed out before: how often, who has them now, and who must not get them again.
// A message that is with its first consumer has an entry only where there is a deadline.

import type { Message } from '../../message.ts'
import { HAND_OUTS_MAX, type HandOuts } from '../../store/store.ts'
import type { Delivery } from '../delivery.ts'
import type { Link } from '../link.ts'
import type { HeldDelivery } from './held-delivery.ts'
import type { ShareMember } from '../share-group/share-member.ts'

export class HandOut {
  count = 0
  /** Why it is a dead letter; empty if it is none. */
  reason = ''
  /** The queue that a dead letter was in. */
  queue = ''
  /** Whether a dead letter could expire before it was one. */
  couldExpire = false
  /** The message as the queue has it. */
  message: Message | null = null
  /** What a transactional consumer holds; null for none. */
  hold: HeldDelivery | null = null
  /** The delivery as its consumer has it, and the consumer; null while nobody has it. */
  held: Delivery | null = null
  member: ShareMember | null = null
  /** The delivery while nobody has it and it does not wait in the queue. */
  aside: Delivery | null = null
  /** The connections that had it past the deadline. Held weakly: many may end before the message does. */
  #past: WeakSet<Link> | null = null

  /** Whether any connection had it past the deadline. */
  get isOverdue(): boolean {
    return this.#past !== null
  }

  get isDead(): boolean {
    return this.reason !== ''
  }

  remembers({ count, reason, queue }: HandOuts, couldExpire: boolean): void {
    this.couldExpire = couldExpire
    this.count = count
    this.reason = reason
    this.queue = queue
  }

  /** A consumer has it now. */
  handedTo(member: ShareMember, held: Delivery, message: Message): void {
    this.member = member
    this.held = held
    this.message = message
  }

  /** Counts a hand-out. Those of a dead letter are not counted any more. */
  counts(): void {
    if (!this.isDead && this.count < HAND_OUTS_MAX) this.count += 1
  }

  /** Nobody has it now. Returns how it was queued. */
  takenBack(held: Delivery): Delivery {
    const message = this.message ?? held.message
    const { hold } = this
    this.message = null
    this.held = null
    this.member = null
    // It was handed out without an entry.
    if (this.count === 0) this.counts()
    if (hold !== null) return hold.delivery
    return {
      ...held,
      message,
      retain: message.retain,
      identifiers: [],
      packetId: 0,
      isOnWire: false,
    }
  }

  /** Its deadline has passed with this connection. */
  passed(link: Link): void {
    this.#past ??= new WeakSet()
    this.#past.add(link)
  }

  mayGoTo(member: ShareMember): boolean {
    const { link } = member.session
    return member !== this.member && (link === null || this.#past?.has(link) !== true)
  }
}

/** Returns the message as it is sent: our user properties come behind those of its publisher. */
export function markedMessage(message: Message, handOut: HandOut): Message {
  const { count, reason, queue, isDead, hold } = handOut
  if (count < 2 && !isDead && hold === null) return message
  const { properties } = message
  const dead = [
    ['dead-letter-queue', queue],
    ['dead-letter-reason', reason],
  ] as const
  const userProperties = [
    ...(properties.userProperties ?? []),
    ...(isDead ? dead : []),
    ...(count < 2 && !isDead ? [] : [['delivery-count', String(count)] as const]),
    ...(hold === null ? [] : [['delivery-id', hold.deliveryId] as const]),
  ]
  return { ...message, properties: { ...properties, userProperties }, held: 0, weighed: 0 }
}
