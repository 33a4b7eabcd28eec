// The broker's state in figures, for whoever wants to show it: the web page, and later metrics and $SYS.

import type { Broker } from '../broker/broker.ts'
import type { Durability, Store } from '../store/store.ts'

export interface Status {
  readonly uptimeSeconds: number
  /** What an acknowledgement promises: `fsync`, `os` or `memory`. */
  readonly durability: Durability
  readonly storeIsFull: boolean
  readonly clientsConnected: number
  readonly sessions: number
  readonly subscriptions: number
  readonly retainedMessages: number
  readonly retainedBytes: number
  /** What all clients together keep, and the bounds of it; and how often that was refused or dropped. */
  readonly keptHeapBytes: number
  readonly keptHeapBytesMax: number
  readonly keptBufferBytes: number
  readonly keptBufferBytesMax: number
  /** Those of the heap by kind; see KeptKind. */
  readonly kept: Readonly<Record<string, number>>
  readonly keptRefusals: number
  readonly messagesReceived: number
  readonly messagesSent: number
  readonly bytesReceived: number
  readonly bytesSent: number
  /** By reason; see DropReason. */
  readonly dropped: Readonly<Record<string, number>>
  readonly publishesRefused: number
  readonly subscriptionsRefused: number
  readonly protocolErrors: number
}

export function statusOf(broker: Broker, store: Store, uptimeSeconds: number): Status {
  const { statistics, kept } = broker
  return {
    uptimeSeconds,
    durability: store.durability,
    storeIsFull: store.isFull,
    clientsConnected: broker.sessions.connectedCount,
    sessions: broker.sessions.count,
    subscriptions: broker.subscriptionCount,
    retainedMessages: broker.retained.count,
    retainedBytes: broker.retained.bytes,
    keptHeapBytes: kept.heapBytes,
    keptHeapBytesMax: broker.limits.keptHeapBytesMax,
    keptBufferBytes: kept.bufferBytes,
    keptBufferBytesMax: broker.limits.keptBufferBytesMax,
    kept: kept.kinds,
    keptRefusals: kept.refusals,
    messagesReceived: statistics.messagesReceived,
    messagesSent: statistics.messagesSent,
    bytesReceived: statistics.bytesReceived,
    bytesSent: statistics.bytesSent,
    dropped: { ...statistics.dropped },
    publishesRefused: statistics.publishesRefused,
    subscriptionsRefused: statistics.subscriptionsRefused,
    protocolErrors: statistics.protocolErrors,
  }
}
