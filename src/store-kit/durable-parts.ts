// The parts of DurableState: what it keeps of messages, deliveries, sessions and queues.

import type { Message } from '../message.ts'
import type { QoS } from '../packet/packet.ts'
import type { QueueOwner } from '../store/change.ts'
import type { HandOuts } from '../store/store.ts'
import type { PlainSession } from './durable-clients.ts'

export interface KeptMessage {
  readonly message: Message
  /** The number of deliveries and retained topics that refer to it. */
  references: number
}

export interface KeptDelivery {
  readonly delivery: number
  readonly sequence: number
  qos: QoS
  retain: boolean
  identifiers: readonly number[]
  /** The options with which the share group queued it, whatever a member was sent. */
  readonly queuedQos: QoS
  readonly queuedRetain: boolean
  readonly group: QueueOwner | null
  handOuts: HandOuts | null
  packetId: number
  isReceived: boolean
  /** QoS 2, sent to a member without a stored session: it goes to no other member [MQTT-4.8.2-5]. */
  isBegun: boolean
  place: Place
  /** The prepared transaction that has locked it; null for none. */
  lock: { readonly clientId: string; readonly transaction: string } | null
}

/** The deliveries of a session or share group. */
export type Place = Map<number, KeptDelivery>

export interface KeptSession extends PlainSession {
  /** Sent deliveries, in the order of sending again. */
  readonly sent: Place
  readonly waiting: Place
}

/** A share group or a named queue. */
export interface KeptGroup {
  readonly owner: QueueOwner
  readonly waiting: Place
  settings: string
}

export function groupKey(owner: QueueOwner): string {
  if (owner.kind === 'queue') return owner.name
  if (owner.kind === 'partition') return `\0partition/${owner.partition}`
  return `${owner.shareName}/${owner.topicFilter}\0${owner.where ?? ''}`
}

export function newSession(clientId: string, expiryIntervalSeconds: number): KeptSession {
  return {
    clientId,
    identity: null,
    expiryIntervalSeconds,
    expiresAt: null,
    subscriptions: new Map(),
    replays: new Map(),
    sent: new Map(),
    waiting: new Map(),
    incoming: new Set(),
  }
}

/** Sorts by number, so that a delivery that came back to a group has its old place. */
export function waitingIn(place: Place): readonly KeptDelivery[] {
  return (
    [...place.values()]
      // A QoS 2 delivery to a former member of the group goes to no other [MQTT-4.8.2-5].
      .filter(({ isBegun }) => !isBegun)
      .sort((one, other) => one.delivery - other.delivery)
  )
}
