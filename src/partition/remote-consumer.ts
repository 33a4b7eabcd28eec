// A consumer of a named queue here whose client is of another partition. It is a session with a link, as far as the queue knows: what it
// is sent is lent, and the store has it as waiting.

import { unknownIdentity } from '../access/identity.ts'
import { UNRESTRICTED } from '../access/permissions.ts'
import type { Broker } from '../broker/broker.ts'
import type { Message } from '../message.ts'
import { queueTopic } from '../routing/queue-filter.ts'
import { type Subscription, wholeSubscription } from '../routing/subscription.ts'
import { ClientRights } from '../session/client-rights.ts'
import type { Delivery } from '../session/delivery.ts'
import type { Link, SendOutcome } from '../session/link.ts'
import { Session } from '../session/session.ts'
import type { Answered, ConsumerItem, Lent } from './queue-item.ts'

/** The line to the partition of the consumer. */
interface ConsumerWay {
  readonly isFull: boolean
  say(item: Lent): void
}

export class RemoteConsumer extends Session {
  readonly #name: string
  /** Which connection of its client has what is lent; 0 for none. */
  #attachment = 0
  #subscription: Subscription
  readonly #broker: Broker
  readonly #way: ConsumerWay

  constructor(item: ConsumerItem, broker: Broker, way: ConsumerWay) {
    super(new ClientRights(unknownIdentity(item.clientId), UNRESTRICTED, broker), 0, broker)
    this.#name = item.queue
    this.#broker = broker
    this.#way = way
    this.#subscription = subscriptionOf(item)
  }

  joins(item: ConsumerItem): void {
    const { queues } = this.#broker.subscriptions
    this.#subscription = subscriptionOf(item)
    queues.join(this, this.#subscription)
    if (item.attachment !== this.#attachment) {
      if (this.isConnected) this.detach()
      this.#attachment = item.attachment
      const link = new LendingLink(item, this.#way)
      if (item.attachment > 0) this.attach(link, item.window)
    }
    this.exchanges.windowMax = item.window
    this.pump()
  }

  leaves(): void {
    if (this.isConnected) this.detach()
    this.#broker.subscriptions.queues.left(this, this.#name)
  }

  answered({ attachment, packetId, isRefused }: Answered): void {
    if (attachment !== this.#attachment) return
    if (isRefused) this.refuse(packetId)
    else this.settle(packetId)
  }
}

class LendingLink implements Link {
  readonly lack = 'outbox-full'
  readonly #item: ConsumerItem
  readonly #way: ConsumerWay

  constructor(item: ConsumerItem, way: ConsumerWay) {
    this.#item = item
    this.#way = way
  }

  get hasRoom(): boolean {
    return !this.#way.isFull
  }

  get isFlowing(): boolean {
    return this.hasRoom
  }

  /** Whatever makes room pumps the session. */
  postpone(): void {}

  publishQoS0(message: Message, retain: boolean): SendOutcome {
    return this.#lends(message, retain, 0)
  }

  publish({ message, retain, packetId }: Delivery): SendOutcome {
    return this.#lends(message, retain, packetId)
  }

  /** A queue sends nothing at QoS 2. */
  pubrel(): void {}

  #lends(message: Message, retain: boolean, packetId: number): SendOutcome {
    const { queue, clientId, attachment } = this.#item
    const sent = message.retain === retain ? message : { ...message, retain }
    this.#way.say({ kind: 'lent', queue, clientId, attachment, packetId, message: sent })
    return 'sent'
  }
}

function subscriptionOf({ queue, qos, retainAsPublished }: ConsumerItem): Subscription {
  const plain = wholeSubscription(queueTopic(queue))
  return { ...plain, qos, retainAsPublished, queue }
}
