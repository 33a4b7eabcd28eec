// What must be so of a request of a browser: a page of another site could ask with the visitor's cookie, and the owner of any name
// could make that name point here.

import type { IncomingMessage } from 'node:http'
import { isIP } from 'node:net'
import { quoted } from '../packet/text.ts'
import { Problem } from './problem.ts'

const LOCAL_NAMES = ['localhost', '127.0.0.1', '[::1]']

/**
 * Checks that the host which was asked for is this broker: this machine, a number (nobody can make a number point elsewhere), or a name
 * of the configuration. A program with a key is no browser, and may call the broker what it likes. Throws Problem.
 */
export function checkHost(incoming: IncomingMessage, hosts: readonly string[]): void {
  const { host, authorization } = incoming.headers
  if (authorization !== undefined) return
  const name = hostnameOf(host)
  if (name !== null && isKnown(name, hosts)) return
  throw new Problem(
    421,
    `this broker is not known as ${quoted(name ?? host ?? '')}: add the name to dashboard.hosts`,
  )
}

function isKnown(name: string, hosts: readonly string[]): boolean {
  if (LOCAL_NAMES.includes(name) || isIP(name.replaceAll(/[[\]]/g, '')) !== 0) return true
  return hosts.some(each => each.toLowerCase() === name)
}

/** In lower case, without port; null if it is no host. */
function hostnameOf(host: string | undefined): string | null {
  const match = /^(\[[\da-f:.]+\]|[^:/?#@\\\s[\]]+)(?::\d{1,5})?$/i.exec(host ?? '')
  return match?.[1]?.toLowerCase() ?? null
}

/** A request with a cookie must come from a page of this broker. Throws Problem. */
export function checkOfCookie(incoming: IncomingMessage): void {
  const { method = 'GET', headers } = incoming
  const site = headers['sec-fetch-site']
  const isForeign = site !== undefined && site !== 'same-origin' && site !== 'none'
  const isChange = method !== 'GET' && method !== 'HEAD'
  const isOwn = isOwnOrigin(incoming)
  if (!isForeign && isOwn !== false && (isOwn || !isChange)) return
  throw new Problem(
    403,
    'this request was not made by the dashboard of this broker: open the dashboard itself, or use a key',
  )
}

/** The same for a request that has no cookie yet. Throws Problem. */
export function checkOrigin(incoming: IncomingMessage): void {
  if (isOwnOrigin(incoming) !== false) return
  throw new Problem(403, 'a page of another site may not sign in here: open the dashboard itself')
}

/** Null if the request has no origin. The scheme is not compared, because a proxy may add TLS. */
function isOwnOrigin({ headers }: IncomingMessage): boolean | null {
  const { origin, host = '' } = headers
  if (origin === undefined) return null
  const match = /^https?:\/\/([^/]+)$/i.exec(origin)
  return match?.[1]?.toLowerCase() === host.toLowerCase()
}
