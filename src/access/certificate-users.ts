// Users by their certificates: the name that a verified certificate bears, and the list of those that are let in.

import { BAD_USER_NAME_OR_PASSWORD, NOT_AUTHORIZED } from '../packet/reason.ts'
import type { ClientCertificate } from './access.ts'
import type { Refused } from './authenticator.ts'
import type { FingerprintFile } from './fingerprint-file.ts'
import { isUserName } from './user-name.ts'

export interface CertificateSettings {
  /** Where the user name is written. Left out: a certificate makes nobody a user. */
  readonly user?: 'commonName' | 'subjectAltName' | undefined
  /** SHA-256 of the certificates that are let in, in hexadecimal, with colons or without. Left out: every verified one. */
  readonly fingerprints?: readonly string[] | undefined
  /** A file with more of them, each with its user or without. */
  readonly fingerprintsFile?: string | undefined
}

export class CertificateUsers {
  readonly #user: CertificateSettings['user']
  /** Those of the configuration. */
  readonly #fixed: readonly string[]
  readonly #listsSome: boolean
  /** The users by fingerprint, null where the certificate says who it is. */
  #listed: ReadonlyMap<string, string | null> = new Map()
  #names: ReadonlySet<string> = new Set()

  constructor(settings: CertificateSettings, file: FingerprintFile | null = null) {
    const { user, fingerprints, fingerprintsFile } = settings
    this.#user = user
    this.#fixed = (fingerprints ?? []).map(plainFingerprint)
    this.#listsSome = fingerprints !== undefined || fingerprintsFile !== undefined
    this.replace(file)
  }

  /** Sets the content of the file. */
  replace(file: FingerprintFile | null): void {
    const fixed = this.#fixed.map(fingerprint => [fingerprint, null] as const)
    this.#listed = new Map([...fixed, ...(file ?? [])])
    this.#names = new Set([...this.#listed.values()].filter(name => name !== null))
  }

  /** Whether a certificate may make its client this user. */
  mayName(username: string): boolean {
    return this.#user !== undefined || this.#names.has(username)
  }

  /** The user; null when certificates make nobody a user; or why its client is refused. */
  userOf(certificate: ClientCertificate): string | null | Refused {
    const listed = this.#listed.get(plainFingerprint(certificate.fingerprint))
    if (listed === undefined && this.#listsSome) return UNLISTED
    if (typeof listed === 'string') return listed
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

export function plainFingerprint(fingerprint: string): string {
  return fingerprint.replaceAll(':', '').toUpperCase()
}

const UNLISTED: Refused = {
  kind: 'refused',
  reason: NOT_AUTHORIZED,
  sentence: 'its certificate is not listed (access.certificates)',
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
