// Whether there is a nats-server to test with.

import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { NATS_PROGRAM } from '../../crash/brokers/nats-server.ts'

/** Why there is none, or false. */
export const SKIP: string | false = problem() ?? false

function problem(): string | null {
  if (spawnSync(NATS_PROGRAM, ['--version']).status !== 0) {
    return 'there is no nats-server here (apt-get install nats-server, or NATS_SERVER=PATH)'
  }
  try {
    createRequire(import.meta.url).resolve('@nats-io/transport-node')
    return null
  } catch {
    return 'the client of NATS is not installed (npm ci)'
  }
}
