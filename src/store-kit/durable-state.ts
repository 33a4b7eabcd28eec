// The state that all changes add up to, in the simplest form. Tests compare stores with it. It shares no code with the ledger
// and the table of changes, so that it does not have the same bugs. Changes of something that does not exist any more have no
// effect.

import { strict as assert } from 'node:assert'
import { contentBytes, identifiersBytes, type Message } from '../message.ts'
import type { Change, Owner, QueueOwner } from '../store/change.ts'
import { applyToClient, type PlainWill } from './durable-clients.ts'
import {
  groupKey,
  type KeptDelivery,
  type KeptGroup,
  type KeptMessage,
  type KeptSession,
  newSession,
  type Place,
  waitingIn,
} from './durable-parts.ts'
import { onlyWill, replaysIn } from '../store/stored-parts.ts'
import type {
  Remainder,
  Snapshot,
  StoredDecision,
  StoredDelivery,
  StoredMessageId,
  StoredPartition,
  PartitionReach,
  StoredSession,
} from '../store/store.ts'

const NO_IDENTIFIERS: readonly number[] = []

// Wide on purpose: it says in one place, kind by kind, what changes add up to.
export class DurableState {
  readonly #sessions = new Map<string, KeptSession>()
  readonly #groups = new Map<string, KeptGroup>()
  readonly #messages = new Map<number, KeptMessage>()
  readonly #deliveries = new Map<number, KeptDelivery>()
  readonly #retained = new Map<string, number>()
  readonly #wills = new Map<string, PlainWill>()
  readonly #held = new Map<number, { readonly due: number; readonly key: string }>()
  readonly #decisions = new Map<string, StoredDecision>()
  readonly #messageIds = new Map<string, StoredMessageId>()
  readonly #reached = new Map<number, PartitionReach>()
  /** Out of their queues: prepared transactions have locked them. */
  readonly #locked: Place = new Map()
  readonly #pageMessages: number
  /** Messages to check after the group of changes was applied. */
  readonly #unreferenced = new Set<number>()
  #lastSequence = 0
  #lastDelivery = 0

  /** `pageMessages`: the most queued deliveries of an owner in a page and in a snapshot. */
  constructor(pageMessages = 256) {
    this.#pageMessages = pageMessages
  }

  /** Applies one group of changes, then removes messages without references. */
  apply(changes: readonly Change[]): void {
    for (const change of changes) this.#apply(change)
    for (const sequence of this.#unreferenced) {
      if (this.#messages.get(sequence)?.references === 0) this.#messages.delete(sequence)
    }
    this.#unreferenced.clear()
  }

  snapshot(): Snapshot {
    const sessions = [...this.#sessions.values()].map(session => this.#sessionOf(session))
    const strangers = [...this.#wills].filter(([clientId]) => !this.#sessions.has(clientId))
    return {
      sessions: [...sessions, ...strangers.map(([clientId, kept]) => onlyWill(clientId, kept))],
      groups: [...this.#groups.values()].flatMap(({ owner, waiting }) => {
        if (owner.kind !== 'group' || waiting.size === 0) return []
        const { kind: _kind, ...name } = owner
        return [{ ...name, ...this.#lineOf(waiting) }]
      }),
      queues: [...this.#groups.values()].flatMap(({ owner, waiting, settings }) =>
        owner.kind === 'queue' ? [{ name: owner.name, settings, ...this.#lineOf(waiting) }] : [],
      ),
      held: [...this.#held].flatMap(([sequence, { due, key }]) => {
        const message = this.#messages.get(sequence)?.message
        return message === undefined ? [] : [{ message, due, key }]
      }),
      decisions: [...this.#decisions.values()],
      messageIds: [...this.#messageIds.values()],
      locked: [...this.#locked.values()].flatMap(kept =>
        kept.lock === null ? [] : [{ delivery: this.#unsentOf(kept), ...kept.lock }],
      ),
      partitions: this.#partitions(),
      retained: [...this.#retained.values()].flatMap(sequence => {
        const kept = this.#messages.get(sequence)
        return kept === undefined ? [] : [kept.message]
      }),
      lastSequence: this.#lastSequence,
      lastDelivery: this.#lastDelivery,
    }
  }

  #partitions(): readonly StoredPartition[] {
    const all = new Map(this.#reached)
    for (const { owner, waiting } of this.#groups.values()) {
      if (owner.kind !== 'partition' || waiting.size === 0) continue
      const { partition } = owner
      if (!all.has(partition)) all.set(partition, { partition, log: 0, number: 0 })
    }
    return [...all.values()].map(reach => {
      const place = this.#placeOf({ kind: 'partition', partition: reach.partition })
      return { ...reach, ...this.#lineOf(place ?? new Map()) }
    })
  }

  /** Returns a page: queued deliveries of the owner with numbers above `after`, oldest first. */
  page(owner: Owner, after: number): readonly StoredDelivery[] {
    const place = this.#placeOf(owner)
    if (place === null) return []
    return waitingIn(place)
      .filter(({ delivery }) => delivery > after)
      .slice(0, this.#pageMessages)
      .map(kept => this.#unsentOf(kept))
  }

  /** Must be called at a start: QoS 2 deliveries to members without a stored session are lost with their sessions. */
  forgetBegun(): void {
    for (const { waiting } of this.#groups.values()) {
      for (const { delivery, isBegun } of [...waiting.values()]) {
        if (isBegun) this.#settle(delivery)
      }
    }
    this.apply([])
  }

  /** The number of kept messages. Tests of reclaiming count it. */
  get messageCount(): number {
    return this.#messages.size
  }

  #apply(change: Change): void {
    switch (change.kind) {
      case 'message-stored':
        this.#storeMessage(change.message)
        this.#unreferenced.add(change.message.sequence)
        this.#lastSequence = Math.max(this.#lastSequence, change.message.sequence)
        return
      case 'retained-set':
        this.#clearRetained(change.topic)
        this.#retained.set(change.topic, change.sequence)
        this.#refer(change.sequence, 1)
        return
      case 'held':
      case 'released':
        this.#applyHeld(change)
        return
      case 'retained-cleared':
        this.#clearRetained(change.topic)
        return
      case 'queued':
        this.#queue(change)
        return
      case 'sent':
        this.#send(change)
        return
      case 'returned':
        this.#return(change.delivery, change.owner)
        return
      case 'received':
        this.#receive(change.delivery)
        return
      case 'settled':
        this.#settle(change.delivery)
        return
      case 'group-ended':
        this.#endGroup(change.owner)
        return
      case 'queue-set':
        this.#groupOf({ kind: 'queue', name: change.name }).settings = change.settings
        return
      case 'queue-ended':
        this.#endGroup({ kind: 'queue', name: change.name })
        return
      case 'moved':
      case 'locked':
      case 'unlocked':
        this.#applyToQueue(change)
        return
      case 'partition-reached':
        this.#reached.set(change.partition, reachOf(change))
        return
      case 'session-opened':
        this.#openSession(change.clientId, change.expiryIntervalSeconds)
        return
      case 'session-ended':
        this.#endSession(change.clientId)
        return
      default:
        applyToClient(this.#sessions, this.#wills, this.#decisions, this.#messageIds, change)
    }
  }

  #applyHeld(change: Extract<Change, { kind: 'held' | 'released' }>): void {
    const { sequence } = change
    if (change.kind === 'held') {
      this.#held.set(sequence, { due: change.due, key: change.key })
      this.#refer(sequence, 1)
    } else if (this.#held.delete(sequence)) this.#refer(sequence, -1)
  }

  /** Adds a message, unless it exists: a share group stores its queue when a durable member joins, and others may have stored the message. */
  #storeMessage(message: Message): void {
    const references = this.#messages.get(message.sequence)?.references ?? 0
    this.#messages.set(message.sequence, { message, references })
  }

  #queue(change: Extract<Change, { kind: 'queued' }>): void {
    const { delivery, owner, sequence, qos, retain, identifiers } = change
    this.#lastDelivery = Math.max(this.#lastDelivery, delivery)
    const session = owner.kind === 'session' ? this.#sessions.get(owner.clientId) : undefined
    const place = change.packetId === 0 ? this.#waitingOf(owner) : (session?.sent ?? null)
    if (place === null) return
    const group = owner.kind === 'session' ? null : owner
    const kept = {
      delivery,
      sequence,
      qos,
      retain,
      identifiers,
      queuedQos: qos,
      queuedRetain: retain,
      group,
      packetId: change.packetId,
      isReceived: false,
      isBegun: false,
      handOuts: null,
      place,
      lock: null,
    }
    this.#deliveries.set(delivery, kept)
    place.set(delivery, kept)
    this.#refer(sequence, 1)
  }

  #send(change: Extract<Change, { kind: 'sent' }>): void {
    const { delivery, clientId, packetId, qos, retain, identifiers } = change
    const kept = this.#deliveries.get(delivery)
    if (kept === undefined || kept.lock !== null) return
    const isCounted = kept.group?.kind === 'queue' && (kept.handOuts?.reason ?? '') === ''
    if (isCounted) kept.handOuts = { reason: '', queue: '', count: (kept.handOuts?.count ?? 0) + 1 }
    const session = this.#sessions.get(clientId)
    if (session === undefined) {
      // The member's session is not stored: the delivery stays queued in the group, except at QoS 2.
      if (qos === 2) kept.isBegun = true
      return
    }
    kept.packetId = packetId
    kept.qos = qos
    kept.retain = retain
    if (identifiers.length > 0) kept.identifiers = identifiers
    this.#move(kept, session.sent)
  }

  #return(delivery: number, owner: Owner): void {
    const kept = this.#deliveries.get(delivery)
    // A delivery that was sent to a member without a stored session never left the group.
    if (kept === undefined || kept.packetId === 0) return
    // It makes the group or queue if there is none.
    const place = this.#waitingOf(owner)
    if (place === null) return
    kept.packetId = 0
    kept.qos = kept.queuedQos
    kept.retain = kept.queuedRetain
    kept.identifiers = NO_IDENTIFIERS
    this.#move(kept, place)
  }

  #applyToQueue(change: Extract<Change, { kind: 'moved' | 'locked' | 'unlocked' }>): void {
    if (change.kind === 'moved') this.#moveOn(change)
    else this.#lock(change)
  }

  #moveOn(change: Extract<Change, { kind: 'moved' }>): void {
    const { delivery, owner, to, moved, handOuts: count, reason } = change
    this.#lastDelivery = Math.max(this.#lastDelivery, moved)
    const kept = this.#deliveries.get(delivery)
    if (kept === undefined || kept.place !== this.#placeOf(owner)) return
    kept.place.delete(delivery)
    this.#deliveries.delete(delivery)
    const { waiting: place } = this.#groupOf(to)
    const queue = reason !== '' && owner.kind === 'queue' ? owner.name : ''
    const handOuts = count > 0 || reason !== '' ? { count, reason, queue } : null
    const identifiers = NO_IDENTIFIERS
    const next = { ...kept, delivery: moved, group: to, handOuts, identifiers, place }
    this.#deliveries.set(moved, next)
    place.set(moved, next)
  }

  #lock(change: Extract<Change, { kind: 'locked' | 'unlocked' }>): void {
    const kept = this.#deliveries.get(change.delivery)
    if (kept === undefined) return
    if (change.kind === 'unlocked') {
      if (kept.lock !== null && kept.group !== null)
        this.#move(kept, this.#groupOf(kept.group).waiting)
      kept.lock = null
    } else if (kept.place === this.#placeOf(change.owner)) {
      this.#move(kept, this.#locked)
      kept.lock = { clientId: change.clientId, transaction: change.transaction }
      kept.identifiers = NO_IDENTIFIERS
    }
  }

  #receive(delivery: number): void {
    const kept = this.#deliveries.get(delivery)
    if (kept === undefined || kept.isReceived) return
    kept.isReceived = true
    this.#refer(kept.sequence, -1)
    // PUBREL packets are sent again in the order of the PUBREC packets [MQTT-4.6.0-4].
    this.#move(kept, kept.place)
  }

  #settle(delivery: number): void {
    const kept = this.#deliveries.get(delivery)
    if (kept === undefined) return
    kept.place.delete(delivery)
    this.#deliveries.delete(delivery)
    if (!kept.isReceived) this.#refer(kept.sequence, -1)
  }

  #move(kept: KeptDelivery, place: Place): void {
    kept.place.delete(kept.delivery)
    kept.place = place
    place.set(kept.delivery, kept)
  }

  #placeOf(owner: Owner): Place | null {
    if (owner.kind === 'session') return this.#sessions.get(owner.clientId)?.waiting ?? null
    return this.#groups.get(groupKey(owner))?.waiting ?? null
  }

  #waitingOf(owner: Owner): Place | null {
    return owner.kind === 'session' ? this.#placeOf(owner) : this.#groupOf(owner).waiting
  }

  #groupOf(owner: QueueOwner): KeptGroup {
    const key = groupKey(owner)
    const known = this.#groups.get(key)
    if (known !== undefined) return known
    const group = { owner, waiting: new Map(), settings: '{}' }
    this.#groups.set(key, group)
    return group
  }

  #endGroup(owner: QueueOwner): void {
    const place = this.#placeOf(owner)
    for (const delivery of [...(place?.keys() ?? [])]) this.#settle(delivery)
    for (const { delivery, group } of [...this.#locked.values()]) {
      if (group !== null && groupKey(group) === groupKey(owner)) this.#settle(delivery)
    }
    this.#groups.delete(groupKey(owner))
  }

  #openSession(clientId: string, expiryIntervalSeconds: number): void {
    this.#endSession(clientId)
    this.#sessions.set(clientId, newSession(clientId, expiryIntervalSeconds))
  }

  #endSession(clientId: string): void {
    const session = this.#sessions.get(clientId)
    if (session === undefined) return
    for (const delivery of [...session.sent.keys(), ...session.waiting.keys()]) {
      this.#settle(delivery)
    }
    this.#sessions.delete(clientId)
  }

  #clearRetained(topic: string): void {
    const sequence = this.#retained.get(topic)
    if (sequence === undefined) return
    this.#retained.delete(topic)
    this.#refer(sequence, -1)
  }

  #refer(sequence: number, by: 1 | -1): void {
    const kept = this.#messages.get(sequence)
    assert(kept !== undefined, `message ${sequence} is stored before anything refers to it`)
    kept.references += by
    // A settled message may be queued again within the same group of changes.
    if (kept.references === 0) this.#unreferenced.add(sequence)
  }

  #sessionOf(session: KeptSession): StoredSession {
    const kept = this.#wills.get(session.clientId)
    const waiting = waitingIn(session.waiting)
    return {
      clientId: session.clientId,
      identity: session.identity,
      expiryIntervalSeconds: session.expiryIntervalSeconds,
      expiresAt: session.expiresAt,
      will: kept?.will ?? null,
      willAt: kept?.at ?? null,
      subscriptions: [...session.subscriptions.values()],
      replays: replaysIn(session.replays),
      deliveries: [...session.sent.values(), ...waiting.slice(0, this.#pageMessages)].map(each =>
        this.#deliveryOf(each),
      ),
      remainder: this.#remainderOf(waiting),
      incoming: [...session.incoming],
    }
  }

  #lineOf(place: Place): Pick<StoredSession, 'deliveries' | 'remainder'> {
    const waiting = waitingIn(place)
    return {
      deliveries: waiting.slice(0, this.#pageMessages).map(kept => this.#unsentOf(kept)),
      remainder: this.#remainderOf(waiting),
    }
  }

  #remainderOf(waiting: readonly KeptDelivery[]): Remainder {
    let bytes = 0
    const rest = waiting.slice(this.#pageMessages)
    for (const { sequence, identifiers } of rest) {
      bytes += identifiersBytes(identifiers)
      const message = this.#messages.get(sequence)?.message
      bytes += message === undefined ? 0 : contentBytes(message)
    }
    return { messages: rest.length, bytes }
  }

  /** Returns the delivery as it is queued, whatever a former member of the group was sent. */
  #unsentOf(kept: KeptDelivery): StoredDelivery {
    return { ...this.#deliveryOf(kept), packetId: 0 }
  }

  #deliveryOf(kept: KeptDelivery): StoredDelivery {
    const { delivery, qos, retain, identifiers, packetId, group, handOuts } = kept
    const message = kept.isReceived ? null : (this.#messages.get(kept.sequence)?.message ?? null)
    return { delivery, message, qos, retain, identifiers, packetId, group, handOuts }
  }
}

function reachOf({ partition, log, number }: PartitionReach): PartitionReach {
  return { partition, log, number }
}
