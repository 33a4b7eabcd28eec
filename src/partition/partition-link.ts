// One other partition: what it is owed, what it is told, and what came from it.

import { type Message, withOwnBytes } from '../message.ts'
import { newDelivery, NO_IDENTIFIERS } from '../session/delivery.ts'
import { recordQueued } from '../session/delivery-journal.ts'
import type { PartitionOwner } from '../store/change.ts'
import type { CommitId } from '../store/journal.ts'
import type { PartitionReach, StoredDelivery, StoredPartition } from '../store/store.ts'
import { Acknowledgements } from './acknowledgements.ts'
import { UnreadableFrame } from './frame-reader.ts'
import { areSameStarts, encodeFrame, type Frame, type Start } from './frame.ts'
import { type Address, readAddress } from './hand-over-address.ts'
import { IncomingQoS0 } from './incoming-qos0.ts'
import { type Item, messageBytes, type Statement } from './item.ts'
import type { LinkContext } from './link-context.ts'
import {
  filterItem,
  inOrder,
  isNumbered,
  lineItem,
  MARKER,
  type Newest,
  NO_ROOM,
} from './line-items.ts'
import { type LineItem, OutgoingLine } from './outgoing-line.ts'
import { OutgoingQoS0 } from './outgoing-qos0.ts'
import type { Wanted } from './own-filters.ts'
import type { GroupLink } from './partition-groups.ts'
import { PartitionTarget, type PartitionWay } from './partition-target.ts'
import { PeerFilters } from './peer-filters.ts'

const UNKNOWN: Start = { log: 0, epoch: 0 }

// Wide on purpose: one stream to the partition and one from it, which begin anew together.
export class PartitionLink implements PartitionWay, GroupLink {
  readonly owner: PartitionOwner
  readonly #context: LinkContext
  readonly line = new OutgoingLine()
  readonly filters: PeerFilters
  readonly forGroups: PartitionTarget
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
  /** All its messages up to this number are applied. */
  #applied = 0
  readonly #acknowledgements = new Acknowledgements()
  #mustSay = true
  #newest: Newest | null = null
  /** What was handed over since the newest message: that may still be owed to another target, with a later number. */
  readonly #besideNewest: LineItem[] = []
  readonly #beside = new OutgoingQoS0()
  /** The newest message of QoS 0: both targets of the partition may match it. */
  #newestQoS0: Buffer | null = null
  readonly #incomingBeside: IncomingQoS0
  /** Until the item at this position is acknowledged, messages of QoS 0 go in the stream, behind a retained one of theirs. */
  #besideWaitsFor = 0
  #hasProgressed = false

  constructor(partition: number, context: LinkContext) {
    this.owner = { kind: 'partition', partition }
    this.#context = context
    this.forGroups = new PartitionTarget(this, context, true)
    this.#incomingBeside = new IncomingQoS0(context.statistics)
    this.filters = new PeerFilters(context.broker.subscriptions.router, {
      durably: new PartitionTarget(this, context, true),
      transiently: new PartitionTarget(this, context, false),
    })
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
      this.#newest = { message: withOwnBytes(message), isStored: false, number: 0, commitId }
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
    this.#newest = { message: withOwnBytes(message), isStored: false, number: 0, commitId }
    this.#owe(this.#newest, commitId)
    if (message.qos === 0) {
      this.#newestQoS0 = this.#context.bytesOf(message)
      this.#seal()
      this.#besideWaitsFor = this.line.last
    }
    this.#context.requestFlush()
  }

  /** Sends an item that is not stored, behind what was published so far. */
  say(item: Statement): void {
    // A queue may lend the message that is being published.
    if (item.kind !== 'lent') this.#seal()
    const commitId = this.#context.broker.journal.latest
    this.#putBeside({ ...lineItem(item), commitId })
  }

  #putBeside(item: LineItem): void {
    if (this.#newest === null) this.line.push(item)
    else this.#besideNewest.push(item)
    this.#context.requestFlush()
  }

  /** Sends a message that the partition owns from this commit on. `number`: 0 if it is not stored. */
  handsOver(to: string, message: Message, number: number, commitId: CommitId): void {
    if (number === 0 && this.isFull) {
      this.#context.statistics.qos0Dropped += 1
      return
    }
    this.#putBeside({ bytes: messageBytes(message), number, commitId, to })
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
    const item = { bytes: this.#context.bytesOf(message), number, commitId: latest }
    for (const each of inOrder(item, this.#besideNewest.splice(0))) this.line.push(each)
  }

  /** At QoS 0 nobody waits for an acknowledgement, and a message may come before earlier ones of a higher QoS. */
  #deliverBeside(message: Message, commitId: CommitId): void {
    const isBehind = this.line.acknowledged < this.#besideWaitsFor
    const bytes = this.#context.bytesOf(message)
    if (this.#newestQoS0 === bytes) return
    this.#newestQoS0 = bytes
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
    this.#newestQoS0 = null
    if (this.#acknowledgements.reach(committed)) this.#mustSay = true
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
    return (
      this.#acknowledgements.areWaiting || !this.#beside.isEmpty || this.line.waitsFor(committed)
    )
  }

  #say(first: number, items: readonly LineItem[], beside: readonly Buffer[]): void {
    const { partition: from, start: sender, statistics } = this.#context
    const head = {
      from,
      sender,
      receiver: this.#peer,
      acknowledged: this.#acknowledgements.position,
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
    for (const message of this.#incomingBeside.take(frame)) this.#publish(message)
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
    this.#incomingBeside.restart()
    this.#acknowledgements.restart()
    this.#beside.restart()
    this.#seal()
    const { partition } = this.owner
    const { groups, queues } = this.#context
    groups.begins(partition)
    queues.begins(partition)
    const filters = [...this.#context.filters.told].map(([filter, wanted]) =>
      filterItem(filter, wanted),
    )
    const told = [...groups.beginning(partition), ...queues.beginning()]
    const all = [...filters, ...told.map(lineItem)]
    const isBehind = this.line.acknowledged < this.#besideWaitsFor
    const room = this.#context.hasRoomForRetained ? [] : [NO_ROOM]
    this.#context.statistics.messagesOutlived += this.line.restart([...all, MARKER, ...room])
    for (const { to } of this.line.items) if (to !== undefined) groups.isInLine(partition, to)
    if (isBehind) this.#besideWaitsFor = this.line.last
    this.hasRoomForRetained = true
    this.#mustSay = true
    this.#context.began(partition)
  }

  #settle(acknowledged: number): void {
    const wasFull = this.isFull
    const taken = this.line.acknowledge(acknowledged)
    if (taken.length === 0) return
    if (wasFull && !this.isFull) this.#context.hasRoom(this.owner.partition)
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
      else if (isNumbered(item) && !this.#context.takesMessages) statistics.itemsEarly += 1
      else {
        this.#next += 1
        if (item.kind === 'message' && item.message.qos === 0) this.#incomingBeside.pass(frame)
        this.#apply(item)
      }
      position += 1
    }
    if (this.#applied > before) broker.journal.record(this.#reach())
    this.#acknowledgements.applied(this.#next - 1, broker.journal.latest)
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
        this.#context.groups.toldAll(this.owner.partition)
        this.#context.queues.toldAll(this.owner.partition)
        this.#context.gained()
        return
      case 'group':
      case 'member':
      case 'member-gone':
        this.#context.groups.told(this.owner.partition, item)
        return
      case 'queue':
      case 'consumer':
      case 'consumer-gone':
      case 'lent':
      case 'answered':
        this.#context.queues.said(this.owner.partition, item)
        return
      case 'message':
        this.#applyMessage(item.number, item.message)
        return
      case 'handed-over':
        this.#applyHandedOver(item.number, item.address, item.message)
        return
      case 'retained-room':
        this.hasRoomForRetained = item.hasRoom
        return
      default:
        this.#context.took(this.owner.partition, item)
    }
  }

  #applyMessage(number: number, message: Message): void {
    this.appliedSequence = Math.max(this.appliedSequence, message.sequence)
    if (this.#isRepeated(number)) return
    this.#context.statistics.messagesApplied += 1
    this.#publish(message)
  }

  #applyHandedOver(number: number, address: Address, message: Message): void {
    const { groups } = this.#context
    if (this.#isRepeated(number)) groups.repeated(address)
    else groups.handedOver(address, message)
  }

  #isRepeated(number: number): boolean {
    const isRepeated = number > 0 && number <= this.#applied
    if (isRepeated) this.#context.statistics.messagesRepeated += 1
    else if (number > 0) this.#applied = number
    return isRepeated
  }

  #publish(message: Message): void {
    const { partition } = this.owner
    this.#context.apply(message, { partition, sequence: message.sequence })
  }

  #load(deliveries: readonly StoredDelivery[]): void {
    for (const { delivery, message, handOuts } of deliveries) {
      this.after = delivery
      if (message === null) continue
      const to = handOuts?.reason ?? ''
      const isHandedOver = readAddress(to) !== null
      if (isHandedOver) this.#context.groups.isInLine(this.owner.partition, to)
      const item = { bytes: messageBytes(message), number: delivery, commitId: 0 }
      this.line.push(isHandedOver ? { ...item, to } : item)
      if (message.qos === 0) this.#besideWaitsFor = this.line.last
    }
  }
}
