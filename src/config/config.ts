// What may be configured: one schema gives the type, the defaults, the limits, the errors and the reference page.

import { z } from 'zod'
import { SHARE_STRATEGY_NAMES } from '../routing/share-strategy.ts'

function whole(fallback: number, min: number, max: number, description: string) {
  return z.int().min(min).max(max).default(fallback).describe(description)
}

const file = z.string().min(1)

const certificate = { certFile: file, keyFile: file }

const tls = z
  .strictObject({
    certFile: file.describe('Certificate of the server, in PEM'),
    keyFile: file.describe('Its private key, in PEM'),
    caFile: file.optional().describe('Authority that client certificates are verified with'),
    requestCertificate: z.boolean().optional().describe('Ask clients for a certificate'),
    requireCertificate: z
      .boolean()
      .optional()
      .describe('Refuse clients without a verified certificate'),
    crlFile: file.optional().describe('Certificates that were revoked'),
    minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2').describe('Oldest version of TLS'),
    sni: z
      .record(z.string(), z.strictObject(certificate))
      .optional()
      .describe('Other certificates, by the server name a client asks for'),
  })
  .describe('Serve over TLS')

const listener = z.strictObject({
  protocol: z
    .enum(['mqtt', 'ws'])
    .default('mqtt')
    .describe('MQTT, or HTTP with MQTT over WebSocket'),
  host: z
    .string()
    .default('localhost')
    .describe('Address to listen on; localhost is 127.0.0.1 and, where there is IPv6, ::1'),
  port: z
    .int()
    .min(0)
    .max(65_535)
    .optional()
    .describe('Port; 0 takes a free one. Default 1883, 8883 with TLS, 8083 for ws'),
  path: z.string().min(1).optional().describe('Path of a Unix socket, instead of host and port'),
  tls: tls.optional(),
  proxyProtocol: z
    .boolean()
    .default(false)
    .describe('Connections begin with a PROXY protocol header'),
  proxyTrusted: z
    .array(z.string())
    .optional()
    .describe('Addresses and subnets that may send one, or a forwarded host'),
  origins: z
    .array(z.string())
    .optional()
    .describe('Web origins that may open a WebSocket; "*" for all'),
  hosts: z
    .array(z.string().min(1))
    .optional()
    .describe(
      'Names of this machine: pages and programs that were sent to one of them may open a WebSocket',
    ),
  connectionsMax: whole(10_000, 1, 1_000_000, 'Connections at a time'),
  handshakeTimeoutMs: whole(
    10_000,
    1,
    600_000,
    'Time for PROXY header, TLS and WebSocket upgrade together',
  ),
})

const limits = z.strictObject({
  // The largest of the smallest packets: SUBSCRIBE with a filter of one character, DISCONNECT with an expiry.
  packetBytesMax: whole(
    16_777_216,
    9,
    268_435_455,
    'Largest packet from a client: what CONNACK says, which clients cannot read when it is larger',
  ),
  // CONNECT of 3.1 with a client id of one character.
  connectPacketBytesMax: whole(
    65_536,
    17,
    1_048_576,
    'Largest first packet: what a stranger may send',
  ),
  connectTimeoutSeconds: whole(10, 1, 600, 'Time for CONNECT'),
  clientIdBytesMax: whole(256, 23, 65_535, 'Longest client id'),
  topicLevelsMax: whole(200, 1, 65_535, 'Most levels of a topic'),
  userPropertiesMax: whole(100, 0, 10_000, 'User properties of a packet, and of a will'),
  topicAliasMax: whole(32, 0, 65_535, 'Topic aliases that a client may set'),
  topicAliasBytesMax: whole(
    262_144,
    1,
    1_073_741_824,
    'Bytes of the topics that have aliases, on one connection and in one direction',
  ),
  outgoingTopicAliasMax: whole(
    32,
    0,
    65_535,
    'Topic aliases set towards a client that allows them',
  ),
  receiveMax: whole(
    64,
    1,
    65_535,
    'Unacknowledged messages of QoS 1 and 2 from a client of MQTT 5: what CONNACK says',
  ),
  receiveToleratedMax: whole(
    65_535,
    1,
    65_535,
    'How many are tolerated before a client that does not heed it is disconnected with 0x93',
  ),
  inFlightMax: whole(64, 1, 65_535, 'Unacknowledged messages of QoS 1 and 2 to a client'),
  inFlightBytesMax: whole(
    16_777_216,
    1,
    1_099_511_627_776,
    'Bytes of the same: beyond them a client is sent one message at a time',
  ),
  queuedMessagesMax: whole(10_000, 0, 100_000_000, 'Messages that wait for a client'),
  queuedBytesMax: whole(
    16_777_216,
    0,
    1_099_511_627_776,
    'Bytes that wait for a client: topics, payloads and properties, and what keeps them',
  ),
  queuedInMemoryMax: whole(
    256,
    1,
    1_000_000,
    'Messages of one waiting line that are kept in memory; the rest stays in the store',
  ),
  queuedInMemoryBytesMax: whole(262_144, 1, 1_073_741_824, 'Bytes of the same'),
  queueOverflow: z
    .enum(['drop-newest', 'drop-oldest'])
    .default('drop-newest')
    .describe('What a full queue drops; every drop is counted'),
  queueQoS0WhileAway: z
    .boolean()
    .default(false)
    .describe('Keep messages of QoS 0 as well for clients that are away'),
  sessionExpirySecondsMax: whole(
    604_800,
    0,
    4_294_967_295,
    'Longest life of a session without its client',
  ),
  keepAliveSecondsMax: whole(
    0,
    0,
    65_535,
    'Longest keep-alive of a client of MQTT 5; 0 for no limit',
  ),
  subscriptionsPerClientMax: whole(1_000, 1, 10_000_000, 'Subscriptions of a client'),
  filterShapesMax: whole(
    1_024,
    0,
    1_000_000,
    'Ways in which the + of filters stand among their levels: it bounds the search for any topic',
  ),
  filterShapesPerClientMax: whole(256, 0, 1_000_000, 'Those of them that one client brought in'),
  retainedMessagesMax: whole(1_000_000, 0, 100_000_000, 'Retained messages'),
  retainedBytesMax: whole(
    1_073_741_824,
    0,
    1_099_511_627_776,
    'Bytes of retained messages: topics, payloads and properties, and what keeps them',
  ),
  sessionsMax: whole(1_000_000, 1, 100_000_000, 'Sessions, connected or away'),
  keptHeapBytesMax: whole(
    0,
    0,
    1_099_511_627_776,
    'Heap that all clients together may keep: topics, filters, properties, sessions. 0: what the heap of Node allows',
  ),
  keptBufferBytesMax: whole(
    0,
    0,
    1_099_511_627_776,
    'Memory outside of the heap that all clients together may keep: payloads. 0: half of what the system gives',
  ),
  connectionsMax: whole(100_000, 1, 10_000_000, 'Connections on all listeners together'),
  outboxBytesMax: whole(
    1_048_576,
    1_024,
    1_073_741_824,
    'Bytes that wait for one socket before QoS 0 is dropped',
  ),
  turnWorkMax: whole(
    8_192,
    1,
    10_000_000,
    "A connection's share of a turn: 2 a packet, 1 a delivery at QoS 0 and 2 above, 8 a durable fact",
  ),
  turnWorkTotalMax: whole(
    12_288,
    1,
    10_000_000,
    'The same of all connections together, before the rest waits for the next turn',
  ),
  publishBacklogBytesMax: whole(
    262_144,
    1_024,
    1_073_741_824,
    'Bytes from one client whose answers wait, before it is not read from',
  ),
})

const shareGroup = z.strictObject({
  strategy: z.enum(SHARE_STRATEGY_NAMES).optional().describe('How this group chooses'),
  weights: z
    .record(z.string(), z.int().min(1).max(1_000))
    .optional()
    .describe('Weights by client id, for the weighted strategy'),
})

const share = z.strictObject({
  strategy: z
    .enum(SHARE_STRATEGY_NAMES)
    .default('round-robin')
    .describe('How a share group chooses the next member'),
  groups: z
    .record(z.string(), shareGroup)
    .default({})
    .describe('Settings of single groups, by share name or `name/filter`'),
  queuedMessagesMax: whole(100_000, 0, 100_000_000, 'Messages that wait in a group'),
  queuedBytesMax: whole(67_108_864, 0, 1_099_511_627_776, 'Bytes that wait in a group'),
})

const store = z.strictObject({
  durability: z
    .enum(['fsync', 'os', 'memory'])
    .default('fsync')
    .describe(
      'What an acknowledgement promises: fsync outlives a loss of power, os a kill of the process, memory neither',
    ),
  directory: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Where the store keeps its files. Default: pondhawk-data where the broker is started',
    ),
  reserveBytes: whole(
    67_108_864,
    0,
    1_099_511_627_776,
    'Room on the disk below which publishes that must be stored are refused',
  ),
  segmentBytes: whole(67_108_864, 65_536, 1_073_741_824, 'Size of a file of the log'),
  checkpointBytes: whole(
    67_108_864,
    65_536,
    1_099_511_627_776,
    'Bytes of log after which a checkpoint is made, so that a start need not read more',
  ),
})

const access = z.strictObject({
  anonymous: z
    .enum(['loopback', 'everywhere'])
    .default('loopback')
    .describe('Where clients may connect without saying who they are'),
})

const log = z.strictObject({
  level: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('Least important lines to print'),
  format: z
    .enum(['auto', 'json', 'pretty'])
    .default('auto')
    .describe('auto: pretty on a terminal, JSON lines elsewhere'),
  bufferBytesMax: whole(
    1_048_576,
    65_536,
    1_073_741_824,
    'Bytes of lines that wait for a slow reader; what comes then is left out and counted',
  ),
  repeatsMax: whole(
    5,
    1,
    1_000_000,
    'Lines a minute with the same event, client, address and cause; more are summed up in one',
  ),
  addressLinesMax: whole(
    100,
    1,
    1_000_000,
    'Lines a minute with the same event from one address; more are summed up in one',
  ),
  eventLinesMax: whole(
    1_000,
    1,
    1_000_000,
    'Lines a minute with the same event; more are summed up in one',
  ),
})

const shutdown = z.strictObject({
  drainSeconds: whole(5, 0, 600, 'Time for clients to take what was said, when the broker stops'),
})

export const configSchema = z.strictObject({
  listeners: z
    .array(listener)
    .default(() => [
      listener.parse({ port: 1_883 }),
      listener.parse({ protocol: 'ws', port: 8_083 }),
    ])
    .describe('Where clients connect'),
  store: store.prefault({}).describe('What survives the broker'),
  access: access.prefault({}).describe('Who may come in'),
  limits: limits.prefault({}).describe('Everything that may grow, and how far'),
  share: share.prefault({}).describe('Shared subscriptions'),
  responseInformation: z
    .string()
    // A string of MQTT has 65,535 bytes at most, and a character up to three.
    .max(21_845)
    .nullable()
    .default(null)
    .describe('Response Information for clients of MQTT 5 that ask for it'),
  log: log.prefault({}).describe('Log lines'),
  shutdown: shutdown.prefault({}).describe('Stopping'),
})
