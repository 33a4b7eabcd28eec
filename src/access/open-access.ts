// Open access: every client is allowed. The address and the certificates of the listener decide who can reach it.

import type { Access } from './access.ts'
import { UNRESTRICTED } from './permissions.ts'

export const openAccess: Access = {
  authenticate: () => ({ kind: 'allowed', permissions: UNRESTRICTED, authentication: 'none' }),
  beginExchange: () => null,
  permissionsOf: () => UNRESTRICTED,
}
