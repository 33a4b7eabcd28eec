// What a caller may do with messages: an operator everything, a key of the role `user` what the rules of its user of MQTT allow.

import { type Permissions, UNRESTRICTED } from '../access/permissions.ts'
import type { Asker } from '../broker/admission.ts'
import type { Caller } from './caller.ts'
import type { ApiParts } from './parts.ts'
import { Problem } from './problem.ts'

/** Throws Problem if nothing is known of the user of the key. */
export function rightsOf(caller: Caller, { permissionsOf }: ApiParts): Permissions {
  if (caller.role !== 'user') return UNRESTRICTED
  const permissions = permissionsOf(identityOf(caller))
  if (permissions !== null) return permissions
  throw new Problem(
    403,
    `the rights of ${caller.username} are not known: a key can be for a user of access.usersFile or access.users`,
  )
}

/** Who publishes, for rules and retained messages. */
export function askerOf(caller: Caller, parts: ApiParts): Asker {
  const permissions = rightsOf(caller, parts)
  if (caller.role !== 'user') return { clientId: null, permissions, identity: null }
  const identity = identityOf(caller)
  return { clientId: identity.clientId, permissions, identity }
}

function identityOf({ username, name }: Caller) {
  return {
    clientId: `rest-${name.replace('key ', '')}`,
    username,
    address: '',
    authentication: 'password',
  }
}
