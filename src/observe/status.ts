// The broker's state in figures: for the web page, `/api/v1/status`, `/metrics`, `$SYS` and `pondhawk status`.

import type { Broker } from '../broker/broker.ts'
import type { Durability, Store } from '../store/store.ts'
import type { FrontEndStatus } from './front-end-metrics.ts'

export interface Status {
  readonly uptimeSeconds: number
  /** What an acknowledged message survives: see `store.durability` of the configuration. */
  readonly durability: Durability
  readonly storeIsFull: boolean
  /** 0 to 3: the highest of all sensors, and each of them. */
  readonly overloadLevel: number
  readonly overload: Readonly<Record<string, number>>
  /** What was done because of overload, and how often. */
  readonly overloadActions: Readonly<Record<string, number>>
  readonly clientsConnected: number
  readonly sessions: number
  readonly subscriptions: number
  readonly sharedSubscriptions: number
  readonly retainedMessages: number
  readonly retainedBytes: number
  /** Memory that all clients together keep, and its bounds. */
  readonly keptHeapBytes: number
  readonly keptHeapBytesMax: number
  readonly keptBufferBytes: number
  readonly keptBufferBytesMax: number
  /** The heap bytes by kind; see MemoryKind. */
  readonly kept: Readonly<Record<string, number>>
  readonly keptRefusals: number
  /** Messages that wait in the queues of clients and share groups; counted every few seconds. */
  readonly queuedMessages: number
  readonly queuedBytes: number
  /** Packets of all types. */
  readonly packetsReceived: number
  readonly packetsSent: number
  readonly sessionsExpired: number
  readonly messagesReceived: number
  readonly messagesSent: number
  readonly bytesReceived: number
  readonly bytesSent: number
  readonly publishBytesReceived: number
  readonly publishBytesSent: number
  /** By reason; see DropReason. */
  readonly dropped: Readonly<Record<string, number>>
  /** How often each limit was reached, by its name in the configuration. */
  readonly limited: Readonly<Record<string, number>>
  /** 1 for each bridge that is connected, by its name; 0 for each that is not. */
  readonly bridges: Readonly<Record<string, number>>
  /** The processes that have the sockets of clients; none where the broker's own has them. */
  readonly frontEnds: readonly FrontEndStatus[]
  /** Sessions that another connection has taken over. */
  readonly sessionsTakenOver: number
  /** Client ids that reached `limits.takeoversPerMinuteMax`. */
  readonly clientIdsContested: number
  /** CONNECT packets that wait now, and those that were refused because too many came at once. */
  readonly connectsWaiting: number
  readonly connectsGivenUp: number
  readonly publishesRefused: number
  /** PUBLISH packets of clients of MQTT 3 that had to wait, because the queue of a subscriber was full. */
  readonly publishesHeld: number
  readonly messagesFiltered: number
  readonly messagesConflated: number
  readonly delayedMessages: number
  /** Transactions that have staged something, and those that are prepared. */
  readonly transactionsOpen: number
  readonly transactionsUndecided: number
  readonly transactionsCommitted: number
  readonly transactionsAborted: number
  /** Those that a commit or a prepare has ended without applying anything. */
  readonly transactionsRefused: number
  /** Those that were not decided when their client left, or when their time was over. */
  readonly transactionsForgotten: number
  readonly messageIds: number
  readonly subscribesRefused: number
  readonly unsubscribesRefused: number
  readonly subscriptionsRevoked: number
  /** Connections that were closed before CONNECT, to make room for others. */
  readonly strangersClosed: number
  readonly protocolErrors: number
  /** Log lines that were not printed, because their reader was too slow. */
  readonly logLinesLeftOut: number
  /** Faults of the broker itself that ended one connection. */
  readonly internalErrors: number
  /** Exceptions of handlers, rules and stores that an embedding program supplied. */
  readonly hookErrors: number
  /** Hooks that did not answer in time. */
  readonly hookTimeouts: number
  /** Packets that had to wait for the answer of a hook. */
  readonly hookWaits: number
  /** Counters of logins and rules; empty without authentication. */
  readonly access: Readonly<Record<string, number>>
}

type Figure = {
  [Name in keyof Status]: Status[Name] extends number ? Name : never
}[keyof Status]

/** The numbers of the page, with a description of each. `/api/v1/status` has the same numbers. */
export const FIGURES: readonly {
  readonly name: Exclude<Figure, 'uptimeSeconds'>
  readonly label: string
  readonly counts: string
}[] = [
  {
    name: 'clientsConnected',
    label: 'Clients connected',
    counts: 'Clients that were let in and are connected now',
  },
  {
    name: 'sessions',
    label: 'Sessions',
    counts: 'Sessions of clients that are connected, and of those that are away',
  },
  {
    name: 'subscriptions',
    label: 'Subscriptions',
    counts: 'Subscriptions of these sessions; each member of a share group has its own',
  },
  {
    name: 'sharedSubscriptions',
    label: 'Shared subscriptions',
    counts: 'Those of them that begin with $share',
  },
  {
    name: 'retainedMessages',
    label: 'Retained messages',
    counts: 'Retained messages, without those of the broker itself in $SYS',
  },
  {
    name: 'queuedMessages',
    label: 'Messages waiting',
    counts: 'Messages in the queues of clients and share groups, counted every 5 seconds',
  },
  {
    name: 'queuedBytes',
    label: 'Bytes waiting',
    counts: 'What these messages weigh, as the bounds of queues count it',
  },
  {
    name: 'packetsReceived',
    label: 'Packets received',
    counts: 'Packets of MQTT from clients, of all types',
  },
  {
    name: 'packetsSent',
    label: 'Packets sent',
    counts: 'Packets of MQTT to clients, of all types',
  },
  {
    name: 'sessionsExpired',
    label: 'Sessions expired',
    counts: 'Sessions that ended because their client did not come back in time',
  },
  {
    name: 'messagesReceived',
    label: 'Messages received',
    counts: 'PUBLISH packets from clients since the start',
  },
  {
    name: 'messagesSent',
    label: 'Messages sent',
    counts: 'PUBLISH packets to clients since the start',
  },
  { name: 'bytesReceived', label: 'Bytes received', counts: 'Bytes of MQTT from clients' },
  { name: 'bytesSent', label: 'Bytes sent', counts: 'Bytes of MQTT to clients' },
  {
    name: 'publishBytesReceived',
    label: 'Payload received',
    counts: 'Bytes of payloads from clients',
  },
  { name: 'publishBytesSent', label: 'Payload sent', counts: 'Bytes of payloads to clients' },
  {
    name: 'sessionsTakenOver',
    label: 'Sessions taken over',
    counts: 'Connections that ended because another one came with the same client id',
  },
  {
    name: 'clientIdsContested',
    label: 'Client ids contested',
    counts: 'Client ids that two devices seem to use: limits.takeoversPerMinuteMax',
  },
  {
    name: 'connectsWaiting',
    label: 'Connects waiting',
    counts: 'CONNECT packets that wait now: limits.connectsPerSecondMax',
  },
  {
    name: 'connectsGivenUp',
    label: 'Connects given up',
    counts: 'CONNECT packets that were refused because too many came at once',
  },
  {
    name: 'overloadLevel',
    label: 'Overload',
    counts: 'Level of overload, from 0 to 3: the broker does less at each level (overload)',
  },
  {
    name: 'publishesRefused',
    label: 'Publishes refused',
    counts: 'PUBLISH packets without a right, a valid topic, or room',
  },
  {
    name: 'publishesHeld',
    label: 'Publishes held',
    counts: 'PUBLISH packets of MQTT 3 that waited for room in a queue (limits.queueOverflow)',
  },
  {
    name: 'delayedMessages',
    label: 'Delayed messages',
    counts: 'Messages to $delayed/ that are not due',
  },
  {
    name: 'transactionsOpen',
    label: 'Transactions open',
    counts: 'Transactions that have staged something and are not decided',
  },
  {
    name: 'transactionsUndecided',
    label: 'Transactions undecided',
    counts: 'Prepared transactions that wait for a decision',
  },
  {
    name: 'transactionsCommitted',
    label: 'Transactions committed',
    counts: 'Transactions of which everything was published',
  },
  {
    name: 'transactionsAborted',
    label: 'Transactions aborted',
    counts: 'Transactions that their client, an operator or the time has aborted',
  },
  {
    name: 'transactionsRefused',
    label: 'Transactions refused',
    counts: 'Transactions that a commit or a prepare has ended without applying anything',
  },
  {
    name: 'transactionsForgotten',
    label: 'Transactions forgotten',
    counts:
      'Transactions that were not decided when their client left, or when their time was over',
  },
  {
    name: 'messageIds',
    label: 'Message ids',
    counts: 'Values of $message-id that are remembered',
  },
  {
    name: 'messagesFiltered',
    label: 'Messages filtered',
    counts: 'Matches whose subscriptions did not want the message, by their expressions',
  },
  {
    name: 'messagesConflated',
    label: 'Messages conflated',
    counts: 'Messages for conflated subscriptions whose place a newer one of the topic has taken',
  },
  {
    name: 'protocolErrors',
    label: 'Protocol errors',
    counts: 'Connections that ended because their client broke the protocol',
  },
  {
    name: 'strangersClosed',
    label: 'Strangers closed',
    counts: 'Connections closed before CONNECT, because another one found no room',
  },
  {
    name: 'subscribesRefused',
    label: 'Subscriptions refused',
    counts: 'Filters that SUBACK refused: no right, or over a limit',
  },
  {
    name: 'unsubscribesRefused',
    label: 'Unsubscribes refused',
    counts: 'Filters that UNSUBACK refused: no right. Their subscriptions stay',
  },
  {
    name: 'subscriptionsRevoked',
    label: 'Subscriptions revoked',
    counts: 'Subscriptions that were removed because users or rules have changed',
  },
  {
    name: 'internalErrors',
    label: 'Internal errors',
    counts: 'Faults of the broker itself that ended one connection',
  },
  {
    name: 'hookErrors',
    label: 'Errors of hooks',
    counts: 'Throws of what an embedding program or an author of rules gave the broker',
  },
  {
    name: 'hookTimeouts',
    label: 'Time-outs of hooks',
    counts: 'Hooks of an embedding program that did not answer in time',
  },
  {
    name: 'hookWaits',
    label: 'Packets that waited for hooks',
    counts: 'PUBLISH and SUBSCRIBE packets that waited for the answer of a hook',
  },
  {
    name: 'retainedBytes',
    label: 'Retained bytes',
    counts: 'What the retained messages weigh: topics, payloads and properties',
  },
  {
    name: 'keptHeapBytes',
    label: 'Heap kept',
    counts: 'What clients keep in the heap of the process',
  },
  {
    name: 'keptHeapBytesMax',
    label: 'Heap kept at most',
    counts: 'limits.keptHeapBytesMax: what would grow it is refused beyond',
  },
  {
    name: 'keptBufferBytes',
    label: 'Buffers kept',
    counts: 'What clients keep in memory outside of the heap',
  },
  {
    name: 'keptBufferBytesMax',
    label: 'Buffers kept at most',
    counts: 'limits.keptBufferBytesMax: what would grow it is refused beyond',
  },
  {
    name: 'keptRefusals',
    label: 'Refused for memory',
    counts: 'What was refused because the memory for what clients keep was full',
  },
  {
    name: 'logLinesLeftOut',
    label: 'Log lines left out',
    counts: 'Log lines that were not printed, because whoever reads them was too slow',
  },
]

interface StatusSources {
  readonly broker: Broker
  readonly store: Store
  readonly uptimeSeconds: number
  readonly logLinesLeftOut: number
  readonly access: Status['access']
  /** Limits of connections, which the broker does not see. */
  readonly limited: Status['limited']
  readonly connectsWaiting: number
  readonly bridges: Status['bridges']
  readonly frontEnds: Status['frontEnds']
  readonly queuedMessages: number
  readonly queuedBytes: number
}

export function statusOf(sources: StatusSources): Status {
  const { broker, store, uptimeSeconds, logLinesLeftOut, access } = sources
  const { statistics, memory } = broker
  return {
    uptimeSeconds,
    durability: store.durability,
    storeIsFull: store.isFull || broker.overload.isDiskFull,
    overloadLevel: broker.overload.level,
    overload: broker.overload.levels,
    overloadActions: statistics.overload,
    clientsConnected: broker.sessions.connectedCount,
    sessions: broker.sessions.count,
    subscriptions: broker.subscriptions.count,
    sharedSubscriptions: broker.subscriptions.sharedCount,
    retainedMessages: broker.retainedCount,
    retainedBytes: broker.retained.bytes,
    keptHeapBytes: memory.heapBytes,
    keptHeapBytesMax: broker.limits.keptHeapBytesMax,
    keptBufferBytes: memory.bufferBytes,
    keptBufferBytesMax: broker.limits.keptBufferBytesMax,
    kept: memory.kinds,
    keptRefusals: memory.refusals,
    queuedMessages: sources.queuedMessages,
    queuedBytes: sources.queuedBytes,
    packetsReceived: statistics.packetsReceived,
    packetsSent: statistics.packetsSent,
    sessionsExpired: statistics.sessionsExpired,
    messagesReceived: statistics.messagesReceived,
    messagesSent: statistics.messagesSent,
    bytesReceived: statistics.bytesReceived,
    bytesSent: statistics.bytesSent,
    publishBytesReceived: statistics.publishBytesReceived,
    publishBytesSent: statistics.publishBytesSent,
    dropped: { ...statistics.dropped },
    limited: { ...sources.limited, ...statistics.limited },
    bridges: sources.bridges,
    frontEnds: sources.frontEnds,
    sessionsTakenOver: statistics.sessionsTakenOver,
    clientIdsContested: statistics.clientIdsContested,
    connectsWaiting: sources.connectsWaiting,
    connectsGivenUp: statistics.connectsGivenUp,
    publishesRefused: statistics.publishesRefused,
    publishesHeld: statistics.publishesHeld,
    messagesFiltered: statistics.messagesFiltered,
    messagesConflated: statistics.messagesConflated,
    delayedMessages: broker.delayed.count,
    ...transactionFigures(broker),
    messageIds: broker.messageIds.count,
    subscribesRefused: statistics.subscribesRefused,
    unsubscribesRefused: statistics.unsubscribesRefused,
    subscriptionsRevoked: statistics.subscriptionsRevoked,
    strangersClosed: statistics.strangersClosed,
    protocolErrors: statistics.protocolErrors,
    logLinesLeftOut,
    internalErrors: statistics.internalErrors,
    hookErrors: statistics.hookErrors,
    hookTimeouts: statistics.hookTimeouts,
    hookWaits: statistics.hookWaits,
    access,
  }
}

function transactionFigures({ transactions, statistics }: Broker) {
  return {
    transactionsOpen: transactions.count,
    transactionsUndecided: transactions.undecided.count,
    transactionsCommitted: statistics.transactionsCommitted,
    transactionsAborted: statistics.transactionsAborted,
    transactionsRefused: statistics.transactionsRefused,
    transactionsForgotten: statistics.transactionsForgotten,
  }
}
