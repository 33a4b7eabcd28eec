// The client of NATS, an optional peer: it is loaded when a store is on JetStream, and by nobody else. Only what is used of
// it is described here, so that a program without it compiles.

import { readFileSync } from 'node:fs'
import { thrownSentence } from '../../thrown.ts'

const PACKAGE = '@nats-io/transport-node'

interface NatsHeaders {
  /** The status of an answer without a body, or 0. */
  readonly code: number
  get(name: string): string
  set(name: string, value: string): void
}

export interface NatsAnswer {
  readonly data: Uint8Array
  readonly headers?: NatsHeaders
}

export interface NatsMessage extends NatsAnswer {
  readonly subject: string
  readonly reply?: string
}

export interface NatsSubscription {
  unsubscribe(): void
}

interface NatsServerInfo {
  readonly version: string
  readonly max_payload: number
}

export interface NatsConnection {
  readonly info?: NatsServerInfo
  request(
    subject: string,
    payload: Uint8Array | string,
    options: { readonly timeout: number; readonly headers?: NatsHeaders },
  ): Promise<NatsAnswer>
  publish(subject: string, payload: string, options: { readonly reply: string }): void
  subscribe(
    subject: string,
    options: { readonly callback: (error: Error | null, message: NatsMessage) => void },
  ): NatsSubscription
  status(): AsyncIterable<{ readonly type: string }>
  closed(): Promise<unknown>
  close(): Promise<void>
}

interface NatsPackage {
  connect(options: object): Promise<NatsConnection>
  headers(): NatsHeaders
  createInbox(): string
  credsAuthenticator(credentials: Uint8Array): unknown
}

export interface NatsSettings {
  readonly servers: readonly string[]
  readonly user?: string | undefined
  /** Its first line is the password. */
  readonly passwordFile?: string | undefined
  /** As `nsc` writes it: the user's JWT and seed. */
  readonly credentialsFile?: string | undefined
  readonly tls?: NatsTls | undefined
}

interface NatsTls {
  readonly caFile?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
}

export interface NatsClient {
  readonly connection: NatsConnection
  readonly newHeaders: () => NatsHeaders
  readonly newInbox: () => string
}

export type LoadNats = () => Promise<unknown>

const RECONNECT_MS = 250
const RECONNECT_JITTER_MS = 100
const CONNECT_MS = 2_000
const PING_MS = 5_000
/** A server that answers none of so many pings counts as gone. */
const PINGS_MAX = 2

/** Connects once. A connection that breaks later is made again for ever, until it is closed. */
export async function connectNats(
  settings: NatsSettings,
  load: LoadNats = () => import(PACKAGE),
): Promise<NatsClient> {
  const nats = await loaded(load)
  const { servers, user, passwordFile, credentialsFile, tls } = settings
  const connection = await nats.connect({
    servers: [...servers],
    name: 'pondhawk',
    timeout: CONNECT_MS,
    pingInterval: PING_MS,
    maxPingOut: PINGS_MAX,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_MS,
    reconnectJitter: RECONNECT_JITTER_MS,
    // A stack for each request costs more than the request.
    noAsyncTraces: true,
    ...(user !== undefined && { user }),
    ...(passwordFile !== undefined && { pass: firstLineOf(passwordFile) }),
    ...(credentialsFile !== undefined && {
      authenticator: nats.credsAuthenticator(readFileSync(credentialsFile)),
    }),
    ...(tls !== undefined && { tls }),
  })
  return { connection, newHeaders: () => nats.headers(), newInbox: () => nats.createInbox() }
}

function firstLineOf(file: string): string {
  return readFileSync(file, 'utf8').split(/\r?\n/, 1)[0] ?? ''
}

async function loaded(load: LoadNats): Promise<NatsPackage> {
  try {
    return (await load()) as NatsPackage
  } catch (error) {
    const cause = thrownSentence(error)
    throw new Error(
      `a store on JetStream needs the package ${PACKAGE} (npm install ${PACKAGE}): ${cause}`,
      { cause: error },
    )
  }
}
