// Host and port as one text.

import { isIP } from 'node:net'

export interface Address {
  readonly host: string
  readonly port: number
}

/** Returns host and port of `host`, `host:port` or `[::1]:port`; null if it is none. */
export function addressIn(text: string, defaultPort: number): Address | null {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3] ?? defaultPort)
  if (host === undefined || port < 1 || port > 65_535) return null
  if (match?.[1] !== undefined && isIP(host) !== 6) return null
  return { host, port }
}
