// The options of a listener. The configuration sets their defaults.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { StrangerBudget } from '../connection/stranger-budget.ts'
import type { Log } from '../observe/log.ts'
import type { ConnectionCounts } from './connection-counts.ts'
import type { PreparationEvents, Preparing } from './preparation.ts'
import type { StrangerPlaces } from './stranger-places.ts'

/** How many connections a listener has unless its configuration says otherwise. */
export const LISTENER_CONNECTIONS_MAX = 10_000

export interface CertificateFiles {
  readonly certFile: string
  readonly keyFile: string
}

/** Has a certificate, or pre-shared keys, or both. */
export interface TlsOptions {
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  /** The certificates that client certificates are verified with. */
  readonly caFile?: string | undefined
  /** Whether to request a client certificate, which is verified if the client sends one. */
  readonly requestCertificate?: boolean | undefined
  /** Whether to refuse clients without a verified certificate. */
  readonly requireCertificate?: boolean | undefined
  readonly crlFile?: string | undefined
  /** The keys of clients that have no certificate. */
  readonly pskFile?: string | undefined
  /** What a client of TLS 1.2 is told to choose its key by. */
  readonly pskHint?: string | undefined
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined
  /** Names of OpenSSL, separated by colons. */
  readonly ciphers?: string | undefined
  /** Other certificates, by the server name that a client requests. */
  readonly sni?: Readonly<Record<string, CertificateFiles>> | undefined
}

/** Who sent an HTTP request. */
export interface RequestSource {
  readonly address: string
  /** Whether a page of its origin, if it has one, may use this listener. */
  readonly isOriginAllowed: boolean
  /** The request has shown who asks: its connection is no stranger's any more, and may stay as long as it is used. */
  readonly signedIn: () => void
}

export interface ListenerOptions {
  /** Its path in the configuration, for sentences about what to change: `listeners.1`. */
  readonly key?: string | undefined
  readonly protocol: 'mqtt' | 'ws'
  readonly host?: string | undefined
  readonly port?: number | undefined
  /** The path of a Unix socket, instead of host and port. */
  readonly path?: string | undefined
  readonly tls?: TlsOptions | undefined
  /** Whether clients without a user name are refused, whatever `access.anonymous` says. */
  readonly requireUser?: boolean | undefined
  /** The prefix of all topics of its clients. It ends with `/`. */
  readonly mountPoint?: string | undefined
  /** The realm of its users, if it has its own. */
  readonly realm?: string | null | undefined
  readonly qosMax?: 0 | 1 | 2 | undefined
  /** Whether client ids are user names, whatever CONNECT says. */
  readonly usernameIsClientId?: boolean | undefined
  /** Whether every connection begins with a PROXY protocol header, version 1 or 2. */
  readonly proxyProtocol?: boolean | undefined
  /** The addresses and subnets that may send a PROXY header; all if it is left out. */
  readonly proxyTrusted?: readonly string[] | undefined
  /** The web origins that may open a WebSocket, besides the page's own host and this machine; `*` for all. */
  readonly origins?: readonly string[] | undefined
  /** The names of this machine. An origin with the requested host is trusted only if the host is one of them. */
  readonly hosts?: readonly string[] | undefined
  readonly connectionsMax: number
  /** The connections by address, of all listeners. */
  readonly counts?: ConnectionCounts | undefined
  /** The places before CONNECT by address, of all listeners. */
  readonly places?: StrangerPlaces | undefined
  /** The memory of all connections before CONNECT. */
  readonly strangers?: StrangerBudget | undefined
  /** Returns why the process may not have one more socket, over all listeners; null if it may. */
  readonly fullness?: (() => string | null) | undefined
  /** Closes the oldest stranger of all listeners: see `Listener.closeStranger`. */
  readonly makeRoom?: ((cause: string) => Socket | null) | undefined
  /** A stranger was closed. */
  readonly strangerClosed?: (() => void) | undefined
  /** The time from accept for TLS handshake, PROXY header and WebSocket upgrade together. */
  readonly handshakeTimeoutMs?: number | undefined
  /** How long an HTTP client may read nothing of an answer. Tests shorten it. */
  readonly readTimeoutMs?: number | undefined
  /** The time from accept for these and CONNECT. */
  readonly connectTimeoutMs?: number | undefined
  /** The largest WebSocket message in bytes. */
  readonly frameBytesMax?: number | undefined
  /** The same until something was sent to the client: before CONNACK it may be a stranger. */
  readonly firstFrameBytesMax?: number | undefined
  /** Who does the steps before MQTT. Left out: this process. */
  readonly preparing?:
    ((options: ListenerOptions, log: Log, events: PreparationEvents) => Preparing) | undefined
  /** Whether connections of plain HTTP arrive as they are: in a front end, which knows no answers. */
  readonly leavesHttp?: boolean | undefined
  /** Answers plain HTTP requests on a WebSocket listener. */
  readonly onRequest?:
    ((request: IncomingMessage, response: ServerResponse, from: RequestSource) => void) | undefined
}
