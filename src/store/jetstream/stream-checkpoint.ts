// Checkpoints in a stream of their own: each is a row of messages, and counts when a message of the log names it. That message
// is appended like every other, so a writer that has lost the log can neither make a checkpoint nor free what another one reads.

import type { Position } from '../ledger/message-table.ts'
import { answerLate, type CheckpointWriting, type Done } from '../log-device.ts'
import type { JetStream } from './jetstream.ts'
import {
  EXTENTS,
  FrameParts,
  IMAGE,
  messagesOf,
  readLogMessage,
  type WriterId,
} from './log-message.ts'
import { inOrder, StreamDamaged } from './log-reader.ts'
import type { StreamExtents } from './stream-extents.ts'
import type { LogStreams } from './stream-settings.ts'

/** What the log says of a checkpoint. */
export interface CheckpointMark {
  /** The position of the last frame in it. */
  readonly at: Position
  /** The last message of the log that is in it. */
  readonly sequence: number
  /** The newest extent then. */
  readonly extent: number
  readonly subject: string
  /** Where its messages lie in the stream of checkpoints. */
  readonly first: number
  readonly last: number
  readonly messages: number
}

export const NO_CHECKPOINT: CheckpointMark = {
  at: 0,
  sequence: 0,
  extent: 0,
  subject: '',
  first: 0,
  last: -1,
  messages: 0,
}

/** What a checkpoint is made with. */
interface CheckpointSource {
  readonly engine: JetStream
  readonly streams: LogStreams
  readonly writer: { readonly sequence: number }
  readonly writerId: WriterId
  readonly extents: StreamExtents
  readonly messageBytesMax: number
}

export class StreamCheckpoint implements CheckpointWriting {
  readonly #source: CheckpointSource
  /** Appends to the log that the checkpoint is whole. */
  readonly #tell: (mark: CheckpointMark) => Promise<void>
  #mark: CheckpointMark
  #extents: Buffer | null

  constructor(
    source: CheckpointSource,
    at: Position,
    tell: (mark: CheckpointMark) => Promise<void>,
  ) {
    const { extents, streams, writer, writerId } = source
    const { sequence } = writer
    this.#source = source
    this.#tell = tell
    this.#extents = extents.toBytes()
    this.#mark = {
      ...NO_CHECKPOINT,
      at,
      sequence,
      extent: extents.newest,
      subject: `${streams.images}.${sequence}-${writerId.toString('hex')}`,
    }
  }

  write(part: Buffer, done: Done): void {
    void answerLate(done, undefined, this.#write(part))
  }

  finish(done: Done): void {
    void answerLate(done, undefined, this.#finish())
  }

  abandon(): void {
    const { engine, streams } = this.#source
    // What stays of it goes with the checkpoints before the next one.
    const { subject, last } = this.#mark
    engine.purge(streams.checkpoints, subject, last + 1).catch(() => {})
  }

  async #write(part: Buffer): Promise<void> {
    await this.#writeExtents()
    await this.#publish(IMAGE, part)
  }

  async #finish(): Promise<void> {
    await this.#writeExtents()
    await this.#tell(this.#mark)
  }

  async #writeExtents(): Promise<void> {
    const extents = this.#extents
    this.#extents = null
    if (extents !== null) await this.#publish(EXTENTS, extents)
  }

  async #publish(kind: number, payload: Buffer): Promise<void> {
    const { engine, streams, writerId, messageBytesMax } = this.#source
    const { subject, messages } = this.#mark
    for (const bytes of messagesOf(kind, payload, writerId, messages, messageBytesMax)) {
      // One that is there twice, because an answer was lost, is read once.
      const at = await engine.persistently(() =>
        engine.publish(streams.checkpoints, subject, bytes, null),
      )
      const { first, messages: earlier } = this.#mark
      this.#mark = {
        ...this.#mark,
        first: earlier === 0 ? at : first,
        last: at,
        messages: earlier + 1,
      }
    }
  }
}

/** Reads a checkpoint: restores the extents, and passes on the parts. */
export async function readCheckpoint(
  engine: JetStream,
  stream: string,
  mark: CheckpointMark,
  extents: StreamExtents,
  onPart: (part: Buffer) => void,
): Promise<void> {
  const { first, last, messages, subject } = mark
  const parts = new FrameParts()
  let next = 0
  await inOrder(
    last - first + 1,
    index => engine.fetched(stream, first + index),
    (found, index) => {
      // Others may have begun checkpoints meanwhile.
      if (found === null || found.subject !== subject) return
      const message = readLogMessage(found.bytes)
      if (typeof message === 'string') throw new StreamDamaged(stream, first + index, message)
      if (message.sequence < next) return
      if (message.sequence > next) {
        throw new StreamDamaged(stream, first + index, `part ${next} of the checkpoint is missing`)
      }
      next += 1
      const part = parts.add(message)
      if (part === null) return
      if (message.kind === EXTENTS) extents.restore(part.payload)
      else onPart(part.payload)
    },
  )
  if (next !== messages) {
    throw new StreamDamaged(stream, last, `part ${next} of the checkpoint is missing`)
  }
}
