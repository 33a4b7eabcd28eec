// LogState → Snapshot: what a broker begins with. Messages that wait stay where they lie.

import type { Message } from '../../message.ts'
import type { GroupOwner } from '../change.ts'
import { onlyWill, replaysIn } from '../kept-facts.ts'
import { qosIn } from '../message-codec.ts'
import type { Remainder, Snapshot, StoredDelivery, StoredGroup, StoredSession } from '../store.ts'
import {
  type GroupEntry,
  type LogState,
  RETAIN,
  type SentEntry,
  type SessionEntry,
} from './log-state.ts'
import type { WaitingEntry, WaitingLine } from './waiting-line.ts'

type Load = (slot: number) => Message

export function snapshotOf(state: LogState, load: Load): Snapshot {
  const making = new SnapshotMaking(state, load)
  const strangers = [...state.wills].filter(([clientId]) => !state.sessions.has(clientId))
  return {
    sessions: [
      ...[...state.sessions.values()].map(session => making.session(session)),
      ...strangers.map(([clientId, { will, at }]) => onlyWill(clientId, will, at)),
    ],
    groups: [...state.groups.values()]
      .filter(({ waiting }) => waiting.count > 0)
      .map(group => making.group(group)),
    retained: [...state.retained.values()].map(({ slot }) => load(slot)),
    lastSequence: state.lastSequence,
    lastDelivery: state.lastDelivery,
  }
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
  #remainder(line: WaitingLine): Remainder {
    let bytes = 0
    for (const { slot } of line.after(0)) bytes += this.#state.messages.sizeOf(slot)
    return { messages: line.count, bytes }
  }

  #sent(entry: SentEntry): StoredDelivery {
    const message = entry.isReceived ? null : this.#load(entry.slot)
    return this.#delivery(entry, message, entry.packetId, entry.group)
  }

  #delivery(
    { delivery, options }: WaitingEntry,
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
