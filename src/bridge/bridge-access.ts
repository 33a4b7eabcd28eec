// The access of a broker with bridges: their own connections are known by the stream that was opened for them.

import type { Access, Verdict } from '../access/access.ts'
import type { Identity } from '../access/identity.ts'
import { UNRESTRICTED } from '../access/permissions.ts'
import { CLIENT_IDENTIFIER_NOT_VALID } from '../packet/reason.ts'

const AUTHENTICATION = 'bridge'

export interface KnownBridges {
  /** Whether the connection was opened by a bridge. */
  isBridge(peer: object): boolean
  /** Whether a bridge has this session. */
  isLocalId(clientId: string): boolean
}

/** Whether it is that of a bridge, which may be in the configuration or not. */
export function isOfBridge({ authentication }: Identity): boolean {
  return authentication === AUTHENTICATION
}

/** Bridges may do what the broker may. Nobody else may have a session of theirs, because nobody else has their user. */
export function bridgedAccess(access: Access, bridges: KnownBridges): Access {
  const isOwn = (identity: Identity): boolean =>
    isOfBridge(identity) && bridges.isLocalId(identity.clientId)
  const bridged: Access = {
    ...access,
    authenticate: (credentials, connecting) => {
      if (connecting !== undefined && bridges.isBridge(connecting.peer)) return OF_BRIDGE
      return bridges.isLocalId(credentials.clientId)
        ? OF_ANOTHER
        : access.authenticate(credentials, connecting)
    },
    beginExchange: (method, credentials, connecting) =>
      bridges.isLocalId(credentials.clientId)
        ? { step: () => OF_ANOTHER }
        : access.beginExchange(method, credentials, connecting),
    permissionsOf: identity => (isOwn(identity) ? UNRESTRICTED : access.permissionsOf(identity)),
  }
  if (access.authorRights === undefined) return bridged
  return {
    ...bridged,
    authorRights: identity =>
      isOwn(identity) ? UNRESTRICTED : (access.authorRights?.(identity) ?? null),
  }
}

const OF_BRIDGE: Verdict = {
  kind: 'allowed',
  permissions: UNRESTRICTED,
  authentication: AUTHENTICATION,
}

const OF_ANOTHER: Verdict = {
  kind: 'refused',
  reason: CLIENT_IDENTIFIER_NOT_VALID,
  sentence: 'the client id is that of a bridge (bridges)',
}
