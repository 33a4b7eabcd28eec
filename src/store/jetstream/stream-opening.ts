// Becomes the writer of a log in JetStream: connects, makes the streams if they are not there, and appends the barrier.

import { setTimeout as sleep } from 'node:timers/promises'
import { thrownSentence } from '../../thrown.ts'
import { durabilityOf, engineProblem } from './durability.ts'
import { FrameCache } from './frame-cache.ts'
import { JetStream, type StreamConfig } from './jetstream.ts'
import { BARRIER, CHECKPOINTED, messagesOf, newWriterId, type WriterId } from './log-message.ts'
import { LogReader } from './log-reader.ts'
import { AnotherWriter, LogWriter } from './log-writer.ts'
import { connectNats, type LoadNats, type NatsSettings } from './nats.ts'
import { type CheckpointMark, NO_CHECKPOINT } from './stream-checkpoint.ts'
import { StreamExtents } from './stream-extents.ts'
import {
  checkpointsConfig,
  logConfig,
  type LogStreams,
  streamProblem,
  type StreamSettings,
  streamsOf,
} from './stream-settings.ts'
import type { Durability } from '../store.ts'

export interface JetStreamLogOptions extends StreamSettings {
  readonly nats: NatsSettings
  /** The name of the stream. */
  readonly stream: string
  /** Whether all servers have `sync_interval: always`. */
  readonly syncsAlways: boolean
  readonly extentBytes: number
  /** Bytes of the newest frames in memory. */
  readonly cacheBytes: number
  /** How long the engine may not answer. Then the log has failed. */
  readonly waitMs: number
  readonly load?: LoadNats
}

/** What exists while the log is open. */
export interface OpenStreams {
  readonly engine: JetStream
  readonly streams: LogStreams
  readonly durability: Durability
  readonly reader: LogReader
  readonly writer: LogWriter
  readonly writerId: WriterId
  readonly extents: StreamExtents
  readonly cache: FrameCache
  readonly messageBytesMax: number
  /** The bytes of the stream before. */
  readonly bytes: number
}

interface NewestCheckpoint {
  readonly mark: CheckpointMark
  /** The sequence of the message of the log that names it. */
  readonly markedAt: number
}

const NO_BYTES = Buffer.alloc(0)
const MESSAGE_BYTES_MAX = 524_288
/** Of a message that the server takes, for its subject and headers. */
const ENVELOPE_BYTES = 1_024
/** How often the place of the barrier may be lost to a writer that still appends. */
const BARRIER_TRIES = 100
const CONNECT_PAUSE_MS = 250

/** Connects, for as long as the engine may not answer. What the server refuses is not tried again. */
export async function connected(options: JetStreamLogOptions): Promise<JetStream> {
  const { nats, waitMs, load } = options
  const servers = nats.servers.join(', ')
  const end = performance.now() + waitMs
  for (;;) {
    try {
      return new JetStream(await connectNats(nats, load), waitMs)
    } catch (error) {
      if (!isUnreachable(error)) {
        throw new Error(`NATS at ${servers}: ${thrownSentence(error)}`, { cause: error })
      }
      if (performance.now() + CONNECT_PAUSE_MS > end) {
        const sentence = `no server of NATS can be reached at ${servers} (for ${waitMs / 1_000} seconds)`
        throw new Error(`${sentence}: ${thrownSentence(error)}`, { cause: error })
      }
    }
    await sleep(CONNECT_PAUSE_MS)
  }
}

/** Makes the streams if they are not there, and becomes the writer of the log. */
export async function takeStreams(
  engine: JetStream,
  options: JetStreamLogOptions,
): Promise<OpenStreams> {
  const facts = { ...options, version: engine.version }
  const problem = engineProblem(facts)
  if (problem !== null) throw new Error(problem)
  const streams = streamsOf(options.stream)
  await make(engine, logConfig(streams, options))
  await make(engine, checkpointsConfig(streams, options))
  const writerId = newWriterId()
  const messageBytesMax = Math.min(MESSAGE_BYTES_MAX, engine.payloadBytesMax - ENVELOPE_BYTES)
  const { writer, bytes } = await behindBarrier(engine, streams, writerId, messageBytesMax)
  return {
    engine,
    streams,
    durability: durabilityOf(facts),
    reader: new LogReader(engine, streams.log),
    writer,
    writerId,
    extents: new StreamExtents(),
    cache: new FrameCache(options.cacheBytes),
    messageBytesMax,
    bytes,
  }
}

/** Finds what the log names as its newest checkpoint. */
export async function newestCheckpoint(opened: OpenStreams): Promise<NewestCheckpoint> {
  const { engine, reader, streams } = opened
  const newest = await engine.newest(streams.log, streams.checkpointed)
  if (newest === null) return { mark: NO_CHECKPOINT, markedAt: 0 }
  const { kind, payload } = await reader.message(newest.sequence)
  if (kind !== CHECKPOINTED) throw reader.damage(newest.sequence, 'it names no checkpoint')
  return { mark: JSON.parse(payload.toString()) as CheckpointMark, markedAt: newest.sequence }
}

async function make(engine: JetStream, config: StreamConfig): Promise<void> {
  const info = await engine.info(config.name)
  if (info === null) await engine.create(config)
  else {
    const problem = streamProblem(info, config)
    if (problem !== null) throw new Error(problem)
  }
}

/** Appends a barrier. From there on, no earlier writer's append succeeds. */
async function behindBarrier(
  engine: JetStream,
  { log, barrier }: LogStreams,
  id: WriterId,
  messageBytesMax: number,
): Promise<{ readonly writer: LogWriter; readonly bytes: number }> {
  for (let left = BARRIER_TRIES; ; left--) {
    const info = await engine.info(log)
    const last = info?.state.last_seq ?? 0
    const writer = new LogWriter(engine, log, last)
    try {
      await writer.append(barrier, messagesOf(BARRIER, NO_BYTES, id, last + 1, messageBytesMax))
      return { writer, bytes: info?.state.bytes ?? 0 }
    } catch (error) {
      if (!(error instanceof AnotherWriter) || left === 0) throw error
    }
  }
}

/** Whether the error says that no server is there for now. */
function isUnreachable(error: unknown): boolean {
  return error instanceof Error && /^(Connection|Timeout)/.test(error.name)
}
