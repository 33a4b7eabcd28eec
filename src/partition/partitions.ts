// Joins this broker with others that are partitions of one: each has its clients, its sessions and its log. They exchange frames, which
// may be lost, repeated and reordered. See docs/explanation/partitions.md.

import type { Broker } from '../broker/broker.ts'
import type { GroupElsewhere, KeptWhere, Peers, QueueElsewhere } from '../broker/peers.ts'
import type { GroupName } from '../broker/share-overrides.ts'
import { fromElsewhere, type Message } from '../message.ts'
import type { CommitId } from '../store/journal.ts'
import type { Snapshot } from '../store/store.ts'
import type { RetainedElsewhere } from '../session/retained-replay.ts'
import { queueTopic, stemOf } from '../routing/queue-filter.ts'
import { hasWildcard } from '../routing/topic.ts'
import { decodeFrame, type Start } from './frame.ts'
import { UnreadableFrame } from './frame-reader.ts'
import { messageBytes, type Origin, type RetainedItem, type Statement, type UpTo } from './item.ts'
import { Origins } from './origins.ts'
import { OwnFilters } from './own-filters.ts'
import { isAddressable } from './hand-over-address.ts'
import type { LinkContext } from './link-context.ts'
import { PartitionGroups } from './partition-groups.ts'
import { PartitionQueues } from './partition-queues.ts'
import { PartitionLink } from './partition-link.ts'
import { partitionOf } from './partition-of.ts'
import type { PartitionHost, PartitionsOptions } from './partitions-options.ts'
import { PartitionStatistics } from './partition-statistics.ts'
import { RetainedAnswers } from './retained-answers.ts'
import { RetainedQueries } from './retained-queries.ts'

/** The number under which the store has the partition itself. The id of its log has its own number in the lowest bits. */
const SELF = 65_535
const NUMBERS = 65_536

const PAGE_ROWS_MAX = 64
const LINE_BYTES_MAX = 67_108_864

const TOLD_WAIT_MS = 5_000
/** How many may wait. */
const TOLD_WAITING_MAX = 10_000

/** Somebody waits until the others have the filters, or one of them has what it is to retain. */
interface Telling {
  readonly answer: () => void
  /** Null for all. */
  readonly partition: number | null
  /** The number of partitions that have not. */
  left: number
  /** When the answer comes anyway. */
  readonly until: number
}

// Wide on purpose: one method for each way in.
export class Partitions implements Peers, LinkContext {
  readonly broker: Broker
  readonly partition: number
  readonly statistics: PartitionStatistics = new PartitionStatistics()
  readonly filters: OwnFilters
  readonly lineBytesMax: number
  start: Start = { log: 0, epoch: 0 }
  readonly others: readonly number[]
  readonly pageRowsMax: number
  readonly origins: Origins
  hasRoomForRetained = true
  /** Where the message comes from that is being applied; null for none. */
  #applying: Origin | null = null
  readonly #host: PartitionHost
  readonly #newLogId: () => number
  readonly #toldWaitMs: number
  readonly #links = new Map<number, PartitionLink>()
  /** The commit that this start is stored in: before it nobody hears of it. */
  #startedBy: CommitId = Infinity
  #isComplete = false
  /** Answers that wait for the end of the turn. */
  #asked: Telling[] = []
  readonly #telling = new Set<Telling>()
  readonly #queries: RetainedQueries
  readonly groups: PartitionGroups
  readonly queues: PartitionQueues
  readonly #answers = new Map<number, RetainedAnswers>()
  /** Who has asked for a watermark, and gets it at the end of the turn. */
  #watermarksAsked: { readonly partition: number; readonly request: number }[] = []
  #encoded: { readonly message: Message; readonly bytes: Buffer } | null = null

  /** Must be made before the broker is restored: it counts the filters from the first on. */
  constructor(options: PartitionsOptions) {
    this.broker = options.broker
    this.partition = options.partition
    this.lineBytesMax = options.lineBytesMax ?? LINE_BYTES_MAX
    this.#host = options.host
    this.#newLogId = options.newLogId
    this.#toldWaitMs = options.toldWaitMs ?? TOLD_WAIT_MS
    this.filters = new OwnFilters(() => this.requestFlush())
    this.pageRowsMax = options.pageRowsMax ?? PAGE_ROWS_MAX
    this.origins = new Origins(this.partition)
    for (let other = 0; other < options.count; other++) {
      if (other === this.partition) continue
      this.#links.set(other, new PartitionLink(other, this))
      this.#answers.set(other, new RetainedAnswers(this, other))
    }
    this.others = [...this.#links.keys()]
    this.groups = new PartitionGroups(this)
    this.queues = new PartitionQueues(this)
    this.#queries = new RetainedQueries(this)
    this.broker.peers = this
    this.broker.queuesRefuse(false)
    this.broker.subscriptions.router.watch = {
      subscriptionChanged: (target, filter, before, now) => {
        this.filters.subscriptionChanged(target, filter, before, now)
        this.groups.subscriptionChanged(target, now)
        this.queues.subscriptionChanged(target)
      },
    }
  }

  get isApplying(): boolean {
    return this.#applying !== null
  }

  get isComplete(): boolean {
    return this.#isComplete
  }

  /** Must be called in the turn in which the broker is restored, behind that. */
  restore({ partitions = [] }: Snapshot): void {
    const own = partitions.find(({ partition }) => partition === SELF)
    const log = own?.log ?? this.#newLogId() * NUMBERS + this.partition
    const kept = log % NUMBERS
    if (kept !== this.partition) {
      throw new Error(`the store is of partition ${kept}, and this is partition ${this.partition}`)
    }
    this.start = { log, epoch: (own?.number ?? 0) + 1 }
    for (const stored of partitions) {
      const { partition } = stored
      if (partition === SELF) continue
      const link = this.#links.get(partition)
      if (link === undefined) {
        throw new Error(`the store is of more partitions: it knows of partition ${partition}`)
      }
      link.restore(stored)
    }
    const { journal } = this.broker
    this.origins.earlier = this.broker.lastSequence
    journal.record({ kind: 'partition-reached', partition: SELF, log, number: this.start.epoch })
    this.#startedBy = journal.current
    this.requestFlush()
  }

  received(bytes: Buffer): void {
    this.statistics.framesReceived += 1
    try {
      const frame = decodeFrame(bytes)
      const link = this.#links.get(frame.from)
      if (link === undefined) throw new UnreadableFrame(`there is no partition ${frame.from}`)
      this.#host.begin()
      link.received(frame)
    } catch (error) {
      if (!(error instanceof UnreadableFrame)) throw error
      this.statistics.framesUnreadable += 1
      this.#host.unreadable(`a frame of another partition is not applied: ${error.message}`)
    }
  }

  /** To be called several times a second: what was not answered is sent again. */
  tick(): void {
    this.#host.begin()
    for (const link of this.#links.values()) link.tick()
    for (const telling of this.#telling) {
      if (telling.until > this.broker.now) break
      this.#telling.delete(telling)
      this.#answerUntold(telling)
    }
  }

  whenTold(answer: () => void): void {
    this.#ask(answer, null)
  }

  whenKept(topic: string, answer: () => void): boolean {
    const partition = this.#keeperOf(topic)
    if (partition === this.partition) return false
    this.#ask(answer, partition)
    return true
  }

  #ask(answer: () => void, partition: number | null): void {
    const until = this.broker.now + this.#toldWaitMs
    const telling = { answer, partition, left: 0, until }
    if (this.#telling.size + this.#asked.length >= TOLD_WAITING_MAX) this.#answerUntold(telling)
    else {
      this.#asked.push(telling)
      this.requestFlush()
    }
  }

  #answerUntold({ answer, partition }: Telling): void {
    if (partition === null) this.statistics.filtersUntold += 1
    else this.statistics.retainedUnkept += 1
    answer()
  }

  // Retained messages. Each topic has one partition that keeps its message.

  keptWhere(topic: string): KeptWhere {
    if (this.#keeperOf(topic) === this.partition) return 'here'
    return this.isApplying ? 'there-already' : 'elsewhere'
  }

  retained(message: Message, commitId: CommitId): void {
    const { topic, sequence } = message
    const origin = this.#applying ?? { partition: this.partition, sequence }
    const keeper = this.#keeperOf(topic)
    if (keeper === this.partition) {
      if (this.isApplying) this.origins.set(message, origin)
      return
    }
    if (!this.isApplying) this.#links.get(keeper)?.keep(message, commitId)
    this.#queries.published(topic, origin, sequence)
  }

  hasRoomToRetain(topic: string): boolean {
    return this.#links.get(this.#keeperOf(topic))?.hasRoomForRetained !== false
  }

  isFull(topic: string): boolean {
    return this.#links.get(this.#keeperOf(topic))?.isFull === true
  }

  retainedElsewhere(topicFilter: string, sequenceMax: number): RetainedElsewhere | null {
    if (topicFilter.startsWith('$')) return null
    const partitions = hasWildcard(topicFilter)
      ? this.others
      : this.others.filter(other => other === this.#keeperOf(topicFilter))
    if (partitions.length === 0) return null
    return this.#queries.begin(topicFilter, sequenceMax, partitions)
  }

  // Share groups. Each has one partition that keeps it.

  groupElsewhere(name: GroupName): GroupElsewhere | null {
    return this.groups.groupElsewhere(name)
  }

  isAddressable(group: GroupName, clientId: string): boolean {
    return isAddressable({ group, clientId })
  }

  queueElsewhere(name: string): QueueElsewhere | null {
    return this.queues.queueElsewhere(name)
  }

  /** A queue and that of its dead letters have the same. */
  keeperOfQueue(name: string): number {
    return partitionOf(queueTopic(stemOf(name)), this.#links.size + 1)
  }

  hasRoom(partition: number): void {
    this.groups.hasRoom(partition)
    this.queues.hasRoom(partition)
  }

  keeperOfGroup(key: string): number {
    return partitionOf(key, this.#links.size + 1)
  }

  linkTo(partition: number): PartitionLink {
    const link = this.#links.get(partition)
    if (link === undefined) throw new Error(`there is no partition ${partition}`)
    return link
  }

  get takesMessages(): boolean {
    return this.#isComplete || [...this.#links.values()].every(each => each.filters.isComplete)
  }

  /** Topics of the broker itself stay in their partition. */
  #keeperOf(topic: string): number {
    return topic.startsWith('$') ? this.partition : partitionOf(topic, this.#links.size + 1)
  }

  flush(committed: CommitId): boolean {
    this.filters.tell((filter, wanted) => {
      for (const link of this.#links.values()) link.tell(filter, wanted)
    })
    this.groups.flush()
    this.queues.flush()
    this.#tellRoom()
    this.#queries.flush()
    for (const telling of this.#asked.splice(0)) this.#tell(telling)
    this.#encoded = null
    if (committed < this.#startedBy) return true
    if (!this.#isComplete) this.#completes()
    if (this.#isComplete) this.#answerWatermarks()
    let isWaiting = false
    for (const link of this.#links.values()) if (link.flush(committed)) isWaiting = true
    return isWaiting
  }

  /** Nothing of it is postponed: see `Flushable`. */
  proceed(): void {}

  // What the links use.

  send(partition: number, frame: Buffer): void {
    this.#host.send(partition, frame)
  }

  requestFlush(): void {
    this.#host.requestFlush(this)
  }

  bytesOf(message: Message): Buffer {
    if (this.#encoded?.message !== message) {
      this.#encoded = { message, bytes: messageBytes(message) }
    }
    return this.#encoded.bytes
  }

  apply(message: Message, origin: Origin): void {
    const { broker, statistics } = this
    const applied = fromElsewhere(message, broker)
    this.#applying = origin
    if (message.retain && this.keptWhere(message.topic) === 'here') {
      if (broker.retained.limitFor(applied) !== null) statistics.retainedAboveLimit += 1
    }
    broker.publishing.publish(applied)
    this.#applying = null
  }

  say(partition: number, item: Statement): void {
    this.#links.get(partition)?.say(item)
  }

  appliedSequences(): UpTo {
    return new Map([...this.#links].map(([other, { appliedSequence }]) => [other, appliedSequence]))
  }

  began(partition: number): void {
    this.#watermarksAsked = this.#watermarksAsked.filter(each => each.partition !== partition)
    this.#answers.get(partition)?.clear()
    this.#queries.began(partition)
  }

  took(partition: number, item: RetainedItem): void {
    const answers = this.#answers.get(partition)
    switch (item.kind) {
      case 'watermark-asked':
        this.#watermarksAsked.push({ partition, request: item.request })
        return
      case 'watermark':
        this.#queries.watermark(partition, item)
        return
      case 'retained-asked':
        answers?.asked(item)
        return
      case 'retained-more':
        answers?.more(item.query)
        return
      case 'retained-ended':
        answers?.ended(item.query)
        return
      case 'retained-page':
        this.#queries.page(partition, item)
        return
      case 'retained-room':
        return
    }
  }

  gained(): void {
    this.requestFlush()
  }

  /** At the end of a turn, so that what is due comes before the first client. */
  #completes(): void {
    for (const { filters, hasLoaded } of this.#links.values()) {
      if (!filters.isComplete || !hasLoaded) return
    }
    this.#isComplete = true
    this.groups.completes()
    this.#host.complete()
  }

  #tell(telling: Telling): void {
    const reached = (): void => {
      telling.left -= 1
      if (telling.left === 0 && this.#telling.delete(telling)) telling.answer()
    }
    for (const [other, link] of this.#links) {
      const isMeant = telling.partition === null || telling.partition === other
      if (isMeant && link.whenAcknowledged(reached)) telling.left += 1
    }
    if (telling.left === 0) telling.answer()
    else this.#telling.add(telling)
  }

  /** The answer comes when all others have applied what was published here up to now. */
  #answerWatermarks(): void {
    const { lastSequence: sequence } = this.broker
    for (const asked of this.#watermarksAsked) {
      const { partition, request } = asked
      const link = this.#links.get(partition)
      const { starts } = link ?? { starts: 0 }
      let left = 1
      const reached = (): void => {
        left -= 1
        // Of an earlier start of the other it is not to be answered any more.
        if (left === 0 && link?.starts === starts)
          link.say({ kind: 'watermark', request, sequence })
      }
      for (const [other, each] of this.#links) {
        if (other !== partition && each.whenAcknowledged(reached)) left += 1
      }
      reached()
    }
    this.#watermarksAsked = []
  }

  #tellRoom(): void {
    const { retained, limits, memory } = this.broker
    const isFull =
      retained.ofClients >= limits.retainedMessagesMax || retained.bytes >= limits.retainedBytesMax
    const hasRoom = !isFull && memory.hasRoom
    if (hasRoom === this.hasRoomForRetained) return
    this.hasRoomForRetained = hasRoom
    for (const link of this.#links.values()) link.say({ kind: 'retained-room', hasRoom })
  }
}
