// Opens the connection to the other broker: TCP or TLS.

import { readFileSync } from 'node:fs'
import { connect, isIP, type Socket } from 'node:net'
import { connect as connectTls, type ConnectionOptions } from 'node:tls'
import type { Address } from '../config/network-address.ts'

export interface BridgeTls {
  readonly caFile?: string | undefined
  readonly certFile?: string | undefined
  readonly keyFile?: string | undefined
  readonly alpn?: string | undefined
  /** The name that the certificate must have, if it is not that of the address. */
  readonly serverName?: string | undefined
}

/** Rejects with an error of the system, of TLS, or of a file; at once when `closing` is aborted. */
export function dial(
  address: Address,
  tls: BridgeTls | null,
  msMax: number,
  closing: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = tls === null ? connect(address) : connectTls(optionsOf(address, tls))
    const closed = (): void => void socket.destroy(new Error('the bridge is closed'))
    const timer = setTimeout(() => {
      socket.destroy(new Error(`no connection within ${msMax / 1_000} s`))
    }, msMax)
    const settled = (): void => {
      clearTimeout(timer)
      closing.removeEventListener('abort', closed)
    }
    closing.addEventListener('abort', closed)
    socket.once('error', reject)
    socket.once('close', () => {
      settled()
      reject(new Error('the connection was closed'))
    })
    socket.once(tls === null ? 'connect' : 'secureConnect', () => {
      settled()
      socket.setNoDelay()
      resolve(socket)
    })
  })
}

function optionsOf({ host, port }: Address, tls: BridgeTls): ConnectionOptions {
  const { caFile, certFile, keyFile, alpn, serverName = host } = tls
  return {
    host,
    port,
    minVersion: 'TLSv1.2',
    // A name for SNI only: an address must not be sent there.
    ...(isIP(serverName) === 0 && { servername: serverName }),
    ...(alpn !== undefined && { ALPNProtocols: [alpn] }),
    ...(caFile !== undefined && { ca: readFileSync(caFile) }),
    ...(certFile !== undefined && { cert: readFileSync(certFile) }),
    ...(keyFile !== undefined && { key: readFileSync(keyFile) }),
  }
}
