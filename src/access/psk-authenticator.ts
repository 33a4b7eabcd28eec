// Authenticates a client by the identity of its pre-shared key, which TLS has verified. The user name in CONNECT does not count.

import { BAD_USER_NAME_OR_PASSWORD } from '../packet/reason.ts'
import type { Credentials } from './access.ts'
import type { Authenticator, FoundOrRefused, Refused } from './authenticator.ts'
import { isUserName, NO_USER_NAME } from './user-name.ts'

export const PSK = 'psk'

export class PskAuthenticator implements Authenticator {
  readonly name = PSK

  authenticate({ pskIdentity = null }: Credentials): FoundOrRefused {
    if (pskIdentity === null) return null
    if (!isUserName(pskIdentity)) return NO_NAME
    const authentication = PSK
    return { kind: 'found', username: pskIdentity, authentication, rights: null, validForMs: null }
  }
}

const NO_NAME: Refused = {
  kind: 'refused',
  reason: BAD_USER_NAME_OR_PASSWORD,
  sentence: `the identity of its key ${NO_USER_NAME}`,
}
