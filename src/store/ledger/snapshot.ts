// Ledger → Snapshot: the state with which a broker starts. Queued messages stay in the log.

import { identifiersBytes, type Message } from '../../message.ts'
import type { QueueOwner } from '../owner.ts'
import { onlyWill, replaysIn } from '../stored-parts.ts'
import { qosIn } from '../message-codec.ts'
import type { SnapshotParts } from '../snapshot-codec.ts'
import type { Remainder, Snapshot, StoredDelivery, StoredGroup, StoredSession } from '../store.ts'
import { IDENTIFIED, RETAIN } from './delivery-options.ts'
import type { DeliveryQueue, QueuedEntry } from './delivery-queue.ts'
import type { QueueEntry, SentEntry, SessionView } from './entries.ts'
import type { Ledger } from './ledger.ts'

type Load = (slot: number) => Message

export function snapshotOf(ledger: Ledger, load: Load): Snapshot {
  const { sessions, groups, retained, ...numbers } = snapshotParts(ledger, load)
  return {
    sessions: [...sessions],
    groups: [...groups],
    retained: [...retained],
    ...numbers,
  }
}

/** The same in parts, each made when it is requested, so that they are never all in memory. */
export function snapshotParts(ledger: Ledger, load: Load): SnapshotParts {
  return {
    sessions: sessionsOf(ledger, load),
    groups: groupsOf(ledger, load),
    retained: retainedOf(ledger, load),
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
  for (const group of ledger.queues.values()) if (group.waiting.count > 0) yield making.queue(group)
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
      remainder: this.#remainder(session.waiting),
      incoming: [...incoming],
    }
  }

  queue({ owner, waiting }: QueueEntry): StoredGroup {
    const { shareName, topicFilter } = owner
    return { shareName, topicFilter, deliveries: [], remainder: this.#remainder(waiting) }
  }

  /** The size of the queue. Its deliveries are read when the owner requests them, so a start needs no memory for them. */
  #remainder(line: DeliveryQueue): Remainder {
    let bytes = 0
    const { messages, identifiers } = this.#ledger
    line.forEach((delivery, slot, options) => {
      bytes += messages.sizeOf(slot)
      if ((options & IDENTIFIED) !== 0) bytes += identifiersBytes(identifiers.of(delivery))
    })
    return { messages: line.count, bytes }
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
  }
}
