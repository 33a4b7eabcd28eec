// The configuration: one schema gives the type, the defaults, the limits, the errors and the reference page.

import { LISTENER_CONNECTIONS_MAX } from '../transport/listener-options.ts'
import type { z as zod } from 'zod'
import { z } from './zod.ts'
import { file, whole } from './values.ts'
import { type LimitName, LIMITS, type Limits } from '../limits.ts'
import { accessSection } from './access-section.ts'
import { bridgesSection } from './bridges-section.ts'
import { jetstreamSection } from './jetstream-section.ts'
import { metricsSection, observeSection } from './observe-section.ts'
import { overloadSection } from './overload-section.ts'
import { SHARE_STRATEGY_NAMES } from '../routing/share-strategy.ts'
import { CONFLATE_MS_MAX } from '../routing/subscription.ts'
import { isTopicFilter } from '../routing/topic.ts'
import { queuesSection } from './queues-section.ts'

/** More have more to carry than one core can handle. */
const FRONT_ENDS_MAX = 64

const certificate = { certFile: file, keyFile: file }

const tls = z
  .strictObject({
    certFile: file
      .optional()
      .describe('Certificate of the server, as PEM. Required, unless there is a pskFile'),
    keyFile: file.optional().describe('Private key of the certificate, as PEM'),
    caFile: file.optional().describe('Authority that signs the certificates of clients'),
    requestCertificate: z.boolean().optional().describe('Ask clients for a certificate'),
    requireCertificate: z
      .boolean()
      .optional()
      .describe('Refuse clients with neither a verified certificate nor a key of pskFile'),
    crlFile: file.optional().describe('Lists of revoked certificates'),
    pskFile: file
      .optional()
      .describe(
        'Pre-shared keys of clients without certificates, in the format of mosquitto: IDENTITY:KEY, the key in hexadecimal',
      ),
    pskHint: z
      .string()
      .min(1)
      .max(128)
      .optional()
      .describe('Hint that clients of TLS 1.2 are given to choose their key by'),
    minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).default('TLSv1.2').describe('Oldest version of TLS'),
    ciphers: z
      .string()
      .min(1)
      .optional()
      .describe(
        'Ciphers of TLS 1.2 and 1.3 in one list, as OpenSSL names them. Default: those of Node',
      ),
    sni: z
      .record(z.string(), z.strictObject(certificate))
      .optional()
      .describe('Other certificates, by the server name that a client asks for (SNI)'),
  })
  .describe('TLS, for mqtts and wss')

const listener = z.strictObject({
  protocol: z
    .enum(['mqtt', 'ws'])
    .default('mqtt')
    .describe('MQTT, or HTTP with MQTT over WebSocket'),
  host: z
    .string()
    .default('localhost')
    .describe('Address to listen on; localhost means 127.0.0.1 and, if the machine has IPv6, ::1'),
  port: z
    .int()
    .min(0)
    .max(65_535)
    .optional()
    .describe('Port; 0 means any free one. Default: 1883, with TLS 8883, for ws 8083'),
  path: z.string().min(1).optional().describe('Path of a Unix socket, instead of host and port'),
  tls: tls.optional(),
  plaintext: z
    .boolean()
    .default(false)
    .describe('Serve without TLS also where other machines can connect'),
  requireUser: z
    .boolean()
    .default(false)
    .describe(
      'Refuse clients without a user name here, also where access.anonymous lets them in on other listeners',
    ),
  access: z
    .strictObject({
      usersFile: file.optional().describe('As access.usersFile'),
      rulesFile: file.optional().describe('As access.rulesFile'),
      dynamicSecurityFile: file.optional().describe('As access.dynamicSecurityFile'),
      anonymous: z
        .enum(['never', 'loopback', 'everywhere'])
        .optional()
        .describe('As access.anonymous'),
    })
    .optional()
    .describe(
      'Users and rules of its own, instead of those in access. A user of it is another one than a user of the same name elsewhere',
    ),
  mountPoint: z
    .string()
    .max(1_024)
    .optional()
    .describe(
      'Prefix of all topics of its clients, for example `tenant1/`: they see only what lies under it, and do not see the prefix',
    ),
  qosMax: z
    .literal([0, 1, 2])
    .default(2)
    .describe('Highest QoS of its clients; CONNACK tells it to clients of MQTT 5'),
  usernameIsClientId: z
    .boolean()
    .default(false)
    .describe('The user name is the client id, whatever CONNECT says'),
  proxyProtocol: z
    .boolean()
    .default(false)
    .describe('Whether connections begin with a PROXY protocol header'),
  proxyTrusted: z
    .array(z.string())
    .optional()
    .describe(
      'Addresses and subnets of proxies: only they may send a PROXY header or X-Forwarded-Host',
    ),
  origins: z
    .array(z.string())
    .optional()
    .describe('Web origins whose pages may open a WebSocket; "*" means all'),
  hosts: z
    .array(z.string().min(1))
    .optional()
    .describe(
      'Names of this machine. Pages that were loaded from one of them may open a WebSocket',
    ),
  connectionsMax: whole(
    LISTENER_CONNECTIONS_MAX,
    1,
    1_000_000,
    'Connections at the same time on this listener',
  ),
  handshakeTimeoutMs: whole(
    10_000,
    1,
    600_000,
    'Time for the PROXY header, the TLS handshake and the WebSocket upgrade together',
  ),
})

type LimitSchemas = {
  readonly [Name in LimitName]: zod.ZodDefault<zod.ZodType<Limits[Name], Limits[Name]>>
}

/** Each limit as `limits.ts` declares it. */
const limits = z.strictObject(
  // Made from the table itself, name by name.
  Object.fromEntries(
    Object.entries(LIMITS).map(([name, limit]) => [name, limitSchema(limit)]),
  ) as LimitSchemas,
)

function limitSchema(limit: (typeof LIMITS)[LimitName]): zod.ZodType {
  if ('min' in limit) return whole(limit.default, limit.min, limit.max, limit.description)
  if ('choices' in limit) {
    return z.enum(limit.choices).default(limit.default).describe(limit.description)
  }
  return z.boolean().default(limit.default).describe(limit.description)
}

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
    .describe('Settings of single groups, by ShareName or `ShareName/filter`'),
  queuedMessagesMax: whole(100_000, 0, 100_000_000, 'Messages in the queue of a group'),
  queueOverflow: z
    .enum(LIMITS.queueOverflow.choices)
    .optional()
    .describe('The same as limits.queueOverflow, for groups. Default: as there'),
  queuedBytesMax: whole(67_108_864, 0, 1_099_511_627_776, 'Bytes in the queue of a group'),
})

const store = z
  .strictObject({
    durability: z
      .enum(['fsync', 'os', 'memory'])
      .default('fsync')
      .describe(
        'What an acknowledged message survives: with fsync a loss of power, with os only the end of the process, with memory neither. Of a log in JetStream its servers decide',
      ),
    jetstream: jetstreamSection
      .optional()
      .describe('The log lies in a stream of NATS, not in files'),
    directory: z
      .string()
      .min(1)
      .optional()
      .describe('Directory of the store. Default: pondhawk-data in the working directory'),
    reserveBytes: whole(
      67_108_864,
      0,
      1_099_511_627_776,
      'Below this free space on the disk, messages that must be stored are refused',
    ),
    segmentBytes: whole(67_108_864, 65_536, 1_073_741_824, 'Size of a file of the log'),
    checkpointBytes: whole(
      67_108_864,
      65_536,
      1_099_511_627_776,
      'A checkpoint is made after this many bytes of log, so a start never reads much more',
    ),
  })
  .refine(({ durability, jetstream }) => jetstream === undefined || durability !== 'memory', {
    path: ['jetstream'],
    message: 'a store with durability: memory keeps nothing: leave out one of the two',
  })
  .refine(({ jetstream, reserveBytes }) => (jetstream?.bytesMax ?? Infinity) > 2 * reserveBytes, {
    path: ['jetstream', 'bytesMax'],
    message: 'is not larger than twice store.reserveBytes, so that nothing could be stored',
  })

const log = z.strictObject({
  level: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'])
    .default('info')
    .describe('Lines of this level and of more important ones are printed'),
  format: z
    .enum(['auto', 'json', 'pretty'])
    .default('auto')
    .describe('auto means pretty on a terminal, otherwise lines of JSON'),
  bufferBytesMax: whole(
    1_048_576,
    65_536,
    1_073_741_824,
    'Bytes of lines that wait for a slow reader; more lines are left out and counted',
  ),
  repeatsMax: whole(
    5,
    1,
    1_000_000,
    'Lines a minute with the same event, client, address and cause; the others are counted in one line',
  ),
  addressLinesMax: whole(
    100,
    1,
    1_000_000,
    'Lines a minute with the same event and address; the others are counted in one line',
  ),
  eventLinesMax: whole(
    1_000,
    1,
    1_000_000,
    'Lines a minute with the same event; the others are counted in one line',
  ),
})

const shutdown = z.strictObject({
  drainSeconds: whole(
    5,
    0,
    600,
    'Time to send waiting bytes to clients when the broker stops. Many clients are disconnected in waves, within the first half of it',
  ),
  disconnectsPerSecond: whole(
    2_000,
    1,
    1_000_000,
    'Clients that are disconnected in a second when the broker stops or drains; more where the time would not suffice',
  ),
  serverReference: z
    .string()
    .min(1)
    .max(1_024)
    .optional()
    .describe(
      'Another broker, as host:port, that clients of MQTT 5 are told when this one stops or drains (0x9D, Server moved)',
    ),
})

const conflation = z.strictObject({
  filter: z
    .string()
    .default('#')
    .refine(isTopicFilter, 'is no topic filter')
    .describe('Subscriptions to this topic filter, or to a part of its topics. Not shared ones'),
  users: z.array(z.string()).optional().describe('Of these users only'),
  milliseconds: whole(500, 1, CONFLATE_MS_MAX, 'Interval in which each topic has one message'),
})

const subscriptions = z.strictObject({
  filterInTopic: z
    .boolean()
    .default(false)
    .describe(
      'Take what is behind a ? in a topic filter for an expression, as in sensors/+?region=eu&temperature>25',
    ),
  payloadFilters: z
    .boolean()
    .default(true)
    .describe('Whether expressions may ask about JSON payloads, which takes more time'),
  conflate: z
    .array(conflation)
    .default([])
    .describe(
      'Conflation of subscriptions that do not ask for it, as those of MQTT 3. The first that fits counts',
    ),
})

const dashboard = z.strictObject({
  enabled: z
    .boolean()
    .default(true)
    .describe('Serve the dashboard and the REST API on listeners with protocol ws'),
  hosts: z
    .array(z.string().min(1))
    .default([])
    .describe(
      'Names of this machine in browsers. By another name the REST API is not answered, unless the request has a key',
    ),
  plain: z
    .boolean()
    .default(false)
    .describe('Take keys and sign-ins from other machines without TLS too'),
  viewersSeePayloads: z
    .boolean()
    .default(false)
    .describe('Whether the role viewer sees what is in messages'),
})

export const configSchema = z.strictObject({
  listeners: z
    .array(listener)
    .default(() => [
      listener.parse({ port: 1_883 }),
      listener.parse({ protocol: 'ws', port: 8_083 }),
    ])
    .describe('Where clients connect'),
  frontEnds: z
    .union([z.enum(['auto']), z.int().min(0).max(FRONT_ENDS_MAX)])
    .default('auto')
    .describe(
      'Processes that have the sockets of clients. With auto there are two fewer than the broker may use CPUs, at most 8, and none with one or two CPUs; with 0 the process of the broker has all sockets itself',
    ),
  store: store.prefault({}).describe('What is stored, and where'),
  access: accessSection
    .prefault({})
    .describe('Users, rules and certificates: who may connect, publish and receive'),
  limits: limits.prefault({}).describe('Bounds of everything that can grow'),
  overload: overloadSection
    .prefault({})
    .describe('Levels of overload, and the readings at which they begin'),
  share: share.prefault({}).describe('Shared subscriptions'),
  subscriptions: subscriptions.prefault({}).describe('Expressions of subscriptions'),
  queues: queuesSection.prefault({}).describe('Named queues'),
  responseInformation: z
    .string()
    // A string of MQTT has 65,535 bytes at most, and a character up to three.
    .max(21_845)
    .nullable()
    .default(null)
    .describe('Response Information for clients of MQTT 5 that ask for it'),
  dashboard: dashboard.prefault({}).describe('The dashboard and the REST API'),
  log: log.prefault({}).describe('The log'),
  bridges: bridgesSection
    .default({})
    .describe('Other brokers that messages are exchanged with, by name'),
  observe: observeSection
    .prefault({})
    .describe('What is kept of the past: see how-to/find-out-what-happened.md'),
  metrics: metricsSection.prefault({}).describe('Names of the figures at /metrics'),
  shutdown: shutdown.prefault({}).describe('The end of the broker'),
})
