// What the core orders a front end by messages beside the link: listeners with their certificates, and sockets.

import type { SecureContextOptions } from 'node:tls'
import { PreSharedKey } from '../access/psk-file.ts'
import type { ListenerOptions, TlsOptions } from '../transport/listener-options.ts'
import type { LoadedFiles } from '../transport/tls-files.ts'

/** How a handshake is done; certificates and keys come as bytes. */
type FrontTls = Pick<TlsOptions, 'requestCertificate' | 'requireCertificate' | 'pskHint'>

/** What a front end needs of the options of a listener. */
type FrontOptions = Pick<
  ListenerOptions,
  | 'key'
  | 'protocol'
  | 'path'
  | 'proxyProtocol'
  | 'proxyTrusted'
  | 'origins'
  | 'hosts'
  | 'handshakeTimeoutMs'
  | 'connectTimeoutMs'
  | 'frameBytesMax'
  | 'firstFrameBytesMax'
> & { readonly tls?: FrontTls }

/** A listener, or its new certificates. */
export interface ListenerOrder {
  readonly kind: 'listener'
  readonly listener: number
  readonly name: string
  readonly options: FrontOptions
  /** Grows with each renewal of the files. */
  readonly generation: number
  readonly files: WrittenFiles | null
}

/** A socket, which comes with the message. */
export interface SocketOrder {
  readonly kind: 'socket'
  readonly connection: number
  readonly listener: number
  readonly address: string
  readonly port: number
  readonly waitedMs: number
}

export type Order = ListenerOrder | SocketOrder

export function frontOptionsOf(options: ListenerOptions): FrontOptions {
  const { key, protocol, path, proxyProtocol, proxyTrusted, origins, hosts, tls } = options
  const { handshakeTimeoutMs, connectTimeoutMs, frameBytesMax, firstFrameBytesMax } = options
  const common = { key, protocol, path, proxyProtocol, proxyTrusted, origins, hosts }
  const bounds = { handshakeTimeoutMs, connectTimeoutMs, frameBytesMax, firstFrameBytesMax }
  if (tls === undefined) return { ...common, ...bounds }
  const { requestCertificate, requireCertificate, pskHint } = tls
  return { ...common, ...bounds, tls: { requestCertificate, requireCertificate, pskHint } }
}

type WrittenContext = Omit<SecureContextOptions, 'cert' | 'key' | 'ca'> & {
  readonly cert?: string
  readonly key?: string
  readonly ca?: string
}

/** Certificates and keys as JSON has them. */
interface WrittenFiles {
  readonly main: WrittenContext
  readonly byName: Readonly<Record<string, WrittenContext>>
  readonly revoked: readonly string[]
  readonly psk: Readonly<Record<string, string>> | null
  readonly ticketKeys: string
  readonly sessionIdContext: string
}

export function writtenFiles(
  loaded: LoadedFiles & Required<Pick<LoadedFiles, 'resumption'>>,
): WrittenFiles {
  const { main, byName, revoked, psk, resumption } = loaded
  return {
    main: writtenContext(main),
    byName: Object.fromEntries([...byName].map(([name, each]) => [name, writtenContext(each)])),
    revoked: [...revoked],
    psk:
      psk === null
        ? null
        : Object.fromEntries(
            [...psk.keys.values()].map(key => [key.identity, key.bytes.toString('hex')]),
          ),
    ticketKeys: resumption.ticketKeys.toString('hex'),
    sessionIdContext: resumption.sessionIdContext,
  }
}

export function filesIn(written: WrittenFiles): LoadedFiles {
  const { main, byName, revoked, psk, ticketKeys, sessionIdContext } = written
  return {
    main,
    byName: new Map(Object.entries(byName)),
    revoked: new Set(revoked),
    psk: psk === null ? null : { keys: keysIn(psk), warnings: [] },
    resumption: { ticketKeys: Buffer.from(ticketKeys, 'hex'), sessionIdContext },
  }
}

function keysIn(psk: Readonly<Record<string, string>>): ReadonlyMap<string, PreSharedKey> {
  const keys = Object.entries(psk).map(
    ([identity, hex]) => [identity, new PreSharedKey(identity, Buffer.from(hex, 'hex'))] as const,
  )
  return new Map(keys)
}

/** The files are texts: PEM. */
function writtenContext({ cert, key, ca, ...others }: SecureContextOptions): WrittenContext {
  return {
    ...others,
    ...(Buffer.isBuffer(cert) && { cert: cert.toString('latin1') }),
    ...(Buffer.isBuffer(key) && { key: key.toString('latin1') }),
    ...(Buffer.isBuffer(ca) && { ca: ca.toString('latin1') }),
  }
}
