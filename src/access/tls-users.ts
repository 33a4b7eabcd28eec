// Users that TLS has proved: by a certificate, or by a pre-shared key.

import type { ClientCertificate, Credentials } from './access.ts'
import type { Authenticator, Refused } from './authenticator.ts'
import { CERTIFICATE, CertificateAuthenticator } from './certificate-authenticator.ts'
import type { CertificateUsers } from './certificate-users.ts'
import type { FingerprintFile } from './fingerprint-file.ts'
import type { Identity } from './identity.ts'
import { PSK, PskAuthenticator } from './psk-authenticator.ts'

export class TlsUsers {
  /** Null when certificates name no users. */
  readonly #certificates: CertificateUsers | null
  /** Null when pre-shared keys name no users. */
  readonly #psk: PskAuthenticator | null

  /** `keysNameUsers`: the identity of a pre-shared key is the user name of its client. */
  constructor(certificates: CertificateUsers | null, { keysNameUsers = false }) {
    this.#certificates = certificates
    this.#psk = keysNameUsers ? new PskAuthenticator() : null
  }

  get authenticators(): readonly Authenticator[] {
    const byCertificate =
      this.#certificates === null ? null : new CertificateAuthenticator(this.#certificates)
    return [byCertificate, this.#psk].filter(each => each !== null)
  }

  /** The user; null for none; or why the client is refused. */
  userOf(credentials: Credentials): string | null | Refused {
    const { certificate } = credentials
    if (certificate !== null) return this.#certificates?.userOf(certificate) ?? null
    const found = this.#psk?.authenticate(credentials) ?? null
    return found?.kind === 'found' ? found.username : found
  }

  /** Whether clients may still be this user by this kind of proof. */
  mayName(username: string, authentication: string): boolean {
    if (authentication === PSK) return this.#psk !== null
    return this.#certificates?.mayName(username) === true
  }

  /** Sets the content of the file with fingerprints. */
  replace(fingerprints: FingerprintFile | null): void {
    this.#certificates?.replace(fingerprints)
  }

  /** Returns why a client with this certificate may not stay, or null. */
  refusalOf(certificate: ClientCertificate, identity: Identity | null): string | null {
    const user = this.#certificates?.userOf(certificate) ?? null
    if (typeof user === 'object' && user !== null) return user.sentence
    const isByCertificate = identity?.authentication === CERTIFICATE
    return isByCertificate && identity.username !== user
      ? 'its certificate belongs to another user now'
      : null
  }
}

export function isOfTls(authentication: string): boolean {
  return authentication === CERTIFICATE || authentication === PSK
}
