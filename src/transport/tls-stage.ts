// TLS in front of a listener: certificates by name, client certificates, and renewal without dropping anybody.

import { X509Certificate, createPrivateKey } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import {
  createSecureContext,
  createServer,
  type SecureContext,
  type Server,
  type TLSSocket,
} from 'node:tls'
import type { Log } from '../observe/log.ts'
import { shortened } from '../packet/text.ts'
import type { CertificateFiles, TlsOptions } from './listener-options.ts'
import { ignored, type Peer } from './wire.ts'

const TIMER_MS_MAX = 2_147_483_647

interface Waiting {
  readonly peer: Peer
  readonly next: (socket: TLSSocket, peer: Peer) => void
}

interface LoadedCertificates {
  readonly main: {
    readonly cert: Buffer
    readonly key: Buffer
    readonly ca?: Buffer
    readonly crl?: Buffer
  }
  readonly byName: ReadonlyMap<string, SecureContext>
}

export class TlsStage {
  readonly #options: TlsOptions
  readonly #log: Log
  readonly #name: () => string
  readonly #server: Server
  /** Sockets in their handshake. An address would not do: a Unix socket has none, nor has one that is gone. */
  readonly #waiting = new WeakMap<object, Waiting>()
  #byName: ReadonlyMap<string, SecureContext> = new Map()

  private constructor(
    options: TlsOptions,
    loaded: LoadedCertificates,
    alpn: string,
    log: Log,
    name: () => string,
  ) {
    this.#options = options
    this.#log = log
    this.#name = name
    this.#byName = loaded.byName
    const asks = options.requestCertificate === true || options.requireCertificate === true
    this.#server = createServer({
      ...loaded.main,
      minVersion: options.minVersion ?? 'TLSv1.2',
      requestCert: asks,
      rejectUnauthorized: asks,
      // The listener's deadline is the one that counts, and looks twice: this one only has to be behind it.
      handshakeTimeout: TIMER_MS_MAX,
      ALPNCallback: ({ protocols }) => (protocols.includes(alpn) ? alpn : protocols[0]),
      SNICallback: (serverName, done) => done(null, this.#byName.get(serverName.toLowerCase())),
    })
    this.#server.on('secureConnection', socket => this.#secured(socket))
    this.#server.on('tlsClientError', (error, socket) => this.#failed(error, socket))
  }

  /** Rejects with a sentence that names the file which is wrong. */
  static async create(
    options: TlsOptions,
    alpn: string,
    log: Log,
    name: () => string,
  ): Promise<TlsStage> {
    const loaded = await load(options)
    return new TlsStage(options, loaded, alpn, log, name)
  }

  /** Reads the files anew. What is wrong with them leaves the old ones in force. */
  async reload(): Promise<void> {
    const loaded = await load(this.#options)
    this.#server.setSecureContext(loaded.main)
    this.#byName = loaded.byName
  }

  secure(socket: Socket, peer: Peer, next: (socket: TLSSocket, peer: Peer) => void): void {
    if (socket.destroyed) return
    this.#waiting.set(socket, { peer, next })
    this.#server.emit('connection', socket)
  }

  #secured(socket: TLSSocket): void {
    socket.on('error', ignored)
    const waiting = this.#waitingFor(socket)
    if (waiting === null || socket.destroyed) {
      socket.destroy()
      return
    }
    waiting.next(socket, { ...waiting.peer, certificate: certificateOf(socket) })
  }

  #failed(error: Error & { code?: string }, socket: TLSSocket): void {
    socket.on('error', ignored)
    const address = this.#waitingFor(socket)?.peer.address ?? socket.remoteAddress ?? ''
    const fields = {
      event: 'tls.refused',
      listener: this.#name(),
      address,
      cause: sentenceOf(error),
    }
    this.#log.warn(fields, 'TLS handshake failed')
    socket.destroy()
  }

  /** Node has no public way to ask a TLS socket for the socket beneath it. */
  #waitingFor(socket: TLSSocket): Waiting | null {
    const beneath: unknown = Reflect.get(socket, '_parent')
    if (typeof beneath !== 'object' || beneath === null) return null
    return this.#waiting.get(beneath) ?? null
  }
}

function certificateOf(socket: TLSSocket): Peer['certificate'] {
  if (!socket.authorized) return null
  const { subject, fingerprint256 } = socket.getPeerCertificate()
  if (subject === undefined) return null
  const commonName = Array.isArray(subject.CN) ? (subject.CN[0] ?? '') : (subject.CN ?? '')
  return { commonName, fingerprint: fingerprint256 }
}

function sentenceOf(error: Error & { code?: string }): string {
  switch (error.code) {
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
      return 'the client does not speak TLS (plain MQTT to the TLS port?)'
    case 'ERR_SSL_HTTP_REQUEST':
      return 'the client speaks plain HTTP to the TLS port'
    case 'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE':
      return 'the client gave no certificate'
    default:
      return shortened(error.message)
  }
}

async function load(options: TlsOptions): Promise<LoadedCertificates> {
  const { cert, key } = await loadPair(options)
  const ca = options.caFile === undefined ? undefined : await read(options.caFile)
  const crl = options.crlFile === undefined ? undefined : await read(options.crlFile)
  if (ca !== undefined) parseCertificate(ca, options.caFile ?? '')
  const extras = { ...(ca === undefined ? {} : { ca }), ...(crl === undefined ? {} : { crl }) }
  const byName = new Map<string, SecureContext>()
  for (const [serverName, files] of Object.entries(options.sni ?? {})) {
    const pair = await loadPair(files)
    byName.set(serverName.toLowerCase(), createSecureContext({ ...pair, ...extras }))
  }
  return { main: { cert, key, ...extras }, byName }
}

async function loadPair(files: CertificateFiles): Promise<{ cert: Buffer; key: Buffer }> {
  const cert = await read(files.certFile)
  const key = await read(files.keyFile)
  const certificate = parseCertificate(cert, files.certFile)
  let privateKey
  try {
    privateKey = createPrivateKey(key)
  } catch {
    throw new Error(`${files.keyFile} holds no private key in PEM`)
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Error(`${files.keyFile} is not the key of the certificate in ${files.certFile}`)
  }
  return { cert, key }
}

function parseCertificate(pem: Buffer, file: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch {
    throw new Error(`${file} holds no certificate in PEM`)
  }
}

async function read(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new Error(`${file} cannot be read (${code ?? 'unknown error'})`)
  }
}
