// Ledger → Snapshot: the state with which a broker starts. Queued messages stay in the log.

import { identifiersBytes, type Message } from '../../message.ts'
import type { GroupOwner, PartitionOwner, QueueOwner } from '../owner.ts'
import { onlyWill, replaysIn } from '../stored-parts.ts'
import { qosIn } from '../message-codec.ts'
import type { SnapshotParts } from '../snapshot-codec.ts'
import type {
  Remainder,
  Snapshot,
  StoredDelivery,
  StoredGroup,
  StoredHeld,
  StoredLock,
  StoredPartition,
  StoredQueue,
  StoredSession,
} from '../store.ts'
import { IDENTIFIED, RETAIN } from './delivery-options.ts'
import type { DeliveryQueue, QueuedEntry } from './delivery-queue.ts'
import { NO_SETTINGS, type SentEntry, type SessionView } from './entries.ts'
import type { Ledger } from './ledger.ts'

type Load = (slot: number) => Message

export function snapshotOf(ledger: Ledger, load: Load): Snapshot {
  const parts = snapshotParts(ledger, load)
  const { sessions, groups, queues, retained, held, decisions, messageIds, locked, ...rest } = parts
  const { partitions, ...numbers } = rest
  return {
    sessions: [...sessions],
    groups: [...groups],
    queues: [...queues],
    retained: [...retained],
    held: [...held],
    decisions: [...decisions],
    messageIds: [...messageIds],
    locked: [...locked],
    partitions: [...partitions],
    ...numbers,
  }
}

/** The same in parts, each made when it is requested, so that they are never all in memory. */
export function snapshotParts(ledger: Ledger, load: Load): SnapshotParts {
  return {
    sessions: sessionsOf(ledger, load),
    groups: groupsOf(ledger, load),
    queues: queuesOf(ledger, load),
    retained: retainedOf(ledger, load),
    held: heldOf(ledger, load),
    decisions: ledger.decisions.all,
    messageIds: ledger.messageIds.all,
    locked: lockedOf(ledger, load),
    partitions: partitionsOf(ledger),
    lastSequence: ledger.lastSequence,
    lastDelivery: ledger.lastDelivery,
  }
}

function* sessionsOf(ledger: Ledger, load: Load): Iterable<StoredSession> {
  const making = new SnapshotMaking(ledger, load)
  for (const session of ledger.sessions.values()) yield making.session(session)
  for (const [clientId, kept] of ledger.wills) {
    if (!ledger.sessions.has(clientId)) yield onlyWill(clientId, kept)
  }
}

function* groupsOf(ledger: Ledger, load: Load): Iterable<StoredGroup> {
  const making = new SnapshotMaking(ledger, load)
  for (const { owner, waiting } of ledger.queues.values()) {
    if (owner.kind === 'group' && waiting.count > 0) yield making.group(owner, waiting)
  }
}

function* queuesOf(ledger: Ledger, load: Load): Iterable<StoredQueue> {
  const making = new SnapshotMaking(ledger, load)
  for (const { owner, waiting, settings } of ledger.queues.values()) {
    if (owner.kind === 'queue') yield making.queue(owner.name, settings, waiting)
  }
}

/** Those of which something is applied here, or that are owed something. */
function* partitionsOf(ledger: Ledger): Iterable<StoredPartition> {
  for (const reach of ledger.partitions.all) {
    const waiting = ledger.waitingFor({ kind: 'partition', partition: reach.partition })
    yield { ...reach, deliveries: [], remainder: remainderOf(ledger, waiting) }
  }
  for (const { owner, waiting } of ledger.queues.values()) {
    if (!isPartition(owner) || waiting.count === 0) continue
    const { partition } = owner
    if (ledger.partitions.get(partition) !== undefined) continue
    const remainder = remainderOf(ledger, waiting)
    yield { partition, log: 0, number: 0, deliveries: [], remainder }
  }
}

/** Each kind must be in some list of the snapshot: the compiler asks here for that of a new one. */
function isPartition(owner: QueueOwner): owner is PartitionOwner {
  switch (owner.kind) {
    case 'group':
    case 'queue':
      return false
    case 'partition':
      return true
  }
}

/** The size of a queue. Its deliveries are read when the owner requests them, so a start needs no memory for them. */
function remainderOf({ messages, identifiers }: Ledger, waiting: DeliveryQueue | null): Remainder {
  let bytes = 0
  waiting?.forEach((delivery, slot, options) => {
    bytes += messages.sizeOf(slot)
    if ((options & IDENTIFIED) !== 0) bytes += identifiersBytes(identifiers.of(delivery))
  })
  return { messages: waiting?.count ?? 0, bytes }
}

function* heldOf(ledger: Ledger, load: Load): Iterable<StoredHeld> {
  for (const { slot, due, key } of ledger.held.values()) yield { message: load(slot), due, key }
}

function* lockedOf(ledger: Ledger, load: Load): Iterable<StoredLock> {
  for (const [delivery, { slot, options, owner, clientId, transaction }] of ledger.locked.all) {
    const stored = storedDelivery(ledger, delivery, options, load(slot), 0, owner)
    yield { delivery: stored, clientId, transaction }
  }
}

function* retainedOf(ledger: Ledger, load: Load): Iterable<Message> {
  for (const { slot } of ledger.retained.values()) yield load(slot)
}

class SnapshotMaking {
  readonly #ledger: Ledger
  readonly #load: Load

  constructor(ledger: Ledger, load: Load) {
    this.#ledger = ledger
    this.#load = load
  }

  session(session: SessionView): StoredSession {
    const { clientId, expiryIntervalSeconds, expiresAt, subscriptions, incoming } = session
    const will = this.#ledger.wills.get(clientId)
    const sent = [...session.sent.values()].map(entry => this.#sent(entry))
    return {
      clientId,
      identity: session.identity,
      expiryIntervalSeconds,
      expiresAt,
      will: will?.will ?? null,
      willAt: will?.at ?? null,
      subscriptions: [...subscriptions.values()],
      replays: replaysIn(session.replays),
      deliveries: sent,
      remainder: remainderOf(this.#ledger, session.waiting),
      incoming: [...incoming],
    }
  }

  group({ kind: _kind, ...name }: GroupOwner, waiting: DeliveryQueue): StoredGroup {
    return { ...name, deliveries: [], remainder: remainderOf(this.#ledger, waiting) }
  }

  queue(name: string, settings: string | null, waiting: DeliveryQueue): StoredQueue {
    const remainder = remainderOf(this.#ledger, waiting)
    return { name, settings: settings ?? NO_SETTINGS, deliveries: [], remainder }
  }

  #sent(entry: SentEntry): StoredDelivery {
    const message = entry.isReceived ? null : this.#load(entry.slot)
    return this.#delivery(entry, message, entry.packetId, entry.from)
  }

  #delivery(
    { delivery, options }: QueuedEntry,
    message: Message | null,
    packetId: number,
    group: QueueOwner | null,
  ): StoredDelivery {
    return storedDelivery(this.#ledger, delivery, options, message, packetId, group)
  }
}

export function storedDelivery(
  ledger: Ledger,
  delivery: number,
  options: number,
  message: Message | null,
  packetId: number,
  group: QueueOwner | null,
): StoredDelivery {
  return {
    delivery,
    message,
    qos: qosIn(options),
    retain: (options & RETAIN) !== 0,
    identifiers: ledger.identifiers.of(delivery),
    packetId,
    group,
    handOuts: ledger.handOuts.of(delivery),
  }
}
