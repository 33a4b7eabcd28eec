// A log in a stream of NATS JetStream. The engine keeps, replicates and orders the frames, and refuses a writer that another one
// has followed. Every answer comes late.

import { strict as assert } from 'node:assert'
import type { Position } from '../ledger/message-table.ts'
import {
  answerLate,
  type Appended,
  type CheckpointWriting,
  type Done,
  type Extent,
  type LogDevice,
  type OnFetched,
  type OnFrame,
} from '../log-device.ts'
import type { Durability } from '../store.ts'
import { durabilityOf } from './durability.ts'
import type { JetStream } from './jetstream.ts'
import { CHECKPOINTED, FRAME, FrameParts, messagesOf } from './log-message.ts'
import { inOrder, type ReadMessage, StreamDamaged } from './log-reader.ts'
import {
  type CheckpointMark,
  NO_CHECKPOINT,
  readCheckpoint,
  StreamCheckpoint,
} from './stream-checkpoint.ts'
import { extentOf } from './stream-extents.ts'
import {
  connected,
  type JetStreamLogOptions,
  newestCheckpoint,
  type OpenStreams,
  takeStreams,
} from './stream-opening.ts'

const NO_BYTES = Buffer.alloc(0)

interface AppendedFrame {
  readonly position: Position
  readonly bytes: Buffer
}

// Wide on purpose: one method for each word of the port, and one that waits for its answer.
export class JetStreamLog implements LogDevice {
  readonly extentOf: (position: Position) => number = extentOf
  readonly extentBytes: number
  bytesAppended = 0
  /** Until the log is open, what can be said without the engine. */
  durability: Durability
  readonly #options: JetStreamLogOptions
  #engine: JetStream | null = null
  #open: OpenStreams | null = null
  #checkpoint: CheckpointMark = NO_CHECKPOINT
  /** The sequence of the message that names the newest checkpoint. */
  #markedAt = 0
  #last: Position = 0
  /** The bytes of the stream when it was last asked, and those appended since. */
  #streamBytes = 0
  #isClosed = false

  constructor(options: JetStreamLogOptions) {
    this.extentBytes = options.extentBytes
    this.durability = durabilityOf({ ...options, version: '0' })
    this.#options = options
  }

  /** Messages whose answer was lost, or said no at first. */
  get lookUps(): number {
    return this.#open?.writer.lookUps ?? 0
  }

  open(onPart: (part: Buffer) => void, done: Done<Position>): void {
    void answerLate(done, 0, this.#closedOnFailure(this.#recover(onPart)))
  }

  read(from: Position, onFrame: OnFrame, done: Done<Position>): void {
    void answerLate(done, 0, this.#closedOnFailure(this.#read(from, onFrame)))
  }

  append(payload: Buffer, expected: Position, done: Appended): void {
    const answered: Done<AppendedFrame> = (error, { position, bytes }) => {
      // Nobody waits for a commit of a log that was closed.
      if (error === null || !this.#isClosed) done(error, position, bytes)
    }
    void answerLate(answered, { position: 0, bytes: NO_BYTES }, this.#append(payload, expected))
  }

  fetch(positions: readonly Position[], onFetched: OnFetched, done: Done): void {
    void answerLate(done, undefined, this.#fetch(positions, onFetched))
  }

  extents(): readonly Extent[] {
    return this.#opened().extents.all()
  }

  endExtent(done: Done): void {
    const { extents } = this.#opened()
    extents.begin(extents.newest + 1)
    done(null)
  }

  checkpoint(at: Position): CheckpointWriting {
    assert(at === this.#last, 'a checkpoint is made at the end of the log')
    return new StreamCheckpoint(this.#opened(), at, mark => this.#mark(mark))
  }

  removeOlder(done: Done<boolean>): void {
    void answerLate(done, false, this.#removeOlder())
  }

  truncate(numbers: readonly number[], done: Done<number>): void {
    void answerLate(done, 0, this.#truncate(numbers))
  }

  isHeld(): boolean {
    return false
  }

  freeBytes(): number {
    const { bytesMax } = this.#options
    return bytesMax === null ? Infinity : Math.max(0, bytesMax - this.#streamBytes)
  }

  giveReserve(): boolean {
    return false
  }

  damage(position: Position, what: string): Error {
    const sequence = this.#open?.extents.sequenceOf(position) ?? 0
    return new StreamDamaged(this.#options.stream, sequence, what)
  }

  close(done: Done): void {
    this.#isClosed = true
    const engine = this.#engine
    this.#engine = null
    void answerLate(done, undefined, engine?.close() ?? Promise.resolve())
  }

  #opened(): OpenStreams {
    assert(this.#open !== null, 'the log is open')
    return this.#open
  }

  async #closedOnFailure<Result>(promise: Promise<Result>): Promise<Result> {
    try {
      return await promise
    } catch (error) {
      await this.#engine?.close()
      this.#engine = null
      throw error
    }
  }

  async #recover(onPart: (part: Buffer) => void): Promise<Position> {
    this.#isClosed = false
    const engine = await connected(this.#options)
    this.#engine = engine
    const opened = await takeStreams(engine, this.#options)
    this.#open = opened
    this.durability = opened.durability
    this.#streamBytes = opened.bytes
    const { mark, markedAt } = await newestCheckpoint(opened)
    this.#checkpoint = mark
    this.#markedAt = markedAt
    const { extents, streams } = opened
    await readCheckpoint(engine, streams.checkpoints, mark, extents, onPart)
    if (extents.newest === 0) extents.begin(1)
    return mark.at
  }

  async #read(from: Position, onFrame: OnFrame): Promise<Position> {
    const { reader, writer, extents, cache } = this.#opened()
    const parts = new FrameParts()
    this.#last = from
    await reader.range(this.#checkpoint.sequence + 1, writer.sequence, message => {
      const frame = message.kind === FRAME ? parts.add(message) : null
      if (frame === null) return
      const extent = this.#extentIn(message)
      if (extent > extents.newest) extents.begin(extent)
      this.#last = extents.add(frame.first, frame.payload.length)
      cache.add(this.#last, frame.payload)
      onFrame(frame.payload, this.#last)
    })
    return this.#last
  }

  #extentIn({ subject, sequence }: ReadMessage): number {
    const { streams, reader } = this.#opened()
    const number = Number(subject.slice(streams.extents.length + 1))
    if (Number.isInteger(number)) return number
    throw reader.damage(sequence, `its subject is ${subject}`)
  }

  async #append(payload: Buffer, expected: Position): Promise<AppendedFrame> {
    if (expected !== this.#last) {
      throw new Error(`the log ends at ${this.#last}, not at ${expected}: another writer owns it`)
    }
    const { writer, writerId, extents, cache, streams, messageBytesMax } = this.#opened()
    const first = writer.sequence + 1
    const messages = messagesOf(FRAME, payload, writerId, first, messageBytesMax)
    if (!extents.hasRoom(first, messages.length, payload.length, this.extentBytes)) {
      extents.begin(extents.newest + 1)
    }
    const bytes = Buffer.from(payload)
    await writer.append(`${streams.extents}.${extents.newest}`, messages)
    this.#last = extents.add(first, bytes.length)
    cache.add(this.#last, bytes)
    this.bytesAppended += bytes.length
    this.#streamBytes += bytes.length
    return { position: this.#last, bytes }
  }

  async #fetch(positions: readonly Position[], onFetched: OnFetched): Promise<void> {
    const indexes = new Map<Position, number[]>()
    for (const [index, position] of positions.entries()) {
      const those = indexes.get(position)
      if (those === undefined) indexes.set(position, [index])
      else those.push(index)
    }
    const wanted = [...indexes]
    await inOrder(
      wanted.length,
      index => this.#frame(wanted[index]?.[0] ?? 0),
      (payload, index) => {
        for (const each of wanted[index]?.[1] ?? []) onFetched(payload, each)
      },
    )
  }

  async #frame(position: Position): Promise<Buffer> {
    const { reader, extents, cache } = this.#opened()
    const kept = cache.get(position)
    if (kept !== undefined) return kept
    const first = extents.sequenceOf(position)
    if (first === null) throw this.damage(position, `extent ${extentOf(position)} is missing`)
    const message = await reader.message(first)
    const parts = new FrameParts()
    let frame = parts.add(message)
    for (let part = 1; frame === null && part < message.parts; part++) {
      frame = parts.add(await reader.message(first + part))
    }
    if (frame === null || message.kind !== FRAME) throw reader.damage(first, 'no frame begins here')
    return frame.payload
  }

  /** Appends that a checkpoint is whole. Only then it counts, and only who still owns the log can. */
  async #mark(mark: CheckpointMark): Promise<void> {
    const { writer, writerId, streams, messageBytesMax } = this.#opened()
    const payload = Buffer.from(JSON.stringify(mark))
    const at = writer.sequence + 1
    await writer.append(
      streams.checkpointed,
      messagesOf(CHECKPOINTED, payload, writerId, at, messageBytesMax),
    )
    this.#checkpoint = mark
    this.#markedAt = at
  }

  async #removeOlder(): Promise<boolean> {
    const { first, sequence } = this.#checkpoint
    if (sequence === 0) return false
    const { engine, streams } = this.#opened()
    const { log, barrier, checkpointed, checkpoints, images } = streams
    await engine.purge(checkpoints, `${images}.>`, first)
    await engine.purge(log, checkpointed, this.#markedAt)
    await engine.purge(log, barrier, sequence + 1)
    return false
  }

  async #truncate(numbers: readonly number[]): Promise<number> {
    const { engine, extents, streams } = this.#opened()
    const end = this.#checkpoint.sequence + 1
    const freed = numbers.filter(number => number < this.#checkpoint.extent && extents.has(number))
    await Promise.all(
      freed.map(number => engine.purge(streams.log, `${streams.extents}.${number}`, end)),
    )
    for (const number of freed) extents.remove(number)
    if (freed.length > 0 && this.#options.bytesMax !== null) {
      this.#streamBytes = (await engine.info(streams.log))?.state.bytes ?? 0
    }
    return freed.length
  }
}
