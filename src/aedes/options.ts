// The options of aedes → those of Pondhawk.

import { ConfigError } from '../config/config-error.ts'
import type { EmbedOptions } from '../server/embed-options.ts'
import type { AedesClient } from './client.ts'
import type { AedesConnectPacket, AedesPublishPacket, AedesSubscription } from './packets.ts'

/** What `done` of `authenticate` may be called with: 2 to 5 as in CONNACK of MQTT 3.1.1; 5 if it is left out. */
export type AuthenticateError = Error & { returnCode?: number }

export interface AedesHandlers {
  preConnect: (
    client: AedesClient,
    packet: AedesConnectPacket,
    callback: (error: Error | null, success?: boolean) => void,
  ) => void
  authenticate: (
    client: AedesClient,
    username: string | undefined,
    password: Buffer | undefined,
    done: (error: AuthenticateError | null, success?: boolean | null) => void,
  ) => void
  authorizePublish: (
    client: AedesClient | null,
    packet: AedesPublishPacket,
    callback: (error?: Error | null) => void,
  ) => void
  authorizeSubscribe: (
    client: AedesClient,
    subscription: AedesSubscription,
    callback: (error: Error | null, subscription?: AedesSubscription | null) => void,
  ) => void
  authorizeForward: (
    client: AedesClient,
    packet: AedesPublishPacket,
  ) => AedesPublishPacket | null | undefined | void
  published: (
    packet: AedesPublishPacket,
    client: AedesClient | null,
    callback: (error?: Error | null) => void,
  ) => void
}

export interface AedesOptions extends Partial<AedesHandlers> {
  id?: string
  /** Milliseconds between heartbeats in `$SYS`. */
  heartbeatInterval?: number
  /** Milliseconds until CONNECT must have come. */
  connectTimeout?: number
  /** Milliseconds that a client may read nothing while bytes wait for it; 0 for no bound. */
  drainTimeout?: number
  /** The longest keep-alive in seconds; 0 for no bound. */
  keepaliveLimit?: number
  /** The longest client id of MQTT 3.1. */
  maxClientsIdLength?: number
  maxTopicLevels?: number
  /** What aedes has no option for: `store`, `limits`, `listeners`, `log` … */
  pondhawk?: Omit<EmbedOptions, 'access'>
  /** These have no effect: Pondhawk stops reading from who sends too much. */
  concurrency?: number
  queueLimit?: number
  maxInflightInbound?: number
  trustProxy?: boolean
  trustedProxies?: string[]
  /** These throw, with the option to use instead. */
  mq?: never
  persistence?: never
  decodeProtocol?: null
}

/** Options that cannot be given to Pondhawk, and what there is instead. */
const INSTEAD: Readonly<Record<string, string>> = {
  mq: 'messages are routed by the broker itself: there is no option for it',
  persistence:
    'use pondhawk: { store: { directory } }, or a store of your own as pondhawk: { store }',
  decodeProtocol: 'use pondhawk: { listeners: [{ proxyProtocol: true }] }',
}

const DEFAULTS = { connectTimeout: 30_000, drainTimeout: 60_000, maxTopicLevels: 100 }

/** Throws ConfigError for options that would have no effect here. */
export function checkOptions(options: AedesOptions): void {
  const given = options as Readonly<Record<string, unknown>>
  const problems = Object.entries(INSTEAD)
    .filter(([name]) => given[name] !== undefined && given[name] !== null)
    .map(([name, instead]) => ({
      path: [name],
      sentence: `pondhawk/aedes does not take ${name}: ${instead}`,
    }))
  if (problems.length > 0) throw new ConfigError(problems)
}

export function embedOptionsOf(options: AedesOptions): EmbedOptions {
  const { pondhawk = {} } = options
  const { connectTimeout, drainTimeout, maxTopicLevels } = { ...DEFAULTS, ...options }
  return {
    // aedes waits for ever.
    hookTimeoutMs: 60_000,
    ...pondhawk,
    limits: {
      connectTimeoutSeconds: seconds(connectTimeout),
      stalledSecondsMax: drainTimeout > 0 ? seconds(drainTimeout) : 0,
      topicLevelsMax: Math.min(Math.max(maxTopicLevels, 1), 100),
      ...pondhawk.limits,
    },
  }
}

function seconds(ms: number): number {
  return Math.max(1, Math.ceil(ms / 1_000))
}
