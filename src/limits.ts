// Everything that may grow, and how far. Defaults and ranges stand in `config/config.ts`.

export type QueueOverflow = 'drop-oldest' | 'drop-newest'

export interface Limits {
  /** Largest packet from a client that is connected. */
  readonly packetBytesMax: number
  /** Largest first packet: what a stranger may send. */
  readonly connectPacketBytesMax: number
  readonly connectTimeoutSeconds: number
  readonly clientIdBytesMax: number
  readonly topicLevelsMax: number
  /** Of one set of properties. A will has a set of its own. */
  readonly userPropertiesMax: number
  /** Topic aliases that a client may set. */
  readonly topicAliasMax: number
  /** Bytes of the topics that a client may set aliases for, and the broker towards it. */
  readonly topicAliasBytesMax: number
  /** Topic aliases that the broker sets towards a client which allows them. */
  readonly outgoingTopicAliasMax: number
  /** PUBLISH of QoS 1 and 2 that a client of MQTT 5 may have unacknowledged: the Receive Maximum of CONNACK. */
  readonly receiveMax: number
  /** So many that it has unacknowledged all the same are tolerated: programs in daily use do not look at the Receive Maximum. */
  readonly receiveToleratedMax: number
  /** PUBLISH of QoS 1 and 2 that the broker sends a client before the first is settled. */
  readonly inFlightMax: number
  /** Topics, payloads and properties of the same: beyond it a client is sent one at a time. */
  readonly inFlightBytesMax: number
  readonly queuedMessagesMax: number
  readonly queuedBytesMax: number
  readonly queueOverflow: QueueOverflow
  /** Of one waiting line; what waits behind them for a durable session stays in the store. */
  readonly queuedInMemoryMax: number
  readonly queuedInMemoryBytesMax: number
  readonly queueQoS0WhileAway: boolean
  readonly sessionExpirySecondsMax: number
  /** 0 for no limit. */
  readonly keepAliveSecondsMax: number
  readonly subscriptionsPerClientMax: number
  /** Ways in which the `+` of filters stand, see `routing/filter-shapes.ts`: it bounds the search for any topic. */
  readonly filterShapesMax: number
  /** Those of them that one client may have brought in. */
  readonly filterShapesPerClientMax: number
  readonly retainedMessagesMax: number
  /** Topics, payloads and properties of retained messages, and what it takes to find them. */
  readonly retainedBytesMax: number
  readonly sessionsMax: number
  /** What all clients together may keep of the heap, and of memory outside of it: see `MemoryAccount`. */
  readonly keptHeapBytesMax: number
  readonly keptBufferBytesMax: number
  /** Bytes that may wait for one socket; QoS 0 beyond them is dropped and counted. */
  readonly outboxBytesMax: number
  /**
   * A connection's share of a turn. A packet is 2 units, a delivery 1 at QoS 0 and 2 above, a filter 4, and a durable
   * fact 8 more: about a microsecond each six on the machine that they were weighed on.
   */
  readonly turnWorkMax: number
  /** The same of all connections together: it bounds how long the event loop is away from everything else. */
  readonly turnWorkTotalMax: number
}

/** What work weighs, in units of very roughly a sixth of a microsecond: see `turnWorkMax`. */
export const WORK = {
  packet: 2,
  deliveryQoS0: 1,
  deliveryAcknowledged: 2,
  durableFact: 8,
  /** A share group that a message is owed to: it chooses a member. */
  groupDelivery: 20,
  /** A message that waited in a share group and is handed to a member, and one that is stored later. */
  groupHanding: 2,
  groupStoring: 18,
  /** A message that is looked at in a queue, or a key of a share group. */
  queueLook: 1,
  /** A filter that is entered or left. */
  filter: 4,
  /** A retained message that is sent, besides the topics that were looked at for it. */
  retainedMessage: 5,
} as const

/** Nodes and filters that a search comes by in one unit of work, as a power of two. */
export const LOOKS_A_UNIT_BITS = 1
/** Subscription Identifiers of one delivery, or overlapping subscriptions that are merged anew, as a power of two. */
export const OVERLAPS_A_UNIT_BITS = 2
/** Characters of a filter or a retained topic that are entered or left in one unit, level by level, as a power of two. */
export const PATH_CHARACTERS_A_UNIT_BITS = 4
