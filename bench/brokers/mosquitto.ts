// mosquitto from the Debian package, without limits, so that nothing is dropped.

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BrokerKind, Needs, Place } from './broker.ts'

const IN_FLIGHT = 20

export const mosquitto: BrokerKind = {
  name: 'mosquitto',
  lacks: ({ transport, job }) => {
    if (job.kind === 'traffic' && job.pattern === 'queue') return 'no named queues'
    if (mosquittoVersion() === null) return 'not installed: apt-get install mosquitto'
    return transport === 'websocket' && !hasWebSocket() ? 'built without WebSocket' : null
  },
  command: (needs, place) => {
    const file = join(place.directory, 'mosquitto.conf')
    writeFileSync(file, `${configOf(needs, place).join('\n')}\n`)
    return [program(), '-c', file]
  },
}

export function mosquittoVersion(): string | null {
  const { stdout } = spawnSync(program(), ['-h'], { encoding: 'utf8' })
  return /mosquitto version (\S+)/.exec(stdout ?? '')?.[1] ?? null
}

/** Newer security updates of the package are linked without the library. */
function hasWebSocket(): boolean {
  const { stdout } = spawnSync('ldd', [program()], { encoding: 'utf8' })
  return stdout.includes('libwebsockets')
}

/** Debian installs it in a directory that only root's PATH contains. */
function program(): string {
  const outside = '/usr/sbin/mosquitto'
  return existsSync(outside) ? outside : 'mosquitto'
}

function configOf(needs: Needs, place: Place): readonly string[] {
  return [
    `listener ${place.port} 127.0.0.1`,
    ...transportLines(needs, place),
    'allow_anonymous true',
    'log_type error',
    'user root',
    `max_inflight_messages ${IN_FLIGHT}`,
    'max_queued_messages 0',
    'max_queued_bytes 0',
    ...persistenceLines(needs, place),
  ]
}

function transportLines(needs: Needs, { certFile, keyFile }: Place): readonly string[] {
  switch (needs.transport) {
    case 'tcp':
      return []
    case 'tls':
      return [`certfile ${certFile}`, `keyfile ${keyFile}`]
    case 'websocket':
      return ['protocol websockets']
  }
}

/** The setting nearest to each of our durability levels: a snapshot of everything now and then, or nothing on disk. */
function persistenceLines({ durability }: Needs, { directory }: Place): readonly string[] {
  if (durability === null || durability === 'memory') return ['persistence false']
  const data = join(directory, 'mosquitto-data')
  mkdirSync(data, { recursive: true })
  return ['persistence true', `persistence_location ${data}/`]
}
