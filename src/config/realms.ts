// Listeners with users and rules of their own. The realm of each is its place, which stays the same over restarts.

import type { Config, ListenerConfig } from './config-types.ts'

/** Null for a listener that has the users of all others. */
export function realmOfListener({ access, path, host, port }: ListenerConfig): string | null {
  return access === undefined ? null : (path ?? `${host}:${port ?? 0}`)
}

/** Returns the settings of users and rules of a listener. Certificates and keys name users everywhere alike. */
export function realmAccess({ access: own }: ListenerConfig, { access }: Config): Config['access'] {
  if (own === undefined) return access
  const { certificates, psk, checkRetainSource } = access
  const isKnown = (own.usersFile ?? own.dynamicSecurityFile) !== undefined
  return {
    ...own,
    anonymous: own.anonymous ?? (isKnown ? 'never' : 'loopback'),
    ...(certificates !== undefined && { certificates }),
    ...(psk !== undefined && { psk }),
    ...(checkRetainSource !== undefined && { checkRetainSource }),
  }
}
