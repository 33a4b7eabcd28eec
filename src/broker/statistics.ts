// The counters of the broker, for the web page, the API and later metrics.

import type { LimitName } from '../limits.ts'
import type { DropReason } from '../session/session-context.ts'

/**
 * How often each limit kept a client from something. Limits of queues and of memory have their counters in `dropped` and in the memory
 * account, those of addresses in `transport/connection-counts.ts`.
 */
function limitedByNone() {
  return {
    // Before CONNECT is accepted.
    connectTimeoutSeconds: 0,
    connectPacketBytesMax: 0,
    authenticationStepsMax: 0,
    clientIdBytesMax: 0,
    clientIdInUse: 0,
    connectsPerSecondMax: 0,
    takeoversPerMinuteMax: 0,
    connectionsPerUserMax: 0,
    sessionsPerUserMax: 0,
    sessionsMax: 0,
    // In a packet.
    packetBytesMax: 0,
    userPropertiesMax: 0,
    topicLevelsMax: 0,
    topicAliasMax: 0,
    topicAliasBytesMax: 0,
    receiveToleratedMax: 0,
    // In number.
    subscriptionsPerClientMax: 0,
    subscriptionsPerUserMax: 0,
    ...limitedInMessaging(),
    filterShapesMax: 0,
    filterShapesPerClientMax: 0,
    shareGroupsPerTopicMax: 0,
    retainedMessagesMax: 0,
    retainedBytesMax: 0,
    retainedMessagesPerUserMax: 0,
    retainedBytesPerUserMax: 0,
    controlBytesMax: 0,
    controlWaitingMax: 0,
    dynamicSecurityNamesMax: 0,
    // In time.
    messagesPerSecondMax: 0,
    bytesPerSecondMax: 0,
    messagesPerSecondPerUserMax: 0,
    bytesPerSecondPerUserMax: 0,
    slowedSecondsMax: 0,
    stalledSecondsMax: 0,
    outgoingMessagesPerSecondMax: 0,
    outgoingBytesPerSecondMax: 0,
    outgoingMessagesPerSecondPerUserMax: 0,
    outgoingBytesPerSecondPerUserMax: 0,
  } satisfies Partial<Record<LimitName, number>>
}

/** The same of what plain MQTT does not have. */
function limitedInMessaging() {
  return {
    conflatedTopicsMax: 0,
    conflatedBytesMax: 0,
    expressionsPerClientMax: 0,
    expressionsMax: 0,
    namedQueuesMax: 0,
    namedQueuesPerUserMax: 0,
    delayedMessagesMax: 0,
    delayedMessagesPerClientMax: 0,
    delayedMessagesPerUserMax: 0,
    delayedBytesMax: 0,
    delayedBytesPerUserMax: 0,
    delayedSecondsMax: 0,
    transactionMessagesMax: 0,
    transactionBytesMax: 0,
    transactionsBytesMax: 0,
    transactionsBytesPerUserMax: 0,
    transactionsPerClientMax: 0,
    transactionSecondsMax: 0,
    transactionDecideWithinSeconds: 0,
    transactionDeliveriesMax: 0,
    transactionNamesPerClientMax: 0,
    transactionNamesPerUserMax: 0,
    transactionNamesMax: 0,
    dedupePerClientMax: 0,
    dedupePerUserMax: 0,
    dedupeMax: 0,
    dedupeIdBytesMax: 0,
    transactionNamesKeptSeconds: 0,
  } satisfies Partial<Record<LimitName, number>>
}

type OverloadAction =
  | 'connectsSlowed'
  | 'connectsRefused'
  | 'receiveMaxLowered'
  | 'publishersPaused'
  | 'consumersClosed'

// Wide on purpose: each field is one counter, and there are no methods.
export class Statistics {
  connectionsAccepted = 0
  connectionsRefused = 0
  connectionsLost = 0
  /** Connections that were closed before CONNECT, to make room for others. */
  strangersClosed = 0
  sessionsTakenOver = 0
  /** Client ids whose connections ended each other too often. */
  clientIdsContested = 0
  /** CONNECT packets that were refused because too many came at once. */
  connectsGivenUp = 0
  sessionsExpired = 0
  packetsReceived = 0
  packetsSent = 0
  bytesReceived = 0
  bytesSent = 0
  messagesReceived = 0
  messagesSent = 0
  /** Bytes of payloads. */
  publishBytesReceived = 0
  publishBytesSent = 0
  messagesUnmatched = 0
  /** Matches whose subscriptions did not want the message, by their expressions. */
  messagesFiltered = 0
  /** Messages for conflated subscriptions whose place a newer one of the topic has taken. */
  messagesConflated = 0
  publishesRefused = 0
  /** PUBLISH packets of clients of MQTT 3 that had to wait, because the queue of a subscriber was full. */
  publishesHeld = 0
  subscribesRefused = 0
  unsubscribesRefused = 0
  subscriptionsRevoked = 0
  willsPublished = 0
  /** Delayed messages that were published when they were due. */
  delayedPublished = 0
  transactionsCommitted = 0
  transactionsAborted = 0
  /** Transactions that a commit or a prepare has ended without applying anything. */
  transactionsRefused = 0
  /** Transactions that were not decided when their client left, or when their time was over. */
  transactionsForgotten = 0
  protocolErrors = 0
  /** Faults of the broker itself that ended one connection. */
  internalErrors = 0
  /** Exceptions of supplied code that were contained: permissions, authentication, hooks, observers, logs, streams. */
  hookErrors = 0
  /** Hooks that did not answer in time. They are among the errors as well. */
  hookTimeouts = 0
  /** Packets of clients that had to wait for the answer of a hook. */
  hookWaits = 0
  readonly limited: ReturnType<typeof limitedByNone> = limitedByNone()
  /** What was done because of overload, and how often. Messages of QoS 0 that were not sent are in `dropped.overload`. */
  readonly overload: Record<OverloadAction, number> = {
    connectsSlowed: 0,
    connectsRefused: 0,
    receiveMaxLowered: 0,
    publishersPaused: 0,
    consumersClosed: 0,
  }
  readonly dropped: Record<DropReason, number> = {
    'queue-full': 0,
    'user-queues-full': 0,
    'memory-full': 0,
    'outbox-full': 0,
    'rate-reached': 0,
    overload: 0,
    'client-away': 0,
    'message-expired': 0,
    'packet-too-large': 0,
    'session-ended': 0,
    'group-ended': 0,
    'queue-ended': 0,
    'queue-purged': 0,
    replaced: 0,
    'deliveries-used-up': 0,
    'not-authorized': 0,
    'will-refused': 0,
    'no-right-to-receive': 0,
    'author-lost-right': 0,
    'no-packet-identifier': 0,
    'dropped-by-hook': 0,
    duplicate: 0,
  }
}
