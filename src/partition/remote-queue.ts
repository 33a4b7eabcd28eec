// A named queue that another partition keeps, as far as the clients of this one consume from it. They have what they are lent until
// they answer, or disconnect; nothing of it is stored here.

import type { Broker } from '../broker/broker.ts'
import type { QueueElsewhere } from '../broker/peers.ts'
import { fromElsewhere } from '../message.ts'
import { queueTopic } from '../routing/queue-filter.ts'
import type { Subscription } from '../routing/subscription.ts'
import { type Delivery, newDelivery, NO_IDENTIFIERS, type Returning } from '../session/delivery.ts'
import type { Session } from '../session/session.ts'
import type { GroupOfMember } from '../session/share-group/share-protocol.ts'
import type { NamedQueueOwner } from '../store/change.ts'
import type { Answered, ConsumerGone, ConsumerItem, Lent } from './queue-item.ts'
import { CREDIT_MAX } from './remote-member.ts'

export interface RemoteQueueContext {
  readonly broker: Broker
  /** Tells the partition of the queue at once. */
  answers(item: Answered): void
  /** A consumer has changed. */
  changed(queue: RemoteQueue): void
}

interface Consumer {
  session: Session
  subscription: Subscription
  /** Grows with each connection of a consumer here; 0 while its client is away. */
  attachment: number
  /** Whether it has unsubscribed, and still has messages that it has not answered. */
  isLeaving: boolean
  isAwaited: boolean
  hasChanged: boolean
  /** Whether the partition of the queue knows of it. */
  isTold: boolean
  waiting: Lent[]
  readonly lent: Map<Delivery, number>
}

// Wide on purpose: what sessions report and what the other partition sends meet here.
export class RemoteQueue implements GroupOfMember<Session>, QueueElsewhere {
  readonly endsWithConnection = true
  readonly owner: NamedQueueOwner
  readonly name: string
  /** Those that it takes in; null as long as it does not exist. */
  filters: readonly string[] | null = null
  readonly #context: RemoteQueueContext
  readonly #consumers = new Map<string, Consumer>()
  #attachments = 0

  constructor(name: string, context: RemoteQueueContext) {
    this.name = name
    this.owner = { kind: 'queue', name }
    this.#context = context
  }

  get isIdle(): boolean {
    return this.filters === null && this.#consumers.size === 0
  }

  /** The partition of the queue says what it takes in. */
  told(filters: readonly string[] | null): void {
    this.filters = filters
    for (const clientId of this.#consumers.keys()) this.#changed(clientId)
  }

  // What sessions report.

  join(session: Session, subscription: Subscription): void {
    const known = this.#consumers.get(session.clientId)
    if (known?.session === session) {
      Object.assign(known, { subscription, isLeaving: false })
    } else {
      session.memberships.joined(this)
      const attachment = session.isConnected ? this.#nextAttachment() : 0
      const state = { isLeaving: false, isAwaited: false, hasChanged: true }
      const isTold = known?.isTold ?? false
      const lent = new Map<Delivery, number>()
      const consumer = { session, subscription, attachment, ...state, isTold, waiting: [], lent }
      this.#consumers.set(session.clientId, consumer)
    }
    this.#changed(session.clientId)
  }

  /** A consumer that is connected keeps what it has until it answers or disconnects [MQTT-3.10.4-3]. */
  leave(session: Session): void {
    const consumer = this.#consumers.get(session.clientId)
    if (consumer?.session !== session) return
    consumer.isLeaving = true
    if (!session.isConnected) {
      consumer.lent.clear()
      consumer.waiting = []
    }
    this.#changed(session.clientId)
  }

  attached(session: Session): void {
    this.#connects(session, this.#nextAttachment())
  }

  detached(session: Session): void {
    this.#connects(session, 0)
  }

  ready(session: Session): void {
    const consumer = this.#consumers.get(session.clientId)
    if (consumer?.session !== session) return
    consumer.isAwaited = false
    this.#sends(consumer)
  }

  settled(clientId: string, delivery: Delivery): void {
    this.#answered(clientId, delivery, false)
  }

  refused(clientId: string, delivery: Delivery): boolean {
    this.#answered(clientId, delivery, true)
    return true
  }

  remembers(): void {}

  ending(exchanges: Returning): void {
    exchanges.giveBack(this)
  }

  // What comes from the partition of the queue.

  /** The stream begins anew on both sides: what was lent is not known any more. */
  begins(): void {
    for (const [clientId, consumer] of [...this.#consumers]) {
      consumer.waiting = []
      consumer.lent.clear()
      consumer.isTold = false
      if (consumer.attachment > 0) consumer.attachment = this.#nextAttachment()
      if (consumer.isLeaving) this.#ends(clientId, consumer)
      else this.#changed(clientId)
    }
  }

  lent(item: Lent): void {
    const { broker } = this.#context
    const consumer = this.#consumers.get(item.clientId)
    // Otherwise the queue has it back, or will have when it hears of the end of that connection.
    if (consumer === undefined || consumer.attachment !== item.attachment) return
    broker.changing += 1
    if (item.packetId === 0) {
      const message = fromElsewhere(item.message, broker)
      const taken = this.#delivery(item, consumer, 0)
      if (!consumer.session.takeOnce(taken)) {
        broker.dropped('packet-too-large', message, item.clientId)
      }
    } else {
      consumer.waiting.push(item)
      this.#sends(consumer)
    }
    broker.changing -= 1
  }

  /** Calls back for each consumer of which something is new. */
  tell(say: (item: ConsumerItem | ConsumerGone) => void): void {
    for (const [clientId, consumer] of [...this.#consumers]) {
      if (!consumer.hasChanged) continue
      consumer.hasChanged = false
      const isOver = isDone(consumer)
      const isAllowed = this.#mayConsume(consumer)
      if (isAllowed && !isOver) {
        consumer.isTold = true
        say(this.#itemOf(clientId, consumer))
      } else if (consumer.isTold) {
        consumer.isTold = false
        say({ kind: 'consumer-gone', queue: this.name, clientId })
      }
      if (isOver) this.#ends(clientId, consumer)
    }
  }

  #mayConsume({ session }: Consumer): boolean {
    if (this.filters === null) return false
    return this.#context.broker.mayConsume(session, [queueTopic(this.name), ...this.filters])
  }

  #itemOf(clientId: string, consumer: Consumer): ConsumerItem {
    const { subscription, attachment, isLeaving, session } = consumer
    const qos = subscription.qos === 0 ? 0 : 1
    const window = isLeaving ? 0 : Math.min(CREDIT_MAX, session.exchanges.windowMax)
    const { retainAsPublished } = subscription
    const names = { queue: this.name, clientId }
    return { kind: 'consumer', ...names, qos, retainAsPublished, attachment, window }
  }

  #sends(consumer: Consumer): void {
    const { session, waiting } = consumer
    while (session.canTake) {
      const item = waiting.shift()
      if (item === undefined) return
      const delivery = this.#delivery(item, consumer, 1)
      if (session.rights.withholds(delivery.message)) {
        this.#answers(consumer, item.packetId, true)
        continue
      }
      consumer.lent.set(delivery, item.packetId)
      session.take(delivery)
    }
    if (waiting.length === 0 || consumer.isAwaited) return
    consumer.isAwaited = true
    session.memberships.awaits(this)
  }

  #delivery({ message: sent }: Lent, { subscription }: Consumer, qos: 0 | 1): Delivery {
    const message = fromElsewhere(sent, this.#context.broker)
    const { identifier } = subscription
    const identifiers = identifier === 0 ? NO_IDENTIFIERS : [identifier]
    return newDelivery(message, qos, message.retain, identifiers, this, 0, 0)
  }

  #answered(clientId: string, delivery: Delivery, isRefused: boolean): void {
    const consumer = this.#consumers.get(clientId)
    const packetId = consumer?.lent.get(delivery)
    if (consumer === undefined || packetId === undefined) return
    consumer.lent.delete(delivery)
    this.#answers(consumer, packetId, isRefused)
    if (isDone(consumer)) this.#changed(clientId)
  }

  #answers({ session, attachment }: Consumer, packetId: number, isRefused: boolean): void {
    if (packetId === 0) return
    const { clientId } = session
    const names = { queue: this.name, clientId }
    this.#context.answers({ kind: 'answered', ...names, attachment, packetId, isRefused })
  }

  #connects(session: Session, attachment: number): void {
    const consumer = this.#consumers.get(session.clientId)
    if (consumer?.session !== session) return
    consumer.attachment = attachment
    consumer.waiting = []
    consumer.lent.clear()
    this.#changed(session.clientId)
  }

  #ends(clientId: string, { session }: Consumer): void {
    session.memberships.left(this)
    this.#consumers.delete(clientId)
    this.#context.changed(this)
  }

  #nextAttachment(): number {
    this.#attachments += 1
    return this.#attachments
  }

  #changed(clientId: string): void {
    const consumer = this.#consumers.get(clientId)
    if (consumer !== undefined) consumer.hasChanged = true
    this.#context.changed(this)
  }
}

/** Whether it has left, and has answered all that it had. */
function isDone({ isLeaving, lent, waiting }: Consumer): boolean {
  return isLeaving && lent.size === 0 && waiting.length === 0
}
