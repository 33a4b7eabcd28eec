// aedes from npm, in a process of its own.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BrokerKind } from './broker.ts'

const SERVER = join(import.meta.dirname, 'aedes-server.js')
const MANIFEST = join(import.meta.dirname, '../../../node_modules/aedes/package.json')

export const aedes: BrokerKind = {
  name: 'aedes',
  lacks: ({ durability, job }) => {
    if (durability === 'fsync' || durability === 'os') return 'keeps nothing on disk'
    if (job.kind !== 'traffic') return null
    if (job.isVersion5) return 'no MQTT 5'
    if (job.pattern === 'queue') return 'no named queues'
    return job.pattern === 'shared' ? 'no shared subscriptions' : null
  },
  command: ({ transport }, { port, certFile, keyFile }) => [
    process.execPath,
    SERVER,
    JSON.stringify({ transport, port, certFile, keyFile }),
  ],
}

export function aedesVersion(): string {
  const manifest = JSON.parse(readFileSync(MANIFEST, 'utf8')) as { version: string }
  return manifest.version
}
