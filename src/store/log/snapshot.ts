// LogState → Snapshot: what a broker begins with. Messages that wait stay where they lie.

import { identifiersBytes, type Message } from '../../message.ts'
import type { GroupOwner } from '../change.ts'
import { onlyWill, replaysIn } from '../stored-parts.ts'
import { qosIn } from '../message-codec.ts'
import type { SnapshotParts } from '../snapshot-codec.ts'
import type { Remainder, Snapshot, StoredDelivery, StoredGroup, StoredSession } from '../store.ts'
import {
  type GroupEntry,
  IDENTIFIED,
  type LogState,
  RETAIN,
  type SentEntry,
  type SessionEntry,
} from './log-state.ts'
import type { QueuedEntry, DeliveryQueue } from './delivery-queue.ts'

type Load = (slot: number) => Message

export function snapshotOf(state: LogState, load: Load): Snapshot {
  const { sessions, groups, retained, ...numbers } = snapshotParts(state, load)
  return {
    sessions: [...sessions],
    groups: [...groups],
    retained: [...retained],
    ...numbers,
  }
}

/** The same, each part made as it is asked for: whoever writes them one by one never holds them all. */
export function snapshotParts(state: LogState, load: Load): SnapshotParts {
  return {
    sessions: sessionsOf(state, load),
    groups: groupsOf(state, load),
    retained: retainedOf(state, load),
    lastSequence: state.lastSequence,
    lastDelivery: state.lastDelivery,
  }
}

function* sessionsOf(state: LogState, load: Load): Iterable<StoredSession> {
  const making = new SnapshotMaking(state, load)
  for (const session of state.sessions.values()) yield making.session(session)
  for (const [clientId, { will, at }] of state.wills) {
    if (!state.sessions.has(clientId)) yield onlyWill(clientId, will, at)
  }
}

function* groupsOf(state: LogState, load: Load): Iterable<StoredGroup> {
  const making = new SnapshotMaking(state, load)
  for (const group of state.groups.values()) if (group.waiting.count > 0) yield making.group(group)
}

function* retainedOf(state: LogState, load: Load): Iterable<Message> {
  for (const { slot } of state.retained.values()) yield load(slot)
}

class SnapshotMaking {
  readonly #state: LogState
  readonly #load: Load

  constructor(state: LogState, load: Load) {
    this.#state = state
    this.#load = load
  }

  session(session: SessionEntry): StoredSession {
    const { clientId, expiryIntervalSeconds, expiresAt, subscriptions, incoming } = session
    const will = this.#state.wills.get(clientId)
    const sent = [...session.sent.values()].map(entry => this.#sent(entry))
    return {
      clientId,
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

  group({ owner, waiting }: GroupEntry): StoredGroup {
    const { shareName, topicFilter } = owner
    return { shareName, topicFilter, deliveries: [], remainder: this.#remainder(waiting) }
  }

  /** How much waits: it is read when its owner wants it, so that a start needs no memory for it. */
  #remainder(line: DeliveryQueue): Remainder {
    let bytes = 0
    const { messages, identifiers } = this.#state
    for (const { slot, delivery, options } of line.after(0)) {
      bytes += messages.sizeOf(slot)
      const all = (options & IDENTIFIED) === 0 ? undefined : identifiers.get(delivery)
      if (all !== undefined) bytes += identifiersBytes(all)
    }
    return { messages: line.count, bytes }
  }

  #sent(entry: SentEntry): StoredDelivery {
    const message = entry.isReceived ? null : this.#load(entry.slot)
    return this.#delivery(entry, message, entry.packetId, entry.group)
  }

  #delivery(
    { delivery, options }: QueuedEntry,
    message: Message | null,
    packetId: number,
    group: GroupOwner | null,
  ): StoredDelivery {
    return storedDelivery(this.#state, delivery, options, message, packetId, group)
  }
}

export function storedDelivery(
  state: LogState,
  delivery: number,
  options: number,
  message: Message | null,
  packetId: number,
  group: GroupOwner | null,
): StoredDelivery {
  return {
    delivery,
    message,
    qos: qosIn(options),
    retain: (options & RETAIN) !== 0,
    identifiers: state.identifiers.get(delivery) ?? [],
    packetId,
    group,
  }
}
