// How to start each kind of broker as a process.

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { stringify } from 'yaml'
import { QUEUES } from '../queues.ts'
import { INPUTS } from '../transactions.ts'

export type BrokerName = 'pondhawk' | 'mosquitto'
export type Level = 'fsync' | 'os' | 'memory'

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
/** A small queue in memory, so that queues are often read from the store. */
const QUEUED_IN_MEMORY_MAX = 64

export function pondhawk(directory: string, port: number, level: Level): BrokerUnderTest {
  const file = join(directory, 'pondhawk.yaml')
  const config = {
    listeners: [{ port }],
    store: {
      durability: level,
      directory: join(directory, 'store'),
      segmentBytes: SEGMENT_BYTES,
      checkpointBytes: CHECKPOINT_BYTES,
    },
    limits: {
      queuedMessagesMax: 1_000_000,
      queuedBytesMax: 1_073_741_824,
      queuedInMemoryMax: QUEUED_IN_MEMORY_MAX,
    },
    share: { queuedMessagesMax: 1_000_000, queuedBytesMax: 1_073_741_824 },
    queues: { named: { ...QUEUES, ...INPUTS } },
    log: { format: 'json' },
  }
  writeFileSync(file, stringify(config))
  const script = fileURLToPath(new URL('../../bundle/command/pondhawk.js', import.meta.url))
  return {
    name: `Pondhawk (${level})`,
    program: process.execPath,
    arguments: [script, 'start', '-c', file],
    readyWords: '"event":"broker.ready"',
  }
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
