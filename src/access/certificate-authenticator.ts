// Authenticates a client by its verified certificate. The certificate says who it is: a name in CONNECT is only a claim beside it.

import type { Credentials } from './access.ts'
import type { Authenticator, FoundOrRefused } from './authenticator.ts'
import type { CertificateUsers } from './certificate-users.ts'

export const CERTIFICATE = 'certificate'

export class CertificateAuthenticator implements Authenticator {
  readonly name = 'certificates'
  readonly users: CertificateUsers

  constructor(users: CertificateUsers) {
    this.users = users
  }

  authenticate({ certificate }: Credentials): FoundOrRefused {
    if (certificate === null) return null
    const user = this.users.userOf(certificate)
    if (user === null) return null
    if (typeof user !== 'string') return user
    const authentication = CERTIFICATE
    return { kind: 'found', username: user, authentication, rights: null, validForMs: null }
  }
}
