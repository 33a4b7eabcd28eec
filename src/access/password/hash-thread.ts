// The thread that hashes: one password at a time, so that neither the broker nor the threads for files and names wait.

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
    // The copy of the password that came here is needed no more.
    order.password.fill(0)
    parentPort?.postMessage({ matches } satisfies HashReport)
  }
  hashMatches(parseHash(order.written), order.password).then(report, () => report(null))
})
