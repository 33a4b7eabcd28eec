// The thread that computes hashes, one password at a time, so that neither the broker nor Node's thread pool is blocked.

import { parentPort } from 'node:worker_threads'
import { hashMatches } from './hashing.ts'
import { parseHash } from './password-hash.ts'

export interface HashOrder {
  readonly written: string
  readonly password: Uint8Array
}

/** Null when the hash could not be made. */
export interface HashReport {
  readonly matches: boolean | null
}

parentPort?.on('message', (order: HashOrder) => {
  const report = (matches: boolean | null): void => {
    // This copy of the password is not needed any more.
    order.password.fill(0)
    parentPort?.postMessage({ matches } satisfies HashReport)
  }
  hashMatches(parseHash(order.written), order.password).then(report, () => report(null))
})
