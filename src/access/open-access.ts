// Everybody is welcome. Who can reach the listener is decided by its address and its certificates.

import type { Access } from './access.ts'
import { UNRESTRICTED } from './permissions.ts'

export const openAccess: Access = {
  authenticate: () => ({ kind: 'allowed', permissions: UNRESTRICTED, authentication: 'none' }),
  beginExchange: () => null,
  permissionsOf: () => UNRESTRICTED,
}
