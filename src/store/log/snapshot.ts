// LogState → Snapshot: what a broker begins with. Of long waiting lines it has the first page; the rest stays where
// it lies.

import type { Message } from '../../message.ts'
import type { GroupOwner } from '../change.ts'
import { qosIn } from '../message-codec.ts'
import type { Remainder, Snapshot, StoredDelivery, StoredGroup, StoredSession } from '../store.ts'
import {
  type GroupEntry,
  type LogState,
  RETAIN,
  type SentEntry,
  type SessionEntry,
  type WillEntry,
} from './log-state.ts'
import type { WaitingEntry, WaitingLine } from './waiting-line.ts'

export interface PageBounds {
  readonly pageMessages: number
  readonly pageBytes: number
}

type Load = (slot: number) => Message

export function snapshotOf(state: LogState, bounds: PageBounds, load: Load): Snapshot {
  const making = new SnapshotMaking(state, bounds, load)
  const strangers = [...state.wills].filter(([clientId]) => !state.sessions.has(clientId))
  return {
    sessions: [
      ...[...state.sessions.values()].map(session => making.session(session)),
      ...strangers.map(([clientId, will]) => onlyWill(clientId, will)),
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
  readonly #bounds: PageBounds
  readonly #load: Load

  constructor(state: LogState, bounds: PageBounds, load: Load) {
    this.#state = state
    this.#bounds = bounds
    this.#load = load
  }

  session(session: SessionEntry): StoredSession {
    const { clientId, expiryIntervalSeconds, expiresAt, subscriptions, incoming } = session
    const will = this.#state.wills.get(clientId)
    const { first, remainder } = this.#line(session.waiting, null)
    const sent = [...session.sent.values()].map(entry => this.#sent(entry))
    return {
      clientId,
      expiryIntervalSeconds,
      expiresAt,
      will: will?.will ?? null,
      willAt: will?.at ?? null,
      subscriptions: [...subscriptions.values()],
      deliveries: [...sent, ...first],
      remainder,
      incoming: [...incoming],
    }
  }

  group({ owner, waiting }: GroupEntry): StoredGroup {
    const { first, remainder } = this.#line(waiting, owner)
    const { shareName, topicFilter } = owner
    return { shareName, topicFilter, deliveries: first, remainder }
  }

  #line(
    line: WaitingLine,
    group: GroupOwner | null,
  ): { readonly first: StoredDelivery[]; readonly remainder: Remainder } {
    const { pageMessages, pageBytes } = this.#bounds
    const first: StoredDelivery[] = []
    let bytes = 0
    const remainder = { messages: 0, bytes: 0 }
    for (const entry of line.after(0)) {
      const size = this.#state.messages.sizeOf(entry.slot)
      if (first.length < pageMessages && bytes < pageBytes) {
        first.push(this.#delivery(entry, this.#load(entry.slot), 0, group))
        bytes += size
      } else {
        remainder.messages += 1
        remainder.bytes += size
      }
    }
    return { first, remainder }
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

/** A client whose session was not to outlive its connection, but whose will was. */
function onlyWill(clientId: string, { will, at }: WillEntry): StoredSession {
  return {
    clientId,
    expiryIntervalSeconds: 0,
    expiresAt: null,
    will,
    willAt: at,
    subscriptions: [],
    deliveries: [],
    remainder: { messages: 0, bytes: 0 },
    incoming: [],
  }
}
