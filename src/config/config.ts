// The configuration: one schema gives the type, the defaults, the limits, the errors and the reference page.

import type { z as zod } from 'zod'
import { z } from './zod.ts'
import { type LimitName, LIMITS, type Limits } from '../limits.ts'
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
  plaintext: z
    .boolean()
    .default(false)
    .describe('Serve without TLS also where other machines can connect'),
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
    .describe('Settings of single groups, by share name or `name/filter`'),
  queuedMessagesMax: whole(100_000, 0, 100_000_000, 'Messages that wait in a group'),
  queueOverflow: z
    .enum(LIMITS.queueOverflow.choices)
    .optional()
    .describe('The same for the queues of groups. Default: as limits.queueOverflow'),
  queuedBytesMax: whole(67_108_864, 0, 1_099_511_627_776, 'Bytes that wait in a group'),
})

const store = z.strictObject({
  durability: z
    .enum(['fsync', 'os', 'memory'])
    .default('fsync')
    .describe(
      'What an acknowledged message survives: fsync a loss of power, os a kill of the process, memory neither',
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
    'Free space on the disk below which publishes that must be stored are refused',
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
  usersFile: file
    .optional()
    .describe("Users with passwords, in a file of mosquitto's: `pondhawk user add NAME` writes it"),
  users: z
    .record(z.string(), z.string())
    .optional()
    .describe('Users by name, each with the hash that such a file would have'),
  rulesFile: file
    .optional()
    .describe("Who may publish and hear what, in an ACL file of mosquitto's. Default: everything"),
  rules: z.string().optional().describe('The same lines, written here'),
  dynamicSecurityFile: file
    .optional()
    .describe(
      "Users, roles and groups in a file of mosquitto's dynamic security, instead of the four above. It is read, never written",
    ),
  certificates: z
    .strictObject({
      user: z
        .enum(['commonName', 'subjectAltName'])
        .optional()
        .describe(
          'Where a verified certificate has the user name of its client, who needs no password',
        ),
      fingerprints: z
        .array(
          z
            .string()
            .regex(/^[0-9a-fA-F]{2}(?::?[0-9a-fA-F]{2}){31}$/, 'expected SHA-256 in hexadecimal'),
        )
        .min(1)
        .optional()
        .describe('SHA-256 of the only certificates that are let in'),
    })
    .optional()
    .describe('What client certificates say, on listeners with tls.caFile'),
  anonymous: z
    .enum(['never', 'loopback', 'everywhere'])
    .optional()
    .describe(
      'Where clients may connect without saying who they are. Default: loopback, and never once there are users',
    ),
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
    'Bytes of lines that wait for a slow reader; lines beyond are left out and counted',
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
  drainSeconds: whole(5, 0, 600, 'Time to send clients what waits for them, when the broker stops'),
})

export const configSchema = z.strictObject({
  listeners: z
    .array(listener)
    .default(() => [
      listener.parse({ port: 1_883 }),
      listener.parse({ protocol: 'ws', port: 8_083 }),
    ])
    .describe('Where clients connect'),
  store: store.prefault({}).describe('What is stored, and where'),
  access: access.prefault({}).describe('Who may come in'),
  limits: limits.prefault({}).describe('Bounds of everything that may grow'),
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
