// The two streams of a log: how they are made, and what one that is there must be.

import { FORMAT } from './log-message.ts'
import type { StreamConfig, StreamInfo } from './jetstream.ts'

const DESCRIPTION = 'Pondhawk log, format '
/** The shortest that NATS takes, in nanoseconds: repeated messages are known by their sequence. */
const DUPLICATE_WINDOW = 100_000_000

export interface LogStreams {
  readonly log: string
  readonly checkpoints: string
  /** Each extent has a subject of its own below it. */
  readonly extents: string
  readonly barrier: string
  readonly checkpointed: string
  /** Each checkpoint has a subject of its own below it. */
  readonly images: string
}

export function streamsOf(name: string): LogStreams {
  return {
    log: name,
    checkpoints: `${name}-checkpoints`,
    extents: `pondhawk.${name}.extent`,
    barrier: `pondhawk.${name}.barrier`,
    checkpointed: `pondhawk.${name}.checkpointed`,
    images: `pondhawk-checkpoints.${name}`,
  }
}

export interface StreamSettings {
  readonly replicas: number
  /** Messages that would make the log larger are refused; null for what the account allows. */
  readonly bytesMax: number | null
}

export function logConfig(streams: LogStreams, settings: StreamSettings): StreamConfig {
  return configOf(streams.log, `pondhawk.${streams.log}.>`, settings)
}

export function checkpointsConfig(streams: LogStreams, settings: StreamSettings): StreamConfig {
  return configOf(streams.checkpoints, `${streams.images}.>`, { ...settings, bytesMax: null })
}

function configOf(
  name: string,
  subject: string,
  { replicas, bytesMax }: StreamSettings,
): StreamConfig {
  return {
    name,
    description: `${DESCRIPTION}${FORMAT}: do not change it`,
    subjects: [subject],
    retention: 'limits',
    storage: 'file',
    discard: 'new',
    max_bytes: bytesMax ?? -1,
    max_msgs: -1,
    max_age: 0,
    max_msgs_per_subject: -1,
    max_msg_size: -1,
    num_replicas: replicas,
    duplicate_window: DUPLICATE_WINDOW,
    deny_delete: true,
    deny_purge: false,
    allow_direct: true,
  }
}

/** Returns why a stream that is there cannot be this log, or null. */
export function streamProblem({ config }: StreamInfo, wanted: StreamConfig): string | null {
  const { name } = config
  const format = /^Pondhawk log, format (\d+)/.exec(config.description ?? '')?.[1]
  if (format === undefined) return `the stream ${name} is there, and is no log of Pondhawk`
  if (Number(format) > FORMAT) {
    return `the stream ${name} has the format ${format}: a newer version wrote it, and only such a version can read it`
  }
  const subjects = config.subjects?.join(', ') ?? ''
  const wantedSubjects = wanted.subjects?.join(', ') ?? ''
  if (subjects !== wantedSubjects) {
    return `the stream ${name} is the log of another name: its subjects are ${subjects}, not ${wantedSubjects}`
  }
  const { num_replicas: replicas } = config
  if (replicas !== wanted.num_replicas) {
    return `the stream ${name} has ${replicas} replicas, and the configuration says ${wanted.num_replicas}`
  }
  return lossProblem(config)
}

/** Returns why such a stream could lose messages, or null. */
function lossProblem(config: StreamConfig): string | null {
  const { name } = config
  const wrong = (what: string): string => `the stream ${name} ${what}: it could lose messages`
  if (config.mirror !== undefined && config.mirror !== null) return wrong('is a mirror')
  if ((config.sources?.length ?? 0) > 0) return wrong('has sources')
  if (config.storage !== 'file') return wrong(`is kept in ${config.storage}, not in files`)
  if (config.retention !== 'limits') return wrong(`has the retention ${config.retention}`)
  if (config.discard !== 'new') return wrong('discards old messages when it is full')
  if (config.max_age > 0) return wrong('has a maximum age')
  if ((config.max_msgs_per_subject ?? -1) > 0) return wrong('has a maximum for each subject')
  if (config.max_msgs > 0) return wrong('has a maximum of messages')
  if (config.deny_purge === true)
    return `the stream ${name} cannot be purged: nothing could be freed`
  if (config.allow_direct !== true) return `the stream ${name} allows no direct reading`
  return null
}
