// Users of one listener, where it has users and rules of its own. A name belongs to another person at another listener, so the realm is a part
// of how a client was authenticated: `password at 127.0.0.1:1884`. Methods are single words, so it cannot be confused.

import type { Access, Credentials, Exchange, Verdict } from './access.ts'
import type { Identity } from './identity.ts'
import type { Permissions } from './permissions.ts'
import { refusal } from './refusals.ts'
import { NOT_AUTHORIZED } from '../packet/reason.ts'

const AT = ' at '

/** Returns the realm of a client; null for the users of all other listeners. */
export function realmOf({ authentication }: Pick<Identity, 'authentication'>): string | null {
  const at = authentication.indexOf(AT)
  return at === -1 ? null : authentication.slice(at + AT.length)
}

/** Returns the identity as the access of its realm knows it. */
export function withinRealm(identity: Identity): Identity {
  const { authentication } = identity
  const at = authentication.indexOf(AT)
  return at === -1 ? identity : { ...identity, authentication: authentication.slice(0, at) }
}

/** Asks the access of the realm of each client. `main` is for listeners without their own. */
export function accessByRealm(main: Access, realms: ReadonlyMap<string, Access>): Access {
  if (realms.size === 0) return main
  /** Undefined for a realm that the configuration has no more: nothing is known of its clients. */
  const accessOf = (realm: string | null): Access | undefined =>
    realm === null ? main : realms.get(realm)
  const rightsOf = (identity: Identity): Permissions | null =>
    accessOf(realmOf(identity))?.permissionsOf(withinRealm(identity)) ?? null
  const authorRightsOf = (identity: Identity): Permissions | null => {
    const access = accessOf(realmOf(identity))
    // Without users and rules the publisher of a retained message may do everything, as then.
    if (access?.authorRights === undefined) return rightsOf(identity)
    return access.authorRights(withinRealm(identity))
  }
  return {
    authenticate: (credentials, connecting) => {
      const { realm = null } = credentials
      const answer = accessOf(realm)?.authenticate(credentials, connecting) ?? NO_REALM
      return answer instanceof Promise
        ? answer.then(late => inRealm(late, realm, credentials))
        : inRealm(answer, realm, credentials)
    },
    beginExchange: (method, credentials, connecting): Exchange | null => {
      const { realm = null } = credentials
      const exchange = accessOf(realm)?.beginExchange(method, credentials, connecting) ?? null
      if (exchange === null || realm === null) return exchange
      return {
        step: step => {
          const answer = exchange.step(step)
          return answer instanceof Promise
            ? answer.then(late => inRealm(late, realm, credentials))
            : inRealm(answer, realm, credentials)
        },
      }
    },
    permissionsOf: rightsOf,
    authorRights: authorRightsOf,
    ...(main.rightsOf !== undefined && {
      rightsOf: (client, username) => main.rightsOf?.(client, username) ?? NO_RIGHTS,
    }),
  }
}

const NO_REALM = refusal('its listener has no users (listeners.access)', NOT_AUTHORIZED)
const NO_RIGHTS = { mayPublish: () => false, maySubscribe: () => false }

function inRealm(verdict: Verdict, realm: string | null, { username }: Credentials): Verdict {
  if (verdict.kind !== 'allowed' || realm === null) return verdict
  const { authentication = 'none' } = verdict
  // A name that nobody has proved here must not be one elsewhere.
  const proved = authentication === 'none' ? null : (verdict.username ?? username)
  return { ...verdict, username: proved, authentication: `${authentication}${AT}${realm}` }
}
