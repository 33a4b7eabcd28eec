// One other partition: what it is owed, what it is told, and what came from it.

import type { Broker } from '../broker/broker.ts'
import type { Message } from '../message.ts'
import { newDelivery, NO_IDENTIFIERS } from '../session/delivery.ts'
import { recordQueued } from '../session/delivery-journal.ts'
import type { PartitionOwner } from '../store/change.ts'
import type { CommitId } from '../store/journal.ts'
import type { PartitionReach, StoredDelivery, StoredPartition } from '../store/store.ts'
import { UnreadableFrame } from './frame-reader.ts'
import { areSameStarts, encodeFrame, type Frame, type Start } from './frame.ts'
import { type Item, itemBytes, messageBytes, type Origin, type RetainedItem } from './item.ts'
import { type LineItem, OutgoingLine } from './outgoing-line.ts'
import { OutgoingQoS0 } from './outgoing-qos0.ts'
import type { OwnFilters, Wanted } from './own-filters.ts'
import type { PartitionStatistics } from './partition-statistics.ts'
import { PartitionTarget, type PartitionWay } from './partition-target.ts'
import { PeerFilters } from './peer-filters.ts'

/** What the links of a partition share. */
export interface LinkContext {
  readonly broker: Broker
  readonly partition: number
  readonly statistics: PartitionStatistics
  readonly filters: OwnFilters
  /** The bytes that a line may hold before publishers are refused or wait. */
  readonly lineBytesMax: number
  /** This start of the partition. */
  readonly start: Start
  readonly isApplying: boolean
  readonly hasRoomForRetained: boolean
  /** The message in bytes, made once for all lines. */
  bytesOf(message: Message): Buffer
  send(partition: number, frame: Buffer): void
  requestFlush(): void
  /** Publishes a message of another partition here. */
  apply(message: Message, origin: Origin): void
  /** The partition has started: what it was asked, and what it has asked, is forgotten. */
  began(partition: number): void
  took(partition: number, item: RetainedItem): void
  /** The link has something that it lacked: all filters, or all that it owes. */
  gained(): void
}

const UNKNOWN: Start = { log: 0, epoch: 0 }
const MARKER: LineItem = { bytes: itemBytes({ kind: 'filters-told' }), number: null, commitId: 0 }
const NO_ROOM: LineItem = {
  bytes: itemBytes({ kind: 'retained-room', hasRoom: false }),
  number: null,
  commitId: 0,
}

/** A message that was delivered last: another filter of the partition may match it as well. */
interface Newest {
  readonly message: Message
  isStored: boolean
  number: number
  commitId: CommitId
}

interface PendingAcknowledgement {
  readonly position: number
  readonly commitId: CommitId
}

// Wide on purpose: one stream to the partition and one from it, which begin anew together.
export class PartitionLink implements PartitionWay {
  readonly owner: PartitionOwner
  readonly #context: LinkContext
  readonly line = new OutgoingLine()
  readonly filters: PeerFilters
  /** Whether everything that it is owed since earlier starts was read from the store. */
  hasLoaded = true
  /** The number of the newest stored delivery that was read. */
  after = 0
  /** Whether the partition has room for retained messages. */
  hasRoomForRetained = true
  /** The number, in its own counting, of the newest of its messages that was applied since this start. */
  appliedSequence = 0
  /** How often the partition has started since this one did. */
  starts = 0
  #peer: Start = UNKNOWN
  /** The log that the partition had before this one. */
  #formerLog = 0
  /** Whether the partition knows of this start: frames that it sends are for it. */
  #isKnown = false
  /** The position of the next item of its stream. */
  #next = 1
  #nextBeside = 1
  /** All its messages up to this number are applied. */
  #applied = 0
  #acknowledgement = 0
  #pending: PendingAcknowledgement[] = []
  #mustSay = true
  #newest: Newest | null = null
  readonly #beside = new OutgoingQoS0()
  /** Until the item at this position is acknowledged, messages of QoS 0 go in the stream, behind a retained one of theirs. */
  #besideWaitsFor = 0
  #hasProgressed = false

  constructor(partition: number, context: LinkContext) {
    this.owner = { kind: 'partition', partition }
    this.#context = context
    this.filters = new PeerFilters(context.broker.subscriptions.router, {
      durably: new PartitionTarget(this, true),
      transiently: new PartitionTarget(this, false),
    })
  }

  get isApplying(): boolean {
    return this.#context.isApplying
  }

  get isFull(): boolean {
    return this.line.bytes >= this.#context.lineBytesMax
  }

  /** What the store has of the partition. Stored messages that it is owed are read page by page. */
  restore({ log, number, deliveries, remainder }: StoredPartition): void {
    this.#peer = { log, epoch: 0 }
    this.#applied = number
    this.#load(deliveries)
    if (remainder.messages === 0) return
    this.hasLoaded = false
    this.#context.broker.pages.want(this)
  }

  paged(page: readonly StoredDelivery[]): void {
    this.#load(page)
    if (page.length > 0) {
      this.#context.broker.pages.want(this)
      return
    }
    this.hasLoaded = true
    this.#context.gained()
  }

  // What is published here.

  deliver(message: Message, isDurable: boolean, commitId: CommitId): void {
    if (message.qos === 0) this.#deliverBeside(message, commitId)
    else if (this.#newest?.message === message) {
      if (isDurable && !this.#newest.isStored) this.#owe(this.#newest, commitId)
    } else {
      this.#seal()
      this.#newest = { message, isStored: false, number: 0, commitId }
      if (isDurable) this.#owe(this.#newest, commitId)
      this.#context.requestFlush()
    }
  }

  /** The partition keeps the retained messages of this topic. It delivers the message as well. */
  keep(message: Message, commitId: CommitId): void {
    if (message.qos === 0 && this.isFull) {
      this.#context.statistics.qos0Dropped += 1
      return
    }
    this.#seal()
    this.#newest = { message, isStored: false, number: 0, commitId }
    this.#owe(this.#newest, commitId)
    if (message.qos === 0) {
      this.#seal()
      this.#besideWaitsFor = this.line.last
    }
    this.#context.requestFlush()
  }

  /** Sends an item that is not stored, behind what was published so far. */
  say(item: Exclude<Item, { readonly kind: 'message' }>): void {
    this.#seal()
    const commitId = this.#context.broker.journal.latest
    this.line.push({ bytes: itemBytes(item), number: null, commitId })
    this.#context.requestFlush()
  }

  /** Calls back when the partition has all that it is owed now. Returns false, and does not, if it has it already. */
  whenAcknowledged(reached: () => void): boolean {
    this.#seal()
    return this.line.whenAcknowledged(reached)
  }

  /** The message is stored until the partition has applied it. */
  #owe(newest: Newest, commitId: CommitId): void {
    const { broker } = this.#context
    newest.isStored = true
    newest.number = broker.nextDelivery()
    newest.commitId = commitId
    const { message, number } = newest
    const { qos } = message
    const delivery = newDelivery(message, qos, false, NO_IDENTIFIERS, null, number, commitId)
    recordQueued(broker.journal, delivery, this.owner)
  }

  /** No other filter can match the newest message any more. */
  #seal(): void {
    const newest = this.#newest
    if (newest === null) return
    this.#newest = null
    const { message, number, commitId } = newest
    // An exchange that began with the message, or a will that is gone, must be stored before anybody has it.
    const latest = Math.max(commitId, this.#context.broker.journal.latest)
    this.line.push({ bytes: this.#context.bytesOf(message), number, commitId: latest })
  }

  /** At QoS 0 nobody waits for an acknowledgement, and a message may come before earlier ones of a higher QoS. */
  #deliverBeside(message: Message, commitId: CommitId): void {
    const isBehind = this.line.acknowledged < this.#besideWaitsFor
    const bytes = this.#context.bytesOf(message)
    // Both targets of the partition match.
    if ((isBehind ? this.line.newest : this.#beside.newest)?.bytes === bytes) return
    if (!this.#isKnown || this.isFull) {
      this.#context.statistics.qos0Dropped += 1
      return
    }
    if (isBehind) {
      this.#seal()
      const latest = Math.max(commitId, this.#context.broker.journal.latest)
      this.line.push({ bytes, number: 0, commitId: latest })
      this.#besideWaitsFor = this.line.last
    } else this.#beside.push(bytes, commitId)
    this.#context.requestFlush()
  }

  tell(filter: string, wanted: Wanted | null): void {
    this.#seal()
    this.line.push(filterItem(filter, wanted))
  }

  // At the end of a turn.

  /** Sends what may be sent. Returns whether anything waits for a later commit. */
  flush(committed: CommitId): boolean {
    this.#seal()
    this.#acknowledge(committed)
    const beside = this.#beside.take(committed)
    let next = this.hasLoaded && this.#peer.epoch > 0 ? this.line.next(committed) : null
    if (next === null && beside.length === 0 && !this.#mustSay) return this.#waitsFor(committed)
    this.#say(next?.first ?? 0, next?.items ?? [], beside)
    while (next !== null) {
      next = this.line.next(committed)
      if (next !== null) this.#say(next.first, next.items, [])
    }
    return this.#waitsFor(committed)
  }

  /** Sends again what was not answered for long. */
  tick(): void {
    const isQuiet = !this.#hasProgressed
    this.#hasProgressed = false
    if (!this.#isKnown || (isQuiet && !this.line.isEmpty)) {
      this.#mustSay = true
      this.line.sendAgain()
      this.#context.requestFlush()
    }
  }

  #waitsFor(committed: CommitId): boolean {
    // What need not wait was sent.
    return this.#pending.length > 0 || !this.#beside.isEmpty || this.line.waitsFor(committed)
  }

  #acknowledge(committed: CommitId): void {
    let done = 0
    while ((this.#pending[done]?.commitId ?? Infinity) <= committed) done += 1
    const last = this.#pending.splice(0, done).at(-1)
    if (last === undefined) return
    this.#acknowledgement = last.position
    this.#mustSay = true
  }

  #say(first: number, items: readonly LineItem[], beside: readonly Buffer[]): void {
    const { partition: from, start: sender, statistics } = this.#context
    const head = {
      from,
      sender,
      receiver: this.#peer,
      acknowledged: this.#acknowledgement,
      first,
      firstBeside: this.#beside.next,
    }
    this.#beside.sent(beside.length)
    this.#mustSay = false
    statistics.framesSent += 1
    this.#context.send(this.owner.partition, encodeFrame(head, items, beside))
  }

  // What comes from the partition.

  received(frame: Frame): void {
    const { statistics } = this.#context
    if (this.#isOld(frame.sender)) {
      statistics.framesStale += 1
      return
    }
    if (!areSameStarts(frame.sender, this.#peer)) this.#begin(frame.sender)
    if (!areSameStarts(frame.receiver, this.#context.start)) {
      // It does not know of this start yet.
      statistics.framesStale += 1
      this.#mustSay = true
      this.#context.requestFlush()
      return
    }
    if (frame.acknowledged > this.line.last) {
      throw new UnreadableFrame(`it acknowledges item ${frame.acknowledged} of ${this.line.last}`)
    }
    this.#isKnown = true
    this.#settle(frame.acknowledged)
    // A retained message of QoS 0 is in the stream, and comes after those beside.
    if (frame.beside.length > 0) this.#takeBeside(frame)
    if (frame.items.length > 0) this.#take(frame)
    this.#context.requestFlush()
  }

  #isOld({ log, epoch }: Start): boolean {
    return log === this.#peer.log ? epoch < this.#peer.epoch : log === this.#formerLog
  }

  /** The partition has started: both streams begin anew. */
  #begin(start: Start): void {
    if (start.log !== this.#peer.log) {
      this.#formerLog = this.#peer.log
      this.#applied = 0
    }
    this.#peer = start
    this.#isKnown = false
    this.starts += 1
    this.filters.begin()
    this.#next = 1
    this.#nextBeside = 1
    this.#acknowledgement = 0
    this.#pending = []
    this.#beside.restart()
    this.#seal()
    const all = [...this.#context.filters.told].map(([filter, wanted]) =>
      filterItem(filter, wanted),
    )
    const isBehind = this.line.acknowledged < this.#besideWaitsFor
    const room = this.#context.hasRoomForRetained ? [] : [NO_ROOM]
    this.#context.statistics.messagesOutlived += this.line.restart([...all, MARKER, ...room])
    if (isBehind) this.#besideWaitsFor = this.line.last
    this.hasRoomForRetained = true
    this.#mustSay = true
    this.#context.began(this.owner.partition)
  }

  #settle(acknowledged: number): void {
    const taken = this.line.acknowledge(acknowledged)
    if (taken.length === 0) return
    this.#hasProgressed = true
    const { broker, statistics } = this.#context
    for (const { number } of taken) {
      if (number === null || number === 0) continue
      statistics.messagesSettled += 1
      broker.journal.record({ kind: 'settled', delivery: number, owner: this.owner })
    }
  }

  #take(frame: Frame): void {
    const { first, items } = frame
    const { statistics, broker } = this.#context
    const before = this.#applied
    let position = first
    for (const item of items) {
      if (position > this.#next) statistics.itemsEarly += 1
      else if (position < this.#next) statistics.itemsRepeated += 1
      else {
        this.#next += 1
        if (item.kind === 'message' && item.message.qos === 0) this.#passesBeside(frame)
        this.#apply(item)
      }
      position += 1
    }
    if (this.#applied > before) broker.journal.record(this.#reach())
    this.#pending.push({ position: this.#next - 1, commitId: broker.journal.latest })
  }

  #reach(): PartitionReach & { readonly kind: 'partition-reached' } {
    const { partition } = this.owner
    return { kind: 'partition-reached', partition, log: this.#peer.log, number: this.#applied }
  }

  #apply(item: Item): void {
    switch (item.kind) {
      case 'filter':
        this.filters.told(item.filter, item.wanted)
        return
      case 'filters-told':
        this.filters.toldAll()
        this.#context.gained()
        return
      case 'message':
        this.#applyMessage(item.number, item.message)
        return
      case 'retained-room':
        this.hasRoomForRetained = item.hasRoom
        return
      default:
        this.#context.took(this.owner.partition, item)
    }
  }

  #applyMessage(number: number, message: Message): void {
    const { statistics } = this.#context
    this.appliedSequence = Math.max(this.appliedSequence, message.sequence)
    if (number > 0 && number <= this.#applied) {
      statistics.messagesRepeated += 1
      return
    }
    if (number > 0) this.#applied = number
    statistics.messagesApplied += 1
    this.#publish(message)
  }

  #publish(message: Message): void {
    const { partition } = this.owner
    this.#context.apply(message, { partition, sequence: message.sequence })
  }

  /** What came late is dropped: it would overtake. */
  #takeBeside({ firstBeside, beside }: Frame): void {
    if (firstBeside < this.#nextBeside) return
    this.#skipBeside(firstBeside)
    this.#nextBeside += beside.length
    for (const message of beside) this.#publish(message)
  }

  /** A message of QoS 0 in the stream: those beside that were sent before it come no more. */
  #passesBeside({ firstBeside, beside }: Frame): void {
    this.#skipBeside(firstBeside + beside.length)
  }

  #skipBeside(next: number): void {
    if (next <= this.#nextBeside) return
    this.#context.statistics.qos0Lost += next - this.#nextBeside
    this.#nextBeside = next
  }

  #load(deliveries: readonly StoredDelivery[]): void {
    for (const { delivery, message } of deliveries) {
      this.after = delivery
      if (message === null) continue
      this.line.push({ bytes: messageBytes(message), number: delivery, commitId: 0 })
      if (message.qos === 0) this.#besideWaitsFor = this.line.last
    }
  }
}

function filterItem(filter: string, wanted: Wanted | null): LineItem {
  return { bytes: itemBytes({ kind: 'filter', filter, wanted }), number: null, commitId: 0 }
}
