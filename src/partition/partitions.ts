// Joins this broker with others that are partitions of one: each has its clients, its sessions and its log. They exchange frames, which
// may be lost, repeated and reordered. See docs/explanation/partitions.md.

import type { Broker } from '../broker/broker.ts'
import type { Peers } from '../broker/peers.ts'
import { fromElsewhere, type Message } from '../message.ts'
import type { CommitId } from '../store/journal.ts'
import type { Snapshot } from '../store/store.ts'
import { decodeFrame, messageBytes, type Start } from './frame.ts'
import { OwnFilters } from './own-filters.ts'
import { type LinkContext, PartitionLink } from './partition-link.ts'
import { PartitionStatistics } from './partition-statistics.ts'

/** What surrounds the partition: its loop, and the way to the others. */
interface PartitionHost {
  /** Opens a turn, if none is open. */
  begin(): void
  /** Calls `flush` at the end of a turn, and again after each commit while it returns true. */
  requestFlush(partitions: Partitions): void
  /** The frame may be lost, repeated or overtaken; it is never changed. */
  send(partition: number, frame: Buffer): void
  /** From now on clients may come. Is called once. */
  complete(): void
}

interface PartitionsOptions {
  readonly broker: Broker
  /** The number of this partition, from 0, and how many there are. */
  readonly partition: number
  readonly count: number
  readonly host: PartitionHost
  /** Returns a random whole number of up to 37 bits, above 0, for the id of a new log. */
  readonly newLogId: () => number
  readonly lineBytesMax?: number
  /** How long a SUBACK waits for the other partitions. */
  readonly toldWaitMs?: number
}

/** The number under which the store has the partition itself. The id of its log has its own number in the lowest bits. */
const SELF = 65_535
const NUMBERS = 65_536

const LINE_BYTES_MAX = 67_108_864

const TOLD_WAIT_MS = 5_000
/** How many may wait. */
const TOLD_WAITING_MAX = 10_000

/** Somebody waits until the others have the filters. */
interface Telling {
  readonly answer: () => void
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
  isApplying = false
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
    for (let other = 0; other < options.count; other++) {
      if (other !== this.partition) this.#links.set(other, new PartitionLink(other, this))
    }
    this.broker.peers = this
    this.broker.queuesRefuse(false)
    this.broker.subscriptions.router.watch = this.filters
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
    journal.record({ kind: 'partition-reached', partition: SELF, log, number: this.start.epoch })
    this.#startedBy = journal.current
    this.requestFlush()
  }

  received(bytes: Buffer): void {
    this.statistics.framesReceived += 1
    const frame = decodeFrame(bytes)
    const link = frame === null ? undefined : this.#links.get(frame.from)
    if (frame === null || link === undefined) {
      this.statistics.framesUnreadable += 1
      return
    }
    this.#host.begin()
    link.received(frame)
  }

  /** To be called several times a second: what was not answered is sent again. */
  tick(): void {
    this.#host.begin()
    for (const link of this.#links.values()) link.tick()
    for (const telling of this.#telling) {
      if (telling.until > this.broker.now) break
      this.#telling.delete(telling)
      this.statistics.filtersUntold += 1
      telling.answer()
    }
  }

  whenTold(answer: () => void): void {
    if (this.#telling.size + this.#asked.length >= TOLD_WAITING_MAX) {
      this.statistics.filtersUntold += 1
      answer()
      return
    }
    this.#asked.push({ answer, left: 0, until: this.broker.now + this.#toldWaitMs })
    this.requestFlush()
  }

  flush(committed: CommitId): boolean {
    this.filters.tell((filter, wanted) => {
      for (const link of this.#links.values()) link.tell(filter, wanted)
    })
    for (const telling of this.#asked.splice(0)) this.#tell(telling)
    this.#encoded = null
    if (committed < this.#startedBy) return true
    if (!this.#isComplete) this.#completes()
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

  /** Retained messages are of their own partition: here it is delivered only. */
  apply(message: Message): void {
    this.isApplying = true
    this.broker.publishing.publish(fromElsewhere(message, this.broker))
    this.isApplying = false
  }

  gained(): void {
    this.requestFlush()
  }

  /** At the end of a turn, so that what is due comes before the first client. */
  #completes(): void {
    for (const { hasAllFilters, hasLoaded } of this.#links.values()) {
      if (!hasAllFilters || !hasLoaded) return
    }
    this.#isComplete = true
    this.#host.complete()
  }

  #tell(telling: Telling): void {
    const reached = (): void => {
      telling.left -= 1
      if (telling.left === 0 && this.#telling.delete(telling)) telling.answer()
    }
    for (const { line } of this.#links.values()) {
      if (line.whenAcknowledged(reached)) telling.left += 1
    }
    if (telling.left === 0) telling.answer()
    else this.#telling.add(telling)
  }
}
