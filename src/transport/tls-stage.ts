// TLS in front of a listener: certificates by name, client certificates, and renewal without closing connections.

import { Socket } from 'node:net'
import {
  createServer,
  type PeerCertificate,
  type SecureContext,
  type Server,
  type TLSSocket,
} from 'node:tls'
import { TIMER_MS_MAX } from '../loop/clock.ts'
import type { Log } from '../observe/log.ts'
import { shortened } from '../packet/text.ts'
import type { TlsOptions } from './listener-options.ts'
import { certificateOf } from './client-certificate.ts'
import { PreSharedKeys } from './pre-shared-keys.ts'
import { contextsOf, type LoadedFiles } from './tls-files.ts'
import { ignored, type Peer } from './wire.ts'

interface PendingHandshake {
  readonly peer: Peer
  readonly next: (socket: TLSSocket, peer: Peer) => void
}

export class TlsStage {
  readonly #log: Log
  readonly #name: () => string
  readonly #server: Server
  /** Sockets in their handshake. They are not identified by address, because Unix sockets and closed sockets have none. */
  readonly #handshakes = new WeakMap<object, PendingHandshake>()
  #byName: ReadonlyMap<string, SecureContext> = new Map()
  #revoked: ReadonlySet<string>
  /** Null when the listener has no pre-shared keys. */
  readonly #psk: PreSharedKeys | null
  /** The peers of sockets, for refusals: a destroyed socket does not have its address any more. */
  readonly #clients = new WeakMap<TLSSocket, TlsClient>()

  constructor(
    options: TlsOptions,
    loaded: LoadedFiles,
    { alpn, log, name }: { alpn: string; log: Log; name: () => string },
  ) {
    this.#log = log
    this.#name = name
    this.#byName = contextsOf(loaded)
    this.#revoked = loaded.revoked
    this.#psk = loaded.psk === null ? null : new PreSharedKeys(loaded.psk.keys, options.pskHint)
    const asks = options.requestCertificate === true || options.requireCertificate === true
    this.#server = createServer({
      ...loaded.main,
      ...loaded.resumption,
      ...this.#psk?.serverOptions,
      requestCert: asks,
      // A client may send no certificate if it is only requested. A wrong certificate is refused in this file.
      rejectUnauthorized: options.requireCertificate === true,
      // The listener's deadline decides. This timeout must only be later.
      handshakeTimeout: TIMER_MS_MAX,
      ALPNCallback: ({ protocols }) => (protocols.includes(alpn) ? alpn : protocols[0]),
      SNICallback: (serverName, done) => done(null, this.#byName.get(serverName.toLowerCase())),
    })
    this.#server.on('secureConnection', socket => this.#secured(socket))
    this.#server.on('tlsClientError', (error, socket) => this.#failed(error, socket))
    if (asks) this.#server.on('keylog', (_line, socket) => this.#remember(socket))
    this.#warn(loaded)
  }

  /** Uses other certificates, keys and lists from now on. */
  replace(loaded: LoadedFiles): void {
    this.#server.setSecureContext({ ...loaded.main, ...loaded.resumption })
    this.#byName = contextsOf(loaded)
    this.#revoked = loaded.revoked
    if (loaded.psk !== null) this.#psk?.replace(loaded.psk.keys)
    this.#warn(loaded)
  }

  /** Whether the certificate or key, or an authority above the certificate, counts no more. */
  hasRevoked({ certificate, psk }: Pick<Peer, 'certificate' | 'psk'>): boolean {
    const { issuedAs = [] } = certificate ?? {}
    if (psk != null && this.#psk?.has(psk) !== true) return true
    return issuedAs.some(name => this.#revoked.has(name))
  }

  secure(socket: Socket, peer: Peer, next: (socket: TLSSocket, peer: Peer) => void): void {
    if (socket.destroyed) return
    this.#handshakes.set(socket, { peer, next })
    this.#server.emit('connection', socket)
  }

  #secured(socket: TLSSocket): void {
    // A client of TLS 1.2 may ask for another handshake, which costs it little and the broker much.
    socket.disableRenegotiation()
    socket.on('error', error => this.#broken(error, socket))
    const handshake = this.#handshakeOf(socket)
    if (handshake === null || socket.destroyed) {
      socket.destroy()
      return
    }
    const peer = { ...handshake.peer, ...this.#provedBy(socket) }
    const refusal = certificateRefusal(socket) ?? this.#revocation(peer)
    if (refusal === null) handshake.next(socket, peer)
    else this.#failed(refusal, socket)
  }

  #provedBy(socket: TLSSocket): Pick<Peer, 'certificate' | 'psk'> {
    const psk = this.#psk?.provedBy(socket) ?? null
    return psk === null ? { certificate: certificateOf(socket) } : { certificate: null, psk }
  }

  /** A session of TLS that is resumed brings a certificate that was verified earlier. The files may have changed during a handshake. */
  #revocation(peer: Peer): (Error & { code?: string }) | null {
    if (!this.hasRevoked(peer)) return null
    return Object.assign(new Error(REVOKED), { code: REVOKED })
  }

  /**
   * Node destroys the socket of a client with a refused certificate before it reports the refusal. The first event of a TLS
   * socket is this one. It is meant for logging keys, which are ignored here.
   */
  #remember(socket: TLSSocket): void {
    if (this.#clients.has(socket)) return
    const client: TlsClient = { address: this.#addressOf(socket), certificate: NO_CERTIFICATE }
    this.#clients.set(socket, client)
    socket.prependOnceListener('secure', () => {
      client.certificate = socket.getPeerCertificate()
    })
  }

  #warn({ psk }: LoadedFiles): void {
    for (const { place, sentence } of psk?.warnings ?? []) {
      this.#log.warn({ event: 'psk.doubtful', place }, `${place}: ${sentence}`)
    }
  }

  #addressOf(socket: TLSSocket): string {
    return this.#handshakeOf(socket)?.peer.address ?? socket.remoteAddress ?? ''
  }

  #broken(error: Error & { code?: string }, socket: TLSSocket): void {
    if (error.code !== 'ERR_TLS_RENEGOTIATION_DISABLED') return
    const fields = {
      event: 'tls.renegotiated',
      listener: this.#name(),
      address: this.#addressOf(socket),
      cause: 'the client asked for another handshake on one connection',
    }
    this.#log.warn(fields, 'TLS renegotiation refused')
    socket.destroy()
  }

  #failed(error: Error & { code?: string }, socket: TLSSocket): void {
    socket.on('error', ignored)
    // A probe that opened the connection only to check that it can be opened.
    if (bytesBeneath(socket) === 0) {
      socket.destroy()
      return
    }
    const client = this.#clients.get(socket)
    const address = client?.address ?? this.#addressOf(socket)
    const fields = {
      event: 'tls.refused',
      listener: this.#name(),
      address,
      cause: this.#wrongKey(error, socket) ?? sentenceOf(error, socket, client?.certificate),
    }
    this.#log.warn(fields, 'TLS handshake failed')
    socket.destroy()
  }

  #wrongKey({ code }: Error & { code?: string }, socket: TLSSocket): string | null {
    const isOfKey = code !== undefined && WRONG_KEY_CODES.includes(code)
    return isOfKey ? (this.#psk?.sentenceFor(socket) ?? null) : null
  }

  /** Node has no public API for the socket beneath a TLS socket. */
  #handshakeOf(socket: TLSSocket): PendingHandshake | null {
    const beneath: unknown = Reflect.get(socket, '_parent')
    if (typeof beneath !== 'object' || beneath === null) return null
    return this.#handshakes.get(beneath) ?? null
  }
}

interface TlsClient {
  /** The address of the client, from the PROXY header if there is one. */
  readonly address: string
  certificate: Partial<PeerCertificate>
}

/** How OpenSSL reports a wrong key, in TLS 1.3 and in TLS 1.2. */
const WRONG_KEY_CODES = [
  'ERR_SSL_BINDER_DOES_NOT_VERIFY',
  'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC',
  'ERR_SSL_DIGEST_CHECK_FAILED',
]
const REVOKED = 'CERT_REVOKED'
const NO_CERTIFICATE: Partial<PeerCertificate> = {}

/** Returns why an optional client certificate is refused; null when it is valid or missing. */
function certificateRefusal(socket: TLSSocket): (Error & { code?: string }) | null {
  const { authorizationError } = socket
  if (socket.authorized || socket.getPeerCertificate().raw === undefined) return null
  const code = String(authorizationError)
  return Object.assign(new Error(code), { code })
}

/** Returns how many bytes the client has sent; null if unknown. */
function bytesBeneath(socket: TLSSocket): number | null {
  const beneath: unknown = Reflect.get(socket, '_parent')
  return beneath instanceof Socket ? beneath.bytesRead : null
}

function sentenceOf(
  error: Error & { code?: string },
  socket: TLSSocket,
  certificate: Partial<PeerCertificate> | undefined,
): string {
  // Node reports it as a code.
  const refusal = error.code === REVOKED ? REVOKED : (socket.authorizationError as unknown)
  if (typeof refusal === 'string') return certificateSentence(refusal, certificate)
  switch (error.code) {
    case 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA':
    case 'ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE':
    case 'ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN':
    case 'ERR_SSL_TLSV1_ALERT_DECRYPT_ERROR':
      return 'the client does not trust our certificate (wrong CA file at the client, or a name that certFile does not have?)'
    case 'ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED':
      return 'the client says that our certificate has expired'
    case 'ERR_SSL_UNSUPPORTED_PROTOCOL':
      return 'the client speaks a version of TLS older than tls.minVersion'
    case 'ERR_SSL_NO_SHARED_CIPHER':
      return 'the client and our certificate have no cipher in common'
    case 'ECONNRESET':
      return 'the client went away during the TLS handshake'
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
      return 'the client does not speak TLS (plain MQTT to the TLS port?)'
    case 'ERR_SSL_HTTP_REQUEST':
      return 'the client speaks plain HTTP to the TLS port'
    case 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE':
      return 'the client gave no certificate'
    default:
      return plainReason(error)
  }
}

/** Returns OpenSSL's message without numbers and file names: `error:0A000126:SSL routines::unexpected eof while reading`. */
function plainReason(error: Error): string {
  const reason = 'reason' in error && typeof error.reason === 'string' ? error.reason : null
  const words = (reason ?? error.message.split(':').at(-2) ?? error.message).trim()
  return shortened(words === '' ? error.message.trim() : words)
}

function certificateSentence(
  code: string,
  certificate: Partial<PeerCertificate> | undefined,
): string {
  const { subject, valid_to: end = '?', valid_from: begin = '?' } = certificate ?? {}
  const name = Array.isArray(subject?.CN) ? subject.CN[0] : subject?.CN
  const whose = name === undefined ? 'its certificate' : `its certificate (CN=${name})`
  switch (code) {
    case 'CERT_HAS_EXPIRED':
      return `${whose} expired on ${end}`
    case 'CERT_NOT_YET_VALID':
      return `${whose} is not valid before ${begin}`
    case REVOKED:
      return `${whose} was revoked`
    case 'UNABLE_TO_GET_CRL':
      return `${whose} cannot be checked: crlFile has no list of its issuer`
    case 'CRL_HAS_EXPIRED':
      return `${whose} cannot be checked: the list of its issuer in crlFile has expired`
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return `${whose} is not signed by an authority in caFile`
    case 'INVALID_PURPOSE':
      return `${whose} is not made for clients (extendedKeyUsage)`
    default:
      return `${whose} is refused (${code})`
  }
}
