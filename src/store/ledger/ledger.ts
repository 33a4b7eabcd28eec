// The ledger: the state that all changes so far add up to. It knows the places of messages, not their content. Changes of
// something that does not exist any more are ignored. The rows of `change.ts` define the effect of each kind of change.

import type { Identity } from '../../access/identity.ts'
import type { QoS, Will } from '../../packet/packet.ts'
import type { Subscription } from '../../routing/subscription.ts'
import { asQueueOwner, clientOf, type Owner, ownerKey, type QueueOwner } from '../owner.ts'
import { DeliveryQueue, type QueuedEntry } from './delivery-queue.ts'
import { FreshMessages } from './fresh-messages.ts'
import { IdentifierTable } from './identifier-table.ts'
import { type ImagedEntry, ImagedMap } from './imaged-map.ts'
import type { MessageRows } from './message-rows.ts'
import { type ExtentOf, MessageTable, type Position } from './message-table.ts'

/** The options of a queued delivery. Its QoS is in the two lowest bits. */
export const RETAIN = 4
/** It has Subscription Identifiers, which are in another table. */
export const IDENTIFIED = 8
/** QoS 2, sent to a member without a stored session: it goes to no other member [MQTT-4.8.2-5]. */
export const BEGUN = 16
/**
 * The QoS and RETAIN that the group queued a delivery with, while it is sent to a member: in three bits that a queued delivery
 * does not use. The QoS is never 0, except in stores of a version that did not keep it.
 */
const QUEUED_SHIFT = 5
const QUEUED_BITS = 7

/** The place of a record: the position of its frame in the log, and the offset in the frame. */
export interface Place {
  readonly position: Position
  readonly record: number
}

export interface SentEntry {
  readonly delivery: number
  readonly slot: number
  readonly options: number
  readonly packetId: number
  /** The queue that the delivery came from, or null if it was queued for the session itself. */
  readonly from: QueueOwner | null
  readonly isReceived: boolean
}

interface SessionEntry extends ImagedEntry {
  readonly clientId: string
  /** Null if it was stored before identities existed. */
  identity: Identity | null
  expiryIntervalSeconds: number
  /** When the session expires, in milliseconds; null while the client is connected. */
  expiresAt: number | null
  readonly subscriptions: Map<string, Subscription>
  /** The replays that have not ended: the highest sequence by filter. */
  readonly replays: Map<string, number>
  readonly waiting: DeliveryQueue
  /** Sent deliveries, in the order of sending again. */
  readonly sent: Map<number, SentEntry>
  /** The packet identifiers of QoS 2 messages from the client that wait for PUBREL. */
  readonly incoming: Set<number>
}

/** What may be seen of a session: it is changed through `sessionToChange`. */
export interface SessionView extends Omit<
  Readonly<SessionEntry>,
  'subscriptions' | 'replays' | 'sent' | 'incoming'
> {
  readonly subscriptions: ReadonlyMap<string, Subscription>
  readonly replays: ReadonlyMap<string, number>
  readonly sent: ReadonlyMap<number, SentEntry>
  readonly incoming: ReadonlySet<number>
}

/** The queue of an owner that is no session. */
export interface QueueEntry extends ImagedEntry {
  readonly owner: QueueOwner
  readonly waiting: DeliveryQueue
}

interface RetainedEntry extends ImagedEntry {
  readonly slot: number
  readonly sequence: number
}

interface WillEntry extends ImagedEntry {
  readonly will: Will
  /** When the will is due, in milliseconds; null while the client is connected. */
  at: number | null
  identity: Identity | null
}

type EntriesOf<Key, Entry> = Iterable<readonly [Key, Entry]>

/** The state at one moment, while the ledger goes on changing. */
export interface HeldState {
  readonly lastSequence: number
  readonly lastDelivery: number
  readonly rows: MessageRows
  readonly sessions: EntriesOf<string, SessionView>
  readonly queues: EntriesOf<string, QueueEntry>
  readonly retained: EntriesOf<string, RetainedEntry>
  readonly wills: EntriesOf<string, Readonly<WillEntry>>
}

// Wide on purpose: one method for what each change does. Nearly all of them touch messages, queues and sessions at once.
export class Ledger {
  readonly messages: MessageTable
  readonly identifiers: IdentifierTable = new IdentifierTable()
  lastSequence = 0
  lastDelivery = 0
  readonly #sessions = new ImagedMap<string, SessionEntry>()
  readonly #queues = new ImagedMap<string, QueueEntry>()
  readonly #retained = new ImagedMap<string, RetainedEntry>()
  readonly #wills = new ImagedMap<string, WillEntry>()
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

  /** Holds the state as it is now for an image of it, until `endImage`: what changes meanwhile is copied first. */
  beginImage(): HeldState {
    this.identifiers.beginImage()
    for (const map of [this.#sessions, this.#queues, this.#retained, this.#wills]) map.beginImage()
    return {
      lastSequence: this.lastSequence,
      lastDelivery: this.lastDelivery,
      rows: this.messages.image(),
      sessions: this.#sessions.imageEntries(),
      queues: this.#queues.imageEntries(),
      retained: this.#retained.imageEntries(),
      wills: this.#wills.imageEntries(),
    }
  }

  endImage(): void {
    this.messages.forgetImage()
    this.identifiers.endImage()
    for (const map of [this.#sessions, this.#queues, this.#retained, this.#wills]) map.endImage()
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
    const session: SessionEntry = {
      clientId,
      identity: null,
      expiryIntervalSeconds,
      expiresAt: null,
      subscriptions: new Map(),
      replays: new Map(),
      waiting: new DeliveryQueue(),
      sent: new Map(),
      incoming: new Set(),
      image: 0,
    }
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
      return
    }
    const entry = waiting?.remove(delivery) ?? null
    if (entry === null) return
    const from = asQueueOwner(owner)
    if (identifiers.length > 0) this.identifiers.set(delivery, identifiers)
    const isIdentified = identifiers.length > 0 || (entry.options & IDENTIFIED) !== 0
    const queued = from === null ? 0 : (entry.options & QUEUED_BITS) << QUEUED_SHIFT
    const all = options | (isIdentified ? IDENTIFIED : 0) | queued
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
    if (entry !== null) this.#forget(entry, false)
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
    this.#queues.set(ownerKey(owner), { owner: queueOwner, waiting, image: 0 })
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
    if (!isReceived) this.#release(entry.slot)
  }

  #release(slot: number): void {
    if (this.messages.refer(slot, -1) === 0) this.#unreferenced.push(slot)
  }
}

function copyOfSession(session: SessionEntry): SessionEntry {
  return {
    clientId: session.clientId,
    identity: session.identity,
    expiryIntervalSeconds: session.expiryIntervalSeconds,
    expiresAt: session.expiresAt,
    subscriptions: new Map(session.subscriptions),
    replays: new Map(session.replays),
    waiting: session.waiting.copy(),
    sent: new Map(session.sent),
    incoming: new Set(session.incoming),
    image: 0,
  }
}

function copyOfQueue({ owner, waiting }: QueueEntry): QueueEntry {
  return { owner, waiting: waiting.copy(), image: 0 }
}

/** QoS and RETAIN as a delivery keeps them. */
export function optionsOf(change: { readonly qos: QoS; readonly retain: boolean }): number {
  return change.qos | (change.retain ? RETAIN : 0)
}

/** Returns the options with which it was queued before it was sent to a member. */
function optionsQueued(sent: number): number {
  const queued = sent >> QUEUED_SHIFT
  return queued === 0 ? sent & QUEUED_BITS : queued
}

function newSent(
  delivery: number,
  slot: number,
  options: number,
  packetId: number,
  from: QueueOwner | null,
): SentEntry {
  return { delivery, slot, options, packetId, from, isReceived: false }
}
