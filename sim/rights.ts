// What clients of a simulated world may not publish or subscribe to.

import type { Access } from '../src/access/access.ts'

export const FORBIDDEN_PREFIX = 'forbidden/'
export const UNGRANTED_PREFIX = 'private/'

export function mayPublish(topic: string): boolean {
  return !topic.startsWith(FORBIDDEN_PREFIX)
}

export function maySubscribe(topicFilter: string): boolean {
  return !topicFilter.startsWith(UNGRANTED_PREFIX)
}

const PERMISSIONS = { mayPublish, maySubscribe }

export const ACCESS: Access = {
  authenticate: () => ({ kind: 'allowed', permissions: PERMISSIONS }),
  beginExchange: () => null,
  permissionsOf: () => PERMISSIONS,
}
