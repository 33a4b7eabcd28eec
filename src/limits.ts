// The limits of everything that can grow. Each limit is declared here, or in `messaging-limits.ts`. The configuration's schema, its
// reference page and its types are made from this table (`npm run reference`).

import { GIBIBYTE, MESSAGING_LIMITS, TEBIBYTE, whole } from './messaging-limits.ts'

type QueueOverflow = 'drop-newest' | 'drop-oldest' | 'refuse'

type ClientIdInUse = 'take-over' | 'refuse'

export const LIMITS = {
  // The minimum lets every packet type through: the smallest useful SUBSCRIBE, and DISCONNECT with an expiry, have 9 bytes.
  packetBytesMax: whole(
    16_777_216,
    9,
    268_435_455,
    'Largest packet from a client; CONNACK tells it to clients of MQTT 5',
  ),
  // The minimum is the size of a CONNECT of 3.1 with a client id of one character.
  connectPacketBytesMax: whole(
    65_536,
    17,
    1_048_576,
    'Largest CONNECT: a packet of a client that is not authenticated yet',
  ),
  connectTimeoutSeconds: whole(
    10,
    1,
    600,
    'Time from the start of a connection to its CONNECT, with PROXY header, TLS and WebSocket; as much again for the authentication',
  ),
  authenticationStepsMax: whole(
    8,
    1,
    1_000,
    'Packets of a client in one enhanced authentication: CONNECT and AUTH, or AUTH alone',
  ),
  /** See `StrangerBudget`. */
  strangerBytesMax: whole(
    67_108_864,
    65_536,
    TEBIBYTE,
    'Memory for all connections together whose clients are not authenticated yet',
  ),
  /** See `StrangerPlaces`. */
  strangersPerAddressMax: whole(
    100,
    0,
    1_000_000,
    'Connections of one address that are served before CONNECT; more wait unread. 0: no bound',
  ),
  clientIdBytesMax: whole(256, 23, 65_535, 'Longest client id'),
  topicLevelsMax: whole(200, 1, 65_535, 'Levels of a topic name or filter'),
  userPropertiesMax: whole(100, 0, 10_000, 'User properties in one packet, and in one will'),
  topicAliasMax: whole(32, 0, 65_535, 'Topic aliases that a client may set'),
  topicAliasBytesMax: whole(
    262_144,
    1,
    GIBIBYTE,
    'Bytes of all topics with an alias, on one connection in one direction',
  ),
  outgoingTopicAliasMax: whole(
    32,
    0,
    65_535,
    'Topic aliases that the broker uses for a client that allows them',
  ),
  receiveMax: whole(
    64,
    1,
    65_535,
    'Unacknowledged messages of QoS 1 and 2 from a client of MQTT 5: the Receive Maximum of CONNACK',
  ),
  /** Some widely used programs ignore the Receive Maximum. */
  receiveToleratedMax: whole(
    65_535,
    1,
    65_535,
    'Unacknowledged messages from a client that ignores the Receive Maximum, before it is disconnected with 0x93',
  ),
  inFlightMax: whole(64, 1, 65_535, 'Unacknowledged messages of QoS 1 and 2 to a client'),
  inFlightBytesMax: whole(
    16_777_216,
    1,
    TEBIBYTE,
    'Bytes of unacknowledged messages to a client; above this it gets one message at a time',
  ),
  queuedMessagesMax: whole(10_000, 0, 100_000_000, 'Messages in the queue of a client'),
  queuedBytesMax: whole(
    16_777_216,
    0,
    TEBIBYTE,
    'Bytes in the queue of a client: topics, payloads, properties, and the objects that hold them',
  ),
  /** See `QueueShare`. */
  queuedBytesPerUserMax: whole(
    0,
    0,
    TEBIBYTE,
    'Bytes in the queues of all clients of one user, or of one address for clients without a user. 0: no bound',
  ),
  queuedInMemoryMax: whole(
    256,
    1,
    1_000_000,
    'Messages of one queue in memory; the others of a durable session are only in the store',
  ),
  queuedInMemoryBytesMax: whole(262_144, 1, GIBIBYTE, 'Bytes of one queue in memory'),
  queueOverflow: {
    default: 'drop-newest' as QueueOverflow,
    choices: ['drop-newest', 'drop-oldest', 'refuse'],
    description:
      'Which message a full queue drops; every drop is counted. With refuse the publisher gets 0x97, or waits (MQTT 3)',
  },
  queueQoS0WhileAway: {
    default: false as boolean,
    description: 'Whether messages of QoS 0 are queued too for clients that are not connected',
  },
  sessionExpirySecondsMax: whole(
    604_800,
    0,
    4_294_967_295,
    'Longest time for which a session is kept while its client is not connected',
  ),
  keepAliveSecondsMax: whole(
    0,
    0,
    65_535,
    'Longest keep-alive of a client of MQTT 5; 0 means no limit',
  ),
  subscriptionsPerClientMax: whole(1_000, 1, 10_000_000, 'Subscriptions of a client'),
  subscriptionsPerUserMax: whole(
    100_000,
    1,
    100_000_000,
    'Subscriptions of one user, or of one address for clients without a user',
  ),
  ...MESSAGING_LIMITS,
  /** See `routing/filter-shapes.ts`. */
  filterShapesMax: whole(
    1_024,
    0,
    1_000_000,
    'Shapes of all filters together (decision 19); they bound the search for a topic',
  ),
  filterShapesPerClientMax: whole(256, 0, 1_000_000, 'Shapes of filters that one client has added'),
  /** See `routing/share-group-counts.ts`. */
  shareGroupsPerTopicMax: whole(
    1_000,
    0,
    1_000_000,
    'Share groups that one topic can match, beyond the first of each filter',
  ),
  retainedMessagesMax: whole(1_000_000, 0, 100_000_000, 'Retained messages'),
  retainedBytesMax: whole(
    GIBIBYTE,
    0,
    TEBIBYTE,
    'Bytes of retained messages: topics, payloads, properties, and the objects that hold them',
  ),
  /** See `Holdings`. */
  retainedMessagesPerUserMax: whole(
    500_000,
    1,
    100_000_000,
    'Retained messages of one user, or of one address for clients without a user',
  ),
  retainedBytesPerUserMax: whole(
    GIBIBYTE / 2,
    1,
    TEBIBYTE,
    'Bytes of the retained messages of one user, or of one address for clients without a user',
  ),
  sessionsPerUserMax: whole(
    10_000,
    1,
    100_000_000,
    'Sessions of one user, or of one address for clients without a user',
  ),
  sessionsMax: whole(1_000_000, 1, 100_000_000, 'Sessions, with and without a connection'),
  /** See `MemoryAccount`. */
  keptHeapBytesMax: whole(
    0,
    0,
    TEBIBYTE,
    'Heap that the broker keeps for all clients together: topics, filters, properties, sessions. 0 means what the heap of Node allows',
  ),
  keptBufferBytesMax: whole(
    0,
    0,
    TEBIBYTE,
    'Memory outside of the heap that the broker keeps for all clients together: payloads. 0 means half of what the system gives',
  ),
  connectionsMax: whole(100_000, 1, 10_000_000, 'Connections on all listeners together'),
  connectionsPerUserMax: whole(1_000, 1, 10_000_000, 'Connections of one user'),
  connectionsPerAddressMax: whole(
    1_000,
    1,
    10_000_000,
    'Connections from one address, or one network of IPv6 (/64)',
  ),
  /** See `ConnectionCounts`. */
  connectionsPerSecondMax: whole(
    2_000,
    0,
    1_000_000,
    'New connections a second; those of 5 seconds may come at once. 0: no bound',
  ),
  connectionsPerSecondPerAddressMax: whole(
    200,
    0,
    1_000_000,
    'The same from one address, or one network of IPv6. 0: no bound',
  ),
  /** See `ConnectQueue`. */
  connectsPerSecondMax: whole(
    2_000,
    0,
    1_000_000,
    'CONNECT packets a second that are answered. The others wait; those of clients with a session come first. 0: no bound',
  ),
  /** See `Takeovers`. */
  takeoversPerMinuteMax: whole(
    5,
    0,
    1_000_000,
    'Takeovers of one client id within a minute, after which each further CONNECT with it waits. 0: no bound',
  ),
  takeoverDelaySecondsMax: whole(
    8,
    0,
    3_600,
    'Longest wait of such a CONNECT; the first wait is one second, and each is twice as long as the one before. 0: it does not wait, and is only logged',
  ),
  clientIdInUse: {
    default: 'take-over' as ClientIdInUse,
    choices: ['take-over', 'refuse'],
    description:
      'What a CONNECT with the client id of a connected client does: it takes over, as MQTT says, or gets 0x85 while the other one was heard of within its keep-alive',
  },
  /** See `IncomingRates`. */
  messagesPerSecondMax: whole(
    0,
    0,
    1_000_000_000,
    'Messages a second from one client; beyond them it is read more slowly. 0: no bound',
  ),
  bytesPerSecondMax: whole(
    0,
    0,
    TEBIBYTE,
    'Bytes a second from one client; beyond them it is read more slowly. 0: no bound',
  ),
  /** See `UserRates`. */
  messagesPerSecondPerUserMax: whole(
    0,
    0,
    1_000_000_000,
    'Messages a second from all clients of one user, or of one address for clients without a user; beyond them they are read more slowly. 0: no bound',
  ),
  bytesPerSecondPerUserMax: whole(
    0,
    0,
    TEBIBYTE,
    'Bytes a second from all clients of one user, or of one address for clients without a user; beyond them they are read more slowly. 0: no bound',
  ),
  slowedSecondsMax: whole(
    60,
    0,
    86_400,
    'How long a client may exceed its own rate without a break before it is disconnected (0x96). 0: no bound',
  ),
  /** See `OutgoingRates`. */
  outgoingMessagesPerSecondMax: whole(
    0,
    0,
    1_000_000_000,
    'Messages a second to one client; beyond them those of QoS 0 are dropped and the others wait in its queue. 0: no bound',
  ),
  outgoingBytesPerSecondMax: whole(
    0,
    0,
    TEBIBYTE,
    'Bytes of messages a second to one client; beyond them those of QoS 0 are dropped and the others wait in its queue. 0: no bound',
  ),
  outgoingMessagesPerSecondPerUserMax: whole(
    0,
    0,
    1_000_000_000,
    'Messages a second to all clients of one user, or of one address for clients without a user; beyond them those of QoS 0 are dropped and the others wait in the queues. 0: no bound',
  ),
  outgoingBytesPerSecondPerUserMax: whole(
    0,
    0,
    TEBIBYTE,
    'Bytes of messages a second to all clients of one user, or of one address for clients without a user; beyond them those of QoS 0 are dropped and the others wait in the queues. 0: no bound',
  ),
  /** See `DynamicSecurity`. */
  controlBytesMax: whole(
    1_048_576,
    64,
    268_435_455,
    'Bytes of one message of commands to `$CONTROL/dynamic-security/v1`',
  ),
  controlWaitingMax: whole(
    100,
    1,
    100_000,
    'Messages of commands to `$CONTROL/dynamic-security/v1` that wait',
  ),
  dynamicSecurityNamesMax: whole(
    10_000,
    1,
    1_000_000,
    'Clients, groups and roles of the dynamic security, of each, up to which commands make more',
  ),
  outboxBytesMax: whole(
    1_048_576,
    1_024,
    GIBIBYTE,
    'Bytes that wait for one socket; above this messages of QoS 0 are dropped',
  ),
  /** See `StallWatch`. */
  stalledSecondsMax: whole(
    30,
    0,
    86_400,
    'How long a client may read nothing while bytes wait for it. Then it is disconnected (0x97) and its socket reset; up to four times later if the system has taken megabytes for it. 0: no bound',
  ),
  /** In units of roughly a sixth of a microsecond on the machine of the measurement: see `WORK`. */
  turnWorkMax: whole(
    16_384,
    1,
    10_000_000,
    'Work of one connection in one turn: 1 a packet, 1 a message, 1 a delivery, 4 a filter, 16 a durable change',
  ),
  /** It bounds how long one turn keeps the event loop from other work. */
  turnWorkTotalMax: whole(
    24_576,
    1,
    10_000_000,
    'Work of all connections together in one turn, in the units of turnWorkMax; the rest waits for the next turn',
  ),
  publishBacklogBytesMax: whole(
    262_144,
    1_024,
    GIBIBYTE,
    'Bytes of packets from one client that are not answered yet; above this the broker stops reading from it',
  ),
} as const

export type LimitName = keyof typeof LIMITS

export type Limits = { readonly [Name in LimitName]: (typeof LIMITS)[Name]['default'] }

/** The defaults of all limits. */
export const DEFAULT_LIMITS: Limits = defaults()

function defaults(): Limits {
  const entries = Object.entries(LIMITS).map(([name, limit]) => [name, limit.default])
  // Made from the table itself, name by name.
  return Object.fromEntries(entries) as Limits
}

/** The weights of work, in units of very roughly a sixth of a microsecond: see `turnWorkMax`. */
export const WORK = {
  packet: 1,
  /** One that is published, besides its packet and its deliveries. */
  message: 1,
  delivery: 1,
  durableChange: 16,
  /** A share group that matches a message: it chooses a member. */
  groupDelivery: 20,
  /** A message that is handed from a share group's queue to a member, and one that is stored later. */
  groupHandOver: 2,
  groupStore: 34,
  /** An interval of a conflated topic that ends: its message is sent, and two deadlines change. */
  interval: 8,
  /** A message that is visited in a queue, or a key of a share group. */
  queueStep: 1,
  /** A filter that is added or removed. */
  filter: 4,
  /** A retained message that is sent, without the steps of its search. */
  retainedMessage: 5,
} as const

/** The steps of a search in one unit of work, as a power of two. */
export const STEPS_PER_UNIT_BITS = 1
/** Subscription Identifiers of one delivery, or overlapping subscriptions to merge, in one unit of work, as a power of two. */
export const OVERLAPS_PER_UNIT_BITS = 2
/** Characters of a filter or retained topic that are added or removed in one unit of work, as a power of two. */
export const PATH_CHARACTERS_PER_UNIT_BITS = 4
