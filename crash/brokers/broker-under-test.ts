// How to start each kind of broker as a process.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { QUEUES } from '../queues.ts'
import { INPUTS } from '../transactions.ts'

export type BrokerName = 'pondhawk' | 'mosquitto'
/** With `jetstream` the log lies in streams of NATS, whose servers are killed as well. */
export type Level = 'fsync' | 'os' | 'memory' | 'jetstream'

export interface BrokerUnderTest {
  readonly name: string
  readonly program: string
  readonly arguments: readonly string[]
  /** The words in its output that show that it accepts connections. */
  readonly readyWords: string
}

/** Small segments, so that kills often come near the end of a segment or a checkpoint. */
const SEGMENT_BYTES = 1_048_576
const CHECKPOINT_BYTES = 2_097_152
const LONG_DEADLINE_SECONDS = 60
/** Small ones, so that checkpoints are made and the log is purged within the short lives of the broker. */
const STREAM_CHECKPOINT_BYTES = 65_536
/** A small queue in memory, so that queues are often read from the store. */
const QUEUED_IN_MEMORY_MAX = 64

/** `servers`: of NATS; empty for a store in files. */
export function pondhawk(
  directory: string,
  port: number,
  level: Level,
  servers: readonly string[],
): BrokerUnderTest {
  const file = join(directory, 'pondhawk.yaml')
  const config = {
    listeners: [{ port }],
    store: {
      ...(level === 'jetstream'
        ? { jetstream: { servers, replicas: servers.length } }
        : { durability: level }),
      directory: join(directory, 'store'),
      segmentBytes: level === 'jetstream' ? STREAM_CHECKPOINT_BYTES : SEGMENT_BYTES,
      checkpointBytes: level === 'jetstream' ? STREAM_CHECKPOINT_BYTES : CHECKPOINT_BYTES,
    },
    limits: {
      queuedMessagesMax: 1_000_000,
      queuedBytesMax: 1_073_741_824,
      queuedInMemoryMax: QUEUED_IN_MEMORY_MAX,
    },
    share: { queuedMessagesMax: 1_000_000, queuedBytesMax: 1_073_741_824 },
    queues: { named: level === 'jetstream' ? withLongDeadlines() : { ...QUEUES, ...INPUTS } },
    log: { format: 'json' },
  }
  writeFileSync(file, stringify(config))
  const script = fileURLToPath(new URL('../../bundle/command/pondhawk.js', import.meta.url))
  return {
    name: `Pondhawk (${level}${servers.length > 1 ? `, ${servers.length} servers` : ''})`,
    program: process.execPath,
    arguments: [script, 'start', '-c', file],
    readyWords: '"event":"broker.ready"',
  }
}

/** A deadline runs while the hand-out is stored, and servers of NATS that elect who leads store nothing for some seconds. */
function withLongDeadlines(): object {
  const named = Object.entries({ ...QUEUES, ...INPUTS }).map(
    ([name, settings]) =>
      [name, { ...settings, ackDeadlineSeconds: LONG_DEADLINE_SECONDS }] as const,
  )
  return Object.fromEntries(named)
}

/** mosquitto saves after every change, the most often that its configuration allows. */
export function mosquitto(directory: string, port: number): BrokerUnderTest {
  const file = join(directory, 'mosquitto.conf')
  const place = join(directory, 'mosquitto')
  mkdirSync(place)
  const lines = [
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    'persistence true',
    `persistence_location ${place}/`,
    'autosave_on_changes true',
    'autosave_interval 1',
    'max_queued_messages 0',
    'max_inflight_messages 64',
    'log_dest stderr',
    'log_type information',
    'log_type error',
    // When started by root, mosquitto changes to another user, who may not write here.
    ...(process.getuid?.() === 0 ? ['user root'] : []),
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  return {
    name: 'mosquitto',
    program: 'mosquitto',
    arguments: ['-c', file],
    readyWords: ' running',
  }
}
