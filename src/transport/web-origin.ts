// Which web origins may open a WebSocket. A page from anywhere on the web could open one to a broker on the visitor's own
// machine, so only those may whose host is known to be this one, and those that the configuration lists.

import type { IncomingMessage } from 'node:http'
import { type BlockList, isIP } from 'node:net'
import { isWithin, subnetsOf } from './subnets.ts'

export interface OriginRules {
  readonly origins?: readonly string[] | undefined
  readonly hosts?: readonly string[] | undefined
  readonly proxyTrusted?: readonly string[] | undefined
}

const LOCAL_HOSTS = ['localhost', '127.0.0.1', '[::1]']

export class WebOrigins {
  readonly #origins: readonly string[]
  readonly #hosts: readonly string[]
  readonly #proxies: BlockList | null

  constructor({ origins = [], hosts = [], proxyTrusted }: OriginRules) {
    this.#origins = origins
    this.#hosts = hosts.map(host => host.toLowerCase())
    this.#proxies = proxyTrusted === undefined ? null : subnetsOf(proxyTrusted)
  }

  /**
   * The origin is allowed by its own name, is this machine, or is the very host that was asked for, where that is known to
   * be ours: a number, or a name among `hosts`. Any other name could be made to point here by whoever owns it. Programs
   * send an origin as well, mostly the host that they connect to.
   */
  allows(origin: string, request: IncomingMessage): boolean {
    if (this.#origins.includes('*') || this.#origins.includes(origin)) return true
    if (!URL.canParse(origin)) return false
    const url = new URL(origin)
    if (LOCAL_HOSTS.includes(url.hostname)) return true
    if (!this.#isOurs(url.hostname)) return false
    return withPort(url.host, url.protocol) === withPort(this.#hostOf(request), url.protocol)
  }

  #isOurs(hostname: string): boolean {
    return isIP(hostname.replaceAll(/[[\]]/g, '')) !== 0 || this.#hosts.includes(hostname)
  }

  /** What the client asked for: as a proxy tells it, if that is one of ours. */
  #hostOf({ headers, socket }: IncomingMessage): string {
    const forwarded = headers['x-forwarded-host']
    const isTrusted =
      this.#proxies !== null && isWithin(this.#proxies, socket.remoteAddress ?? '0.0.0.0')
    const first = typeof forwarded === 'string' ? forwarded.split(',')[0]?.trim() : undefined
    return ((isTrusted ? first : undefined) ?? headers.host ?? '').toLowerCase()
  }
}

/** Browsers leave the port out when it is the usual one of the scheme. */
function withPort(host: string, protocol: string): string {
  if (/:\d+$/.test(host)) return host
  return `${host}:${protocol === 'https:' || protocol === 'wss:' ? 443 : 80}`
}
