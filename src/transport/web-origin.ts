// Decides which web origins may open a WebSocket. Any page on the web could open one to a broker on the visitor's
// machine. So only origins whose host is known to be this machine are allowed, and origins in the configuration.

import type { IncomingMessage } from 'node:http'
import { type BlockList, isIP } from 'node:net'
import { isWithin } from '../access/addresses.ts'
import { subnetsOf } from './subnets.ts'

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
   * Whether the origin is allowed: it is in the configuration, it is this machine, or it equals the requested host, if that is known
   * to be this machine: an IP address, or a name in `hosts`. The owner of any other name could make it point here. Programs
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

  /** Returns the host that the client requested, from the header of a trusted proxy if there is one. */
  #hostOf({ headers, socket }: IncomingMessage): string {
    const forwarded = headers['x-forwarded-host']
    const isTrusted =
      this.#proxies !== null && isWithin(this.#proxies, socket.remoteAddress ?? '0.0.0.0')
    const first = typeof forwarded === 'string' ? forwarded.split(',')[0]?.trim() : undefined
    return ((isTrusted ? first : undefined) ?? headers.host ?? '').toLowerCase()
  }
}

/** Adds the default port of the scheme, which browsers leave out. */
function withPort(host: string, protocol: string): string {
  if (/:\d+$/.test(host)) return host
  return `${host}:${protocol === 'https:' || protocol === 'wss:' ? 443 : 80}`
}
