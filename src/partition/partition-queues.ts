// The named queues of all partitions, as this one sees them: those that it keeps have consumers elsewhere, and its clients consume from
// those that others keep.

import type { Broker } from '../broker/broker.ts'
import { queueTopic } from '../routing/queue-filter.ts'
import { topicMatches } from '../routing/topic.ts'
import { NamedQueue } from '../session/named-queue/named-queue.ts'
import type { Target } from '../session/target.ts'
import type { Answered, ConsumerItem, QueueItem, QueueSaid } from './queue-item.ts'
import { RemoteConsumer } from './remote-consumer.ts'
import { RemoteQueue, type RemoteQueueContext } from './remote-queue.ts'

interface QueueLink {
  readonly isFull: boolean
  say(item: QueueSaid): void
}

interface QueuesContext {
  readonly broker: Broker
  readonly partition: number
  readonly others: readonly number[]
  linkTo(partition: number): QueueLink
  keeperOfQueue(name: string): number
  requestFlush(): void
}

// Wide on purpose: both sides of a queue, and what links tell of both.
export class PartitionQueues implements RemoteQueueContext {
  readonly broker: Broker
  readonly #context: QueuesContext
  readonly #remote = new Map<string, RemoteQueue>()
  readonly #changed = new Set<RemoteQueue>()
  /** Those that are kept here. */
  readonly #kept = new Map<string, NamedQueue>()
  readonly #told = new Map<string, QueueItem>()
  readonly #changedNames = new Set<string>()
  /** By partition, consumers of queues that are kept here, by queue and client id. */
  readonly #consumers = new Map<number, Map<string, RemoteConsumer>>()
  /** By partition that has started: the queues that it has told of since. */
  readonly #toldAnew = new Map<number, Set<string>>()
  /** The queues of others that are full and refuse, with what they take in. */
  readonly #full = new Map<string, readonly string[]>()

  constructor(context: QueuesContext) {
    this.#context = context
    this.broker = context.broker
  }

  queueElsewhere(name: string): RemoteQueue | null {
    if (this.#context.keeperOfQueue(name) === this.#context.partition) return null
    const known = this.#remote.get(name)
    if (known !== undefined) return known
    const queue = new RemoteQueue(name, this)
    this.#remote.set(name, queue)
    // It is forgotten at the end of the turn if nobody consumes from it.
    this.changed(queue)
    return queue
  }

  /** Whether a full queue that another partition keeps refuses what is published to this topic. */
  refuses(topic: string): boolean {
    if (this.#full.size === 0) return false
    for (const [name, filters] of this.#full) {
      if (topic === queueTopic(name)) return true
      if (filters.some(filter => topicMatches(filter, topic))) return true
    }
    return false
  }

  subscriptionChanged(target: Target): void {
    if (!(target instanceof NamedQueue)) return
    this.#kept.set(target.name, target)
    this.#changedNames.add(target.name)
    this.#context.requestFlush()
  }

  /** At the end of a turn: tells the others what is new. */
  flush(): void {
    for (const [name, { settings }] of this.#kept) {
      if (settings.overflow === 'refuse') this.#changedNames.add(name)
    }
    for (const name of this.#changedNames) this.#tell(name)
    this.#changedNames.clear()
    for (const queue of this.#changed) {
      const link = this.#context.linkTo(this.#context.keeperOfQueue(queue.name))
      queue.tell(item => link.say(item))
      if (queue.isIdle) this.#remote.delete(queue.name)
    }
    this.#changed.clear()
  }

  /** What another partition must know first in a new stream. */
  beginning(): readonly QueueItem[] {
    return [...this.#told.values()]
  }

  /** The partition has started. */
  begins(partition: number): void {
    this.#toldAnew.set(partition, new Set())
    for (const queue of this.#keptBy(partition)) queue.begins()
    // Its consumers are told of anew once it knows the queues.
    for (const key of [...this.#consumersOf(partition).keys()]) this.#leaves(partition, key)
  }

  said(partition: number, item: QueueSaid): void {
    switch (item.kind) {
      case 'queue':
        this.#toldAnew.get(partition)?.add(item.name)
        this.#toldQueue(item)
        return
      case 'consumer':
        this.#consumes(partition, item)
        return
      case 'consumer-gone':
        this.#leaves(partition, keyOf(item))
        return
      case 'lent':
        this.#remote.get(item.queue)?.lent(item)
        return
      case 'answered':
        this.broker.changing += 1
        this.#consumersOf(partition).get(keyOf(item))?.answered(item)
        this.broker.changing -= 1
    }
  }

  toldAll(partition: number): void {
    const anew = this.#toldAnew.get(partition)
    this.#toldAnew.delete(partition)
    for (const { name, filters } of this.#keptBy(partition)) {
      if (filters !== null && anew?.has(name) === false) {
        this.#toldQueue({ kind: 'queue', name, filters: null, isFull: false })
      }
    }
  }

  /** The line to the partition has room again. */
  hasRoom(partition: number): void {
    for (const consumer of this.#consumersOf(partition).values()) consumer.pump()
  }

  answers(item: Answered): void {
    this.#context.linkTo(this.#context.keeperOfQueue(item.queue)).say(item)
  }

  changed(queue: RemoteQueue): void {
    this.#changed.add(queue)
    this.#context.requestFlush()
  }

  #toldQueue({ name, filters, isFull }: QueueItem): void {
    if (isFull && filters !== null) this.#full.set(name, filters)
    else this.#full.delete(name)
    this.queueElsewhere(name)?.told(filters)
  }

  #tell(name: string): void {
    const queue = this.broker.subscriptions.queues.get(name)
    const told = this.#told.get(name)
    if (queue === null) {
      this.#kept.delete(name)
      if (told === undefined) return
      this.#told.delete(name)
      this.#tellAll({ kind: 'queue', name, filters: null, isFull: false })
      return
    }
    this.#kept.set(name, queue)
    const { filters, overflow } = queue.settings
    const isFull = overflow === 'refuse' && !queue.queue.waiting.fits(1, 1)
    const isSame = told?.filters?.join('\0') === filters.join('\0') && told.isFull === isFull
    if (told !== undefined && isSame) return
    const item: QueueItem = { kind: 'queue', name, filters, isFull }
    this.#told.set(name, item)
    this.#tellAll(item)
  }

  #tellAll(item: QueueItem): void {
    for (const other of this.#context.others) this.#context.linkTo(other).say(item)
  }

  #consumes(partition: number, item: ConsumerItem): void {
    const consumers = this.#consumersOf(partition)
    const key = keyOf(item)
    const known = consumers.get(key)
    const link = this.#context.linkTo(partition)
    const consumer = known ?? new RemoteConsumer(item, this.broker, link)
    if (known === undefined) consumers.set(key, consumer)
    this.broker.changing += 1
    consumer.joins(item)
    this.broker.changing -= 1
  }

  #leaves(partition: number, key: string): void {
    const consumers = this.#consumersOf(partition)
    const consumer = consumers.get(key)
    if (consumer === undefined) return
    consumers.delete(key)
    this.broker.changing += 1
    consumer.leaves()
    this.broker.changing -= 1
  }

  #keptBy(partition: number): readonly RemoteQueue[] {
    return [...this.#remote.values()].filter(
      ({ name }) => this.#context.keeperOfQueue(name) === partition,
    )
  }

  #consumersOf(partition: number): Map<string, RemoteConsumer> {
    const known = this.#consumers.get(partition)
    if (known !== undefined) return known
    const consumers = new Map<string, RemoteConsumer>()
    this.#consumers.set(partition, consumers)
    return consumers
  }
}

// No name of a queue has U+0000.
function keyOf({ queue, clientId }: { readonly queue: string; readonly clientId: string }): string {
  return `${queue}\0${clientId}`
}
