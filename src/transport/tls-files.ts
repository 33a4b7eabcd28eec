// The files of a listener with TLS: certificates and their keys, authorities, lists of revoked certificates, and pre-shared keys.

import { X509Certificate, createPrivateKey } from 'node:crypto'
import { readFile, stat } from 'node:fs/promises'
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls'
import { readAccessFile } from '../access/access-file.ts'
import { parsePskFile, type PskFile } from '../access/psk-file.ts'
import { thrownSentence } from '../thrown.ts'
import type { CertificateFiles, TlsOptions } from './listener-options.ts'
import { PSK_CONTEXT } from './pre-shared-keys.ts'
import { revokedIn } from './revocations.ts'

export interface LoadedFiles {
  readonly main: SecureContextOptions
  /** For clients that ask for another server name. */
  readonly byName: ReadonlyMap<string, SecureContextOptions>
  /** The certificates that the lists name. */
  readonly revoked: ReadonlySet<string>
  /** Null when the listener has no pre-shared keys. */
  readonly psk: PskFile | null
  /** What several processes must have in common, so that a session of TLS that began at one is resumed at another. */
  readonly resumption?: Resumption
}

export interface Resumption {
  readonly ticketKeys: Buffer
  readonly sessionIdContext: string
}

/** Returns the contexts by server name. */
export function contextsOf({ byName }: LoadedFiles): ReadonlyMap<string, SecureContext> {
  return new Map([...byName].map(([name, options]) => [name, createSecureContext(options)]))
}

/** Returns all problems of the files, one sentence each. */
export async function checkTlsFiles(options: TlsOptions): Promise<readonly string[]> {
  try {
    await loadTlsFiles(options)
    return []
  } catch (error) {
    return [thrownSentence(error)]
  }
}

/** Rejects with a sentence that names the wrong file. */
export async function loadTlsFiles(options: TlsOptions): Promise<LoadedFiles> {
  const { pskFile, caFile, crlFile, minVersion = 'TLSv1.2', ciphers } = options
  const psk = pskFile === undefined ? null : parsePskFile(readAccessFile(pskFile), pskFile)
  const ca = caFile === undefined ? undefined : await read(caFile)
  const crl = crlFile === undefined ? undefined : revocationsIn(await read(crlFile), crlFile)
  if (ca !== undefined) parseCertificate(ca, caFile ?? '')
  const shared: SecureContextOptions = {
    minVersion,
    ...(ciphers !== undefined && { ciphers }),
    ...(psk !== null && PSK_CONTEXT),
    ...(ca !== undefined && { ca }),
    ...(crl !== undefined && { crl }),
  }
  const main = { ...shared, ...(await loadPair(options)) }
  const byName = new Map<string, SecureContextOptions>()
  for (const [serverName, files] of Object.entries(options.sni ?? {})) {
    byName.set(serverName.toLowerCase(), { ...shared, ...(await loadPair(files)) })
  }
  const loaded = { main, byName, revoked: revokedIn(crl ?? []), psk }
  // What OpenSSL does not take is found before anything is replaced.
  createSecureContext(main)
  contextsOf(loaded)
  return loaded
}

/** Returns nothing for a listener that has pre-shared keys only. */
async function loadPair({
  certFile,
  keyFile,
}: CertificateFiles | TlsOptions): Promise<SecureContextOptions> {
  if (certFile === undefined || keyFile === undefined) return {}
  const cert = await read(certFile)
  const key = await read(keyFile)
  const certificate = parseCertificate(cert, certFile)
  let privateKey
  try {
    privateKey = createPrivateKey(key)
  } catch {
    if (key.includes('ENCRYPTED')) {
      throw new Error(`${keyFile} holds an encrypted key, and Pondhawk has no passphrase for it`)
    }
    throw new Error(`${keyFile} holds no private key in PEM`)
  }
  if (!certificate.checkPrivateKey(privateKey)) {
    throw new Error(`${keyFile} is not the key of the certificate in ${certFile}`)
  }
  return { cert, key }
}

const REVOCATION_LIST = /-----BEGIN X509 CRL-----[^-]+-----END X509 CRL-----/g

/** Splits a text into its revocation lists, because OpenSSL reads only the first one of a text. */
function revocationsIn(pem: Buffer, file: string): string[] {
  const lists = pem.toString('latin1').match(REVOCATION_LIST) ?? []
  try {
    if (lists.length > 0) {
      createSecureContext({ crl: lists })
      return lists
    }
  } catch {
    // The text looks like a revocation list but is not valid.
  }
  throw new Error(`${file} holds no list of revoked certificates in PEM`)
}

function parseCertificate(pem: Buffer, file: string): X509Certificate {
  try {
    return new X509Certificate(pem)
  } catch {
    throw new Error(`${file} holds no certificate in PEM`)
  }
}

/** As for files of users. */
const FILE_BYTES_MAX = 16_777_216

/** A pipe would hold a thread of Node until somebody writes to it, and a device may have no end. */
async function read(file: string): Promise<Buffer> {
  try {
    const found = await stat(file)
    // Reading a folder has the right error.
    const isRead = found.isFile() ? found.size <= FILE_BYTES_MAX : found.isDirectory()
    if (isRead) return await readFile(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new Error(`${file} cannot be read (${code ?? 'unknown error'})`)
  }
  throw new Error(`${file} is a pipe, a device, or larger than ${FILE_BYTES_MAX} bytes`)
}
