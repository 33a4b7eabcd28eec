// What a listener is told. The configuration gives these shapes their defaults.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

export interface CertificateFiles {
  readonly certFile: string
  readonly keyFile: string
}

export interface TlsOptions extends CertificateFiles {
  /** Certificates that client certificates are verified against. */
  readonly caFile?: string | undefined
  /** Ask for a client certificate, and verify one that is given. */
  readonly requestCertificate?: boolean | undefined
  /** Refuse clients without a verified certificate. */
  readonly requireCertificate?: boolean | undefined
  readonly crlFile?: string | undefined
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3' | undefined
  /** Other certificates, by the server name that a client asks for. */
  readonly sni?: Readonly<Record<string, CertificateFiles>> | undefined
}

export interface ListenerOptions {
  /** Where it stands in the configuration, for sentences that say what to change: `listeners.1`. */
  readonly key?: string | undefined
  readonly protocol: 'mqtt' | 'ws'
  readonly host?: string | undefined
  readonly port?: number | undefined
  /** Path of a Unix socket, instead of host and port. */
  readonly path?: string | undefined
  readonly tls?: TlsOptions | undefined
  /** Every connection begins with a PROXY protocol header, version 1 or 2. */
  readonly proxyProtocol?: boolean | undefined
  /** Addresses and subnets that may send one; any when left out. */
  readonly proxyTrusted?: readonly string[] | undefined
  /** Web origins that may open a WebSocket, besides the page's own host and this machine; `*` for all. */
  readonly origins?: readonly string[] | undefined
  /** Names of this machine: an origin that names the host which was asked for is believed if it is one of them. */
  readonly hosts?: readonly string[] | undefined
  readonly connectionsMax: number
  /** Why the process may not have one more socket, of all listeners together; null while it may. */
  readonly fullness?: (() => string | null) | undefined
  /** Closes a stranger of any listener, as `Listener.closeStranger` does. */
  readonly makeRoom?: ((cause: string) => Socket | null) | undefined
  /** A stranger was closed. */
  readonly strangerClosed?: (() => void) | undefined
  /** For TLS handshake, PROXY header and WebSocket upgrade together, counted from accept. */
  readonly handshakeTimeoutMs?: number | undefined
  /** Largest WebSocket message, in bytes. */
  readonly frameBytesMax?: number | undefined
  /** Answers plain HTTP requests on a WebSocket listener. */
  readonly onRequest?: ((request: IncomingMessage, response: ServerResponse) => void) | undefined
}
