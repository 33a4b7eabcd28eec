// The ledger: the state that all changes so far add up to. It knows the places of messages, not their content. Changes of
// something that does not exist any more are ignored. The rows of `change.ts` define the effect of each kind of change.

import type { Will } from '../../packet/packet.ts'
import type { ChangeOf } from '../change.ts'
import { asQueueOwner, clientOf, type Owner, ownerKey, type QueueOwner } from '../owner.ts'
import { BEGUN, IDENTIFIED, optionsQueued, optionsSent } from './delivery-options.ts'
import { DeliveryQueue, type QueuedEntry } from './delivery-queue.ts'
import {
  copyOfQueue,
  copyOfSession,
  type HeldEntry,
  type HeldState,
  newSent,
  newSession,
  type QueueEntry,
  type RetainedEntry,
  type SessionEntry,
  type SessionView,
  type WillEntry,
} from './entries.ts'
import { DecisionTable } from './decision-table.ts'
import { HandOutTable } from './hand-outs.ts'
import { FreshMessages } from './fresh-messages.ts'
import { IdentifierTable } from './identifier-table.ts'
import { ImagedMap } from './imaged-map.ts'
import { type LockedEntry, LockedTable } from './locked-table.ts'
import { MessageIdTable } from './message-id-table.ts'
import { PartitionTable } from './partition-table.ts'
import { type ExtentOf, MessageTable, type Position } from './message-table.ts'

/** The place of a record: the position of its frame in the log, and the offset in the frame. */
export interface Place {
  readonly position: Position
  readonly record: number
}

// Wide on purpose: one method for what each change does. Nearly all of them touch messages, queues and sessions at once.
export class Ledger {
  readonly messages: MessageTable
  readonly identifiers: IdentifierTable = new IdentifierTable()
  readonly handOuts: HandOutTable = new HandOutTable()
  readonly decisions: DecisionTable = new DecisionTable()
  readonly messageIds: MessageIdTable = new MessageIdTable()
  readonly locked: LockedTable = new LockedTable()
  readonly partitions: PartitionTable = new PartitionTable()
  lastSequence = 0
  lastDelivery = 0
  readonly #sessions = new ImagedMap<string, SessionEntry>()
  readonly #queues = new ImagedMap<string, QueueEntry>()
  readonly #retained = new ImagedMap<string, RetainedEntry>()
  readonly #wills = new ImagedMap<string, WillEntry>()
  readonly #held = new ImagedMap<number, HeldEntry>()
  readonly #retainedSlots = new Map<number, number>()
  /** The messages of the commit that is being applied, by sequence. */
  readonly #fresh = new FreshMessages()
  /** Messages to check after the commit was applied, because a settled one may be queued again within the commit. */
  readonly #unreferenced: number[] = []

  constructor(extentOf: ExtentOf) {
    this.messages = new MessageTable(extentOf)
  }

  get sessions(): ReadonlyMap<string, SessionView> {
    return this.#sessions
  }

  get queues(): ReadonlyMap<string, QueueEntry> {
    return this.#queues
  }

  get retained(): ReadonlyMap<string, RetainedEntry> {
    return this.#retained
  }

  get wills(): ReadonlyMap<string, Readonly<WillEntry>> {
    return this.#wills
  }

  /** Delayed messages by sequence. */
  get held(): ReadonlyMap<number, HeldEntry> {
    return this.#held
  }

  #maps(): readonly { beginImage(): void; endImage(): void }[] {
    const own = [this.#sessions, this.#queues, this.#retained, this.#wills, this.#held]
    const { identifiers, handOuts, decisions, messageIds, locked, partitions } = this
    return [...own, identifiers, handOuts, decisions, messageIds, locked, partitions]
  }

  /** Holds the state as it is now for an image of it, until `endImage`: what changes meanwhile is copied first. */
  beginImage(): HeldState {
    for (const map of this.#maps()) map.beginImage()
    return {
      lastSequence: this.lastSequence,
      lastDelivery: this.lastDelivery,
      rows: this.messages.image(),
      sessions: this.#sessions.imageEntries(),
      queues: this.#queues.imageEntries(),
      retained: this.#retained.imageEntries(),
      wills: this.#wills.imageEntries(),
      held: this.#held.imageEntries(),
      handOuts: this.handOuts.imageEntries(),
      decisions: this.decisions.imageEntries(),
      messageIds: this.messageIds.imageEntries(),
      locked: this.locked.imageEntries(),
      partitions: this.partitions.imageEntries(),
    }
  }

  endImage(): void {
    this.messages.forgetImage()
    for (const map of this.#maps()) map.endImage()
  }

  sessionToChange(clientId: string): SessionEntry | undefined {
    return this.#sessions.toChange(clientId, copyOfSession)
  }

  setWill(clientId: string, will: Will, at: number | null): void {
    const identity = this.#sessions.get(clientId)?.identity ?? null
    this.#wills.set(clientId, { will, at, identity, image: 0 })
  }

  willToChange(clientId: string): WillEntry | undefined {
    return this.#wills.toChange(clientId, kept => ({ ...kept }))
  }

  clearWill(clientId: string): void {
    this.#wills.delete(clientId)
  }

  /** `size`: what `contentBytes` says of the message. */
  storeMessage(sequence: number, size: number, position: Position, record: number): void {
    const slot = this.messages.add(position, record, size)
    this.#fresh.add(sequence, slot)
    this.#unreferenced.push(slot)
    if (sequence > this.lastSequence) this.lastSequence = sequence
  }

  /** Ends the commit: messages without references are removed. */
  endCommit(): void {
    for (const slot of this.#unreferenced) {
      // A message may be in this list twice, and be removed already.
      if (this.messages.isUsed(slot) && this.messages.references(slot) === 0) {
        this.messages.release(slot)
      }
    }
    this.#unreferenced.length = 0
    this.#fresh.clear()
  }

  openSession(clientId: string, expiryIntervalSeconds: number): SessionEntry {
    this.endSession(clientId)
    const session = newSession(clientId, expiryIntervalSeconds)
    this.#sessions.set(clientId, session)
    return session
  }

  endSession(clientId: string): void {
    const session = this.#sessions.get(clientId)
    if (session === undefined) return
    this.#sessions.delete(clientId)
    this.#empty(session.waiting)
    for (const sent of session.sent.values()) this.#forget(sent, sent.isReceived)
  }

  endQueue(owner: QueueOwner): void {
    const key = ownerKey(owner)
    const queue = this.#queues.get(key)
    if (queue === undefined) return
    this.#queues.delete(key)
    this.#empty(queue.waiting)
    for (const [delivery, locked] of [...this.locked.all]) {
      if (ownerKey(locked.owner) === key) this.#settleLocked(delivery)
    }
  }

  setQueue(name: string, settings: string): void {
    const owner = { kind: 'queue', name } as const
    const waiting = this.#queueToChange(owner) ?? new DeliveryQueue()
    this.#queues.set(ownerKey(owner), { owner, waiting, settings, image: 0 })
  }

  /** The delivery waits in another queue, at the end. */
  move({ delivery, owner, to, moved, handOuts, reason }: Omit<ChangeOf<'moved'>, 'kind'>): void {
    if (moved > this.lastDelivery) this.lastDelivery = moved
    const entry = this.#queueToChange(owner)?.remove(delivery) ?? null
    if (entry === null) return
    this.handOuts.delete(delivery)
    const queue = reason !== '' && owner.kind === 'queue' ? owner.name : ''
    if (handOuts > 0 || reason !== '') this.handOuts.set(moved, { count: handOuts, reason, queue })
    if ((entry.options & IDENTIFIED) !== 0) this.identifiers.delete(delivery)
    this.queueOf(to)?.add(moved, entry.slot, entry.options & ~IDENTIFIED)
  }

  /** `options`: the QoS and RETAIN. */
  queue(
    delivery: number,
    owner: Owner,
    sequence: number,
    options: number,
    identifiers: readonly number[],
    packetId: number,
  ): void {
    if (delivery > this.lastDelivery) this.lastDelivery = delivery
    const clientId = clientOf(owner)
    const session = clientId === null ? undefined : this.sessionToChange(clientId)
    if (clientId !== null && session === undefined) return
    const slot = this.#fresh.slotOf(sequence) ?? this.#retainedSlots.get(sequence)
    if (slot === undefined) throw new Error(`message ${sequence} is queued and was not stored`)
    this.messages.refer(slot, 1)
    const all = identifiers.length === 0 ? options : options | IDENTIFIED
    if (identifiers.length > 0) this.identifiers.set(delivery, identifiers)
    if (session === undefined) this.queueOf(owner)?.add(delivery, slot, all)
    else if (packetId === 0) session.waiting.add(delivery, slot, all)
    else session.sent.set(delivery, newSent(delivery, slot, all, packetId, null))
  }

  /** `options`: the QoS and RETAIN with which it was sent. */
  send(
    delivery: number,
    owner: Owner,
    clientId: string,
    packetId: number,
    options: number,
    identifiers: readonly number[],
  ): void {
    const waiting = this.#queueToChange(owner)
    const session = this.sessionToChange(clientId)
    if (session === undefined) {
      // The delivery stays queued in the group, except at QoS 2.
      if ((options & 3) === 2) waiting?.mark(delivery, BEGUN)
      else if (waiting?.has(delivery) === true) this.handOuts.counts(delivery, owner)
      return
    }
    const entry = waiting?.remove(delivery) ?? null
    if (entry === null) return
    this.handOuts.counts(delivery, owner)
    const from = asQueueOwner(owner)
    if (identifiers.length > 0) this.identifiers.set(delivery, identifiers)
    const isIdentified = identifiers.length > 0 || (entry.options & IDENTIFIED) !== 0
    const marked = options | (isIdentified ? IDENTIFIED : 0)
    const all = from === null ? marked : optionsSent(marked, entry.options)
    session.sent.set(delivery, newSent(delivery, entry.slot, all, packetId, from))
  }

  returnToQueue(delivery: number, clientId: string, owner: QueueOwner): void {
    const session = this.sessionToChange(clientId)
    const sent = session?.sent.get(delivery)
    if (session === undefined || sent === undefined) return
    session.sent.delete(delivery)
    // The identifiers were the member's.
    if ((sent.options & IDENTIFIED) !== 0) this.identifiers.delete(delivery)
    this.queueOf(owner)?.add(delivery, sent.slot, optionsQueued(sent.options))
  }

  receive(delivery: number, clientId: string): void {
    const session = this.sessionToChange(clientId)
    const sent = session?.sent.get(delivery)
    if (session === undefined || sent === undefined || sent.isReceived) return
    this.#release(sent.slot)
    // PUBREL is resent in the order in which PUBREC came [MQTT-4.6.0-4].
    session.sent.delete(delivery)
    session.sent.set(delivery, { ...sent, isReceived: true })
  }

  settle(delivery: number, owner: Owner): void {
    const clientId = clientOf(owner)
    if (clientId !== null) {
      const sent = this.sessionToChange(clientId)?.sent
      const entry = sent?.get(delivery)
      if (sent !== undefined && entry !== undefined) {
        sent.delete(delivery)
        this.#forget(entry, entry.isReceived)
        return
      }
    }
    const entry = this.#queueToChange(owner)?.remove(delivery) ?? null
    if (entry === null) this.#settleLocked(delivery)
    else this.#forget(entry, false)
  }

  lock({ delivery, owner, clientId, transaction }: Omit<ChangeOf<'locked'>, 'kind'>): void {
    const entry = this.#queueToChange(owner)?.remove(delivery) ?? null
    if (entry === null) return
    if ((entry.options & IDENTIFIED) !== 0) this.identifiers.delete(delivery)
    const options = entry.options & ~IDENTIFIED
    this.locked.set(delivery, { slot: entry.slot, options, owner, clientId, transaction, image: 0 })
  }

  restoreLocked(delivery: number, entry: LockedEntry): void {
    this.locked.set(delivery, entry)
    this.messages.refer(entry.slot, 1)
  }

  unlock(delivery: number): void {
    const entry = this.locked.take(delivery)
    if (entry !== null) this.queueOf(entry.owner)?.add(delivery, entry.slot, entry.options)
  }

  #settleLocked(delivery: number): void {
    const entry = this.locked.take(delivery)
    if (entry !== null) this.#forget({ ...entry, delivery }, false)
  }

  retain(topic: string, sequence: number): void {
    const slot = this.#fresh.slotOf(sequence)
    if (slot === undefined) throw new Error(`message ${sequence} is retained and was not stored`)
    this.restoreRetained(topic, slot, sequence)
  }

  restoreRetained(topic: string, slot: number, sequence: number): void {
    this.clearRetained(topic)
    this.#retained.set(topic, { slot, sequence, image: 0 })
    this.#retainedSlots.set(sequence, slot)
    this.messages.refer(slot, 1)
  }

  clearRetained(topic: string): void {
    const entry = this.#retained.get(topic)
    if (entry === undefined) return
    this.#retained.delete(topic)
    this.#retainedSlots.delete(entry.sequence)
    this.#release(entry.slot)
  }

  hold(sequence: number, due: number, key: string): void {
    const slot = this.#fresh.slotOf(sequence)
    if (slot === undefined) throw new Error(`message ${sequence} is held and was not stored`)
    this.restoreHeld(sequence, slot, due, key)
  }

  restoreHeld(sequence: number, slot: number, due: number, key: string): void {
    this.release(sequence)
    this.#held.set(sequence, { slot, due, key, image: 0 })
    this.messages.refer(slot, 1)
  }

  release(sequence: number): void {
    const entry = this.#held.get(sequence)
    if (entry === undefined) return
    this.#held.delete(sequence)
    this.#release(entry.slot)
  }

  /** Must be called at a start: QoS 2 deliveries to members without a stored session are lost with their sessions. */
  forgetBegun(): void {
    // No image is made then.
    for (const { waiting } of this.#queues.values()) {
      for (const { delivery, slot, options } of [...waiting.after(0)]) {
        if ((options & BEGUN) === 0) continue
        waiting.remove(delivery)
        this.#forget({ delivery, slot, options }, false)
      }
    }
    this.endCommit()
  }

  /** Where deliveries wait for the owner, to be changed; made for one that has a queue of its own. Null without a session. */
  queueOf(owner: Owner): DeliveryQueue | null {
    const known = this.#queueToChange(owner)
    const queueOwner = asQueueOwner(owner)
    if (known !== null || queueOwner === null) return known
    const waiting = new DeliveryQueue()
    this.#queues.set(ownerKey(owner), { owner: queueOwner, waiting, settings: null, image: 0 })
    return waiting
  }

  /** To be read. */
  waitingFor(owner: Owner): DeliveryQueue | null {
    const clientId = clientOf(owner)
    return clientId === null
      ? (this.#queues.get(ownerKey(owner))?.waiting ?? null)
      : (this.#sessions.get(clientId)?.waiting ?? null)
  }

  #queueToChange(owner: Owner): DeliveryQueue | null {
    const clientId = clientOf(owner)
    return clientId === null
      ? (this.#queues.toChange(ownerKey(owner), copyOfQueue)?.waiting ?? null)
      : (this.sessionToChange(clientId)?.waiting ?? null)
  }

  #empty(waiting: DeliveryQueue): void {
    for (const entry of waiting.after(0)) this.#forget(entry, false)
  }

  #forget(entry: QueuedEntry, isReceived: boolean): void {
    if ((entry.options & IDENTIFIED) !== 0) this.identifiers.delete(entry.delivery)
    this.handOuts.delete(entry.delivery)
    if (!isReceived) this.#release(entry.slot)
  }

  #release(slot: number): void {
    if (this.messages.refer(slot, -1) === 0) this.#unreferenced.push(slot)
  }
}
