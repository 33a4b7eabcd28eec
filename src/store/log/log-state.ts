// What the records of the log add up to, with messages left where they lie: the same state machine as DurableState,
// made small. Changes of what is gone already are passed over.

import type { GroupOwner, Owner } from '../change.ts'
import type { ClientSession, ClientWill } from '../client-changes.ts'
import { groupKey } from '../stored-parts.ts'
import { FreshMessages } from './fresh-messages.ts'
import { MessageTable } from './message-table.ts'
import { type QueuedEntry, DeliveryQueue } from './delivery-queue.ts'

/** The options of a waiting delivery besides its QoS, which stands in the two lowest bits. */
export const RETAIN = 4
/** It has Subscription Identifiers, which stand in a table of their own. */
export const IDENTIFIED = 8
/** QoS 2, begun by a member of a group that has no stored session: it goes to nobody else [MQTT-4.8.2-5]. */
export const BEGUN = 16
/**
 * What a member of a group was sent: QoS and RETAIN as the group queued them, in three bits that a waiting delivery does
 * not use. The QoS is never 0; in stores of a version that did not keep them it is.
 */
const QUEUED_SHIFT = 5
const QUEUED_BITS = 7

export interface SentEntry {
  readonly delivery: number
  readonly slot: number
  readonly options: number
  readonly packetId: number
  readonly group: GroupOwner | null
  isReceived: boolean
}

export interface SessionEntry extends ClientSession {
  readonly waiting: DeliveryQueue
  /** In the order of a resend. */
  readonly sent: Map<number, SentEntry>
}

export interface GroupEntry {
  readonly owner: GroupOwner
  readonly waiting: DeliveryQueue
}

export interface RetainedEntry {
  readonly slot: number
  readonly sequence: number
}

export class LogState {
  readonly messages: MessageTable = new MessageTable()
  readonly sessions: Map<string, SessionEntry> = new Map()
  readonly groups: Map<string, GroupEntry> = new Map()
  readonly retained: Map<string, RetainedEntry> = new Map()
  readonly wills: Map<string, ClientWill> = new Map()
  /** Subscription Identifiers, by delivery; few have any. */
  readonly identifiers: Map<number, readonly number[]> = new Map()
  lastSequence = 0
  lastDelivery = 0
  readonly #retainedSlots = new Map<number, number>()
  /** Messages of the group of records that is being applied, by sequence. */
  readonly #fresh = new FreshMessages()
  /** To look at when the group has been applied: one that is settled may be queued again within it. */
  #unreferenced: number[] = []

  storeMessage(sequence: number, slot: number): void {
    this.#fresh.add(sequence, slot)
    this.#unreferenced.push(slot)
    if (sequence > this.lastSequence) this.lastSequence = sequence
  }

  /** The group of records is applied: messages that nobody refers to are let go. */
  endGroupOfRecords(): void {
    for (const slot of this.#unreferenced) {
      // One may have been let go already, and be in this list twice.
      if (this.messages.segmentOf(slot) !== 0 && this.messages.references(slot) === 0) {
        this.messages.release(slot)
      }
    }
    this.#unreferenced = []
    this.#fresh.clear()
  }

  openSession(clientId: string, expiryIntervalSeconds: number): SessionEntry {
    this.endSession(clientId)
    const session = {
      clientId,
      expiryIntervalSeconds,
      expiresAt: null,
      subscriptions: new Map(),
      replays: new Map(),
      waiting: new DeliveryQueue(),
      sent: new Map(),
      incoming: new Set<number>(),
    }
    this.sessions.set(clientId, session)
    return session
  }

  endSession(clientId: string): void {
    const session = this.sessions.get(clientId)
    if (session === undefined) return
    this.sessions.delete(clientId)
    this.#empty(session.waiting)
    for (const sent of session.sent.values()) this.#forget(sent, sent.isReceived)
  }

  endGroup(owner: GroupOwner): void {
    const key = groupKey(owner)
    const group = this.groups.get(key)
    if (group === undefined) return
    this.groups.delete(key)
    this.#empty(group.waiting)
  }

  queue(
    delivery: number,
    owner: Owner,
    sequence: number,
    options: number,
    identifiers: readonly number[],
    packetId: number,
  ): void {
    if (delivery > this.lastDelivery) this.lastDelivery = delivery
    const session = owner.kind === 'session' ? this.sessions.get(owner.clientId) : undefined
    if (owner.kind === 'session' && session === undefined) return
    const slot = this.#fresh.slotOf(sequence) ?? this.#retainedSlots.get(sequence)
    if (slot === undefined) throw new Error(`message ${sequence} is queued and was not stored`)
    this.messages.refer(slot, 1)
    const all = identifiers.length === 0 ? options : options | IDENTIFIED
    if (identifiers.length > 0) this.identifiers.set(delivery, identifiers)
    if (owner.kind === 'group') this.groupOf(owner).waiting.add(delivery, slot, all)
    else if (packetId === 0) session?.waiting.add(delivery, slot, all)
    else session?.sent.set(delivery, newSent(delivery, slot, all, packetId, null))
  }

  /** `options`: the QoS and RETAIN that it was sent with. */
  send(
    delivery: number,
    owner: Owner,
    clientId: string,
    packetId: number,
    options: number,
    identifiers: readonly number[],
  ): void {
    const line = this.#lineOf(owner)
    const session = this.sessions.get(clientId)
    if (session === undefined) {
      // The group goes on owing it, but for QoS 2.
      if ((options & 3) === 2) line?.mark(delivery, BEGUN)
      return
    }
    const entry = line?.remove(delivery) ?? null
    if (entry === null) return
    const isOwn = owner.kind === 'session'
    if (identifiers.length > 0) this.identifiers.set(delivery, identifiers)
    const isIdentified = identifiers.length > 0 || (entry.options & IDENTIFIED) !== 0
    const queued = isOwn ? 0 : (entry.options & QUEUED_BITS) << QUEUED_SHIFT
    const all = options | (isIdentified ? IDENTIFIED : 0) | queued
    session.sent.set(delivery, newSent(delivery, entry.slot, all, packetId, isOwn ? null : owner))
  }

  returnToGroup(delivery: number, clientId: string, owner: GroupOwner): void {
    const session = this.sessions.get(clientId)
    const sent = session?.sent.get(delivery)
    if (session === undefined || sent === undefined) return
    session.sent.delete(delivery)
    // The identifiers were the member's.
    if ((sent.options & IDENTIFIED) !== 0) this.identifiers.delete(delivery)
    this.groupOf(owner).waiting.add(delivery, sent.slot, optionsQueued(sent.options))
  }

  receive(delivery: number, clientId: string): void {
    const session = this.sessions.get(clientId)
    const sent = session?.sent.get(delivery)
    if (session === undefined || sent === undefined || sent.isReceived) return
    this.#release(sent.slot)
    sent.isReceived = true
    // PUBREL is resent in the order in which PUBREC came [MQTT-4.6.0-4].
    session.sent.delete(delivery)
    session.sent.set(delivery, sent)
  }

  settle(delivery: number, owner: Owner): void {
    if (owner.kind === 'session') {
      const sent = this.sessions.get(owner.clientId)?.sent
      const entry = sent?.get(delivery)
      if (sent !== undefined && entry !== undefined) {
        sent.delete(delivery)
        this.#forget(entry, entry.isReceived)
        return
      }
    }
    const entry = this.#lineOf(owner)?.remove(delivery) ?? null
    if (entry !== null) this.#forget(entry, false)
  }

  retain(topic: string, sequence: number): void {
    const slot = this.#fresh.slotOf(sequence)
    if (slot === undefined) throw new Error(`message ${sequence} is retained and was not stored`)
    this.restoreRetained(topic, { slot, sequence })
  }

  restoreRetained(topic: string, entry: RetainedEntry): void {
    this.clearRetained(topic)
    this.retained.set(topic, entry)
    this.#retainedSlots.set(entry.sequence, entry.slot)
    this.messages.refer(entry.slot, 1)
  }

  clearRetained(topic: string): void {
    const entry = this.retained.get(topic)
    if (entry === undefined) return
    this.retained.delete(topic)
    this.#retainedSlots.delete(entry.sequence)
    this.#release(entry.slot)
  }

  /** At a start: what a member without a stored session had begun at QoS 2 is lost with that session. */
  forgetBegun(): void {
    for (const { waiting } of this.groups.values()) {
      for (const { delivery, slot, options } of [...waiting.after(0)]) {
        if ((options & BEGUN) === 0) continue
        waiting.remove(delivery)
        this.#forget({ delivery, slot, options }, false)
      }
    }
    this.endGroupOfRecords()
  }

  /** The group of this name, made when there is none. */
  groupOf(owner: GroupOwner): GroupEntry {
    const key = groupKey(owner)
    let group = this.groups.get(key)
    if (group === undefined) {
      group = { owner, waiting: new DeliveryQueue() }
      this.groups.set(key, group)
    }
    return group
  }

  waitingFor(owner: Owner): DeliveryQueue | null {
    return this.#lineOf(owner)
  }

  #lineOf(owner: Owner): DeliveryQueue | null {
    return owner.kind === 'session'
      ? (this.sessions.get(owner.clientId)?.waiting ?? null)
      : (this.groups.get(groupKey(owner))?.waiting ?? null)
  }

  #empty(line: DeliveryQueue): void {
    for (const entry of line.after(0)) this.#forget(entry, false)
  }

  #forget(entry: QueuedEntry, isReceived: boolean): void {
    if ((entry.options & IDENTIFIED) !== 0) this.identifiers.delete(entry.delivery)
    if (!isReceived) this.#release(entry.slot)
  }

  #release(slot: number): void {
    if (this.messages.refer(slot, -1) === 0) this.#unreferenced.push(slot)
  }
}

/** With which it waited before it was sent to a member of its group. */
function optionsQueued(sent: number): number {
  const queued = sent >> QUEUED_SHIFT
  return queued === 0 ? sent & QUEUED_BITS : queued
}

function newSent(
  delivery: number,
  slot: number,
  options: number,
  packetId: number,
  group: GroupOwner | null,
): SentEntry {
  return { delivery, slot, options, packetId, group, isReceived: false }
}
