// An access for tests: everybody is the user that his CONNECT names.

import type { Access } from '../src/access/access.ts'
import { openAccess } from '../src/access/open-access.ts'
import { UNRESTRICTED } from '../src/access/permissions.ts'

export const trustingAccess: Access = {
  ...openAccess,
  authenticate: ({ username }) => ({
    kind: 'allowed',
    permissions: UNRESTRICTED,
    username,
    authentication: username === null ? 'none' : 'password',
  }),
}
