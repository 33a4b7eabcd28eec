// Users by their certificates: the name that a verified certificate bears, and the list of those that are let in.

import { BAD_USER_NAME_OR_PASSWORD, NOT_AUTHORIZED } from '../packet/reason.ts'
import type { ClientCertificate } from './access.ts'
import type { Refused } from './authenticator.ts'
import { isUserName } from './user-name.ts'

export interface CertificateSettings {
  /** Where the user name is written. Left out: a certificate makes nobody a user. */
  readonly user?: 'commonName' | 'subjectAltName' | undefined
  /** SHA-256 of the certificates that are let in, in hexadecimal, with colons or without. Left out: every verified one. */
  readonly fingerprints?: readonly string[] | undefined
}

export class CertificateUsers {
  readonly #user: CertificateSettings['user']
  /** Null when every verified certificate is let in. */
  readonly #fingerprints: ReadonlySet<string> | null

  constructor({ user, fingerprints }: CertificateSettings) {
    this.#user = user
    this.#fingerprints = fingerprints === undefined ? null : new Set(fingerprints.map(plain))
  }

  /** Whether the name of a certificate is the user name of its client. */
  get namesUsers(): boolean {
    return this.#user !== undefined
  }

  /** The user; null when certificates make nobody a user; or why its client is refused. */
  userOf(certificate: ClientCertificate): string | null | Refused {
    if (this.#fingerprints?.has(plain(certificate.fingerprint)) === false) return UNLISTED
    switch (this.#user) {
      case undefined:
        return null
      case 'commonName':
        return isUserName(certificate.commonName) ? certificate.commonName : NO_COMMON_NAME
      case 'subjectAltName': {
        const [name, ...others] = certificate.subjectAltNames
        // Whoever signs a certificate for two names has not said which of them is the user.
        if (name === undefined || others.length > 0 || !isUserName(name)) return NO_ALTERNATIVE_NAME
        return name
      }
    }
  }
}

function plain(fingerprint: string): string {
  return fingerprint.replaceAll(':', '').toUpperCase()
}

const UNLISTED: Refused = {
  kind: 'refused',
  reason: NOT_AUTHORIZED,
  sentence: 'its certificate is none of access.certificates.fingerprints',
}
const NO_COMMON_NAME: Refused = {
  kind: 'refused',
  reason: BAD_USER_NAME_OR_PASSWORD,
  sentence: 'its certificate has no single common name (CN) that can be a user name',
}
const NO_ALTERNATIVE_NAME: Refused = {
  kind: 'refused',
  reason: BAD_USER_NAME_OR_PASSWORD,
  sentence: 'its certificate has no single alternative name (SAN) that can be a user name',
}
