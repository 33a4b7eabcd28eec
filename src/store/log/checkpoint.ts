// A checkpoint: the state at one place of the log, in a file of its own, so that a start need not read the whole log.
// It is a row of frames like the log's; the file gets its name when all of it is on disk.

import type { Disk, DiskFile } from '../disk.ts'
import { ByteReader } from '../bytes.ts'
import { readOwner, readSubscription, writeOwner, writeSubscription } from '../change-codec.ts'
import type { Owner } from '../change.ts'
import { readWill, writeWill } from '../message-codec.ts'
import { Writer } from '../../packet/writer.ts'
import { frameBytes, END_BYTES, type FrameMark, writeFrame } from './frame.ts'
import { IDENTIFIED, LogState, type SentEntry, type SessionEntry } from './log-state.ts'
import { laterFrame, scanFrames, writeAll } from './segment-file.ts'
import { LOG_BEGINNING, roomFor, type LogPosition } from './segments.ts'
import { DiskFull, StoreDamaged } from './store-damaged.ts'
import type { DeliveryQueue } from './delivery-queue.ts'

const NAME = /^checkpoint-(\d{16})$/
const UNFINISHED = /^checkpoint-\d{16}\.new$/
/** No segment has this number. The file never serves again, so its frames need no salt. */
const MARK: FrameMark = { segment: 0xc4ec_4b01, salt: 0 }
/** Frames become about this large. */
const FRAME_BYTES = 262_144
const ENTRIES_A_RECORD = 4_096

const POSITION = 1
const MESSAGES = 2
const SESSION = 3
const WAITING = 4
const RETAINED = 5
const WILL = 6
const END = 7
const REPLAYS = 8

export function checkpointNames(disk: Disk): string[] {
  return disk
    .list()
    .filter(name => NAME.test(name))
    .sort()
}

/** Checkpoints that a crash left unfinished. */
export function unfinishedNames(disk: Disk): string[] {
  return disk.list().filter(name => UNFINISHED.test(name))
}

/** Writes the state as it is when this is made, a frame at a time. */
export class CheckpointWriter {
  readonly name: string
  readonly position: LogPosition
  readonly #disk: Disk
  readonly #frames: readonly Buffer[]
  #file: DiskFile | null = null
  #next = 0
  #end = 0

  constructor(disk: Disk, state: LogState, position: LogPosition) {
    this.name = `checkpoint-${String(position.commit).padStart(16, '0')}`
    this.position = position
    this.#disk = disk
    this.#frames = framesOf(state, position)
  }

  get bytes(): number {
    return this.#end
  }

  /** Writes the next frame. True when all of it is there and durable under its name. */
  step(): boolean {
    const frame = this.#frames[this.#next]
    if (frame === undefined) return true
    const file = this.#openFile()
    roomFor(() => writeAll(file, frame, this.#end))
    // A little at a time: one large sync at the end would hold up the log's.
    file.sync()
    this.#end += frame.length - END_BYTES
    this.#next += 1
    if (this.#next < this.#frames.length) return false
    file.close()
    this.#disk.rename(`${this.name}.new`, this.name)
    this.#disk.syncNames()
    return true
  }

  abandon(): void {
    if (this.#file === null) return
    this.#file.close()
    this.#disk.remove(`${this.name}.new`)
  }

  #openFile(): DiskFile {
    this.#file ??= roomFor(() => this.#disk.create(`${this.name}.new`))
    return this.#file
  }
}

/**
 * Where there is no checkpoint, one of the empty state says that the log begins with the first segment: a store whose
 * only segment is missing would look like a new one.
 */
export function nameFirstSegment(disk: Disk): void {
  if (checkpointNames(disk).length > 0) return
  const checkpoint = new CheckpointWriter(disk, new LogState(), LOG_BEGINNING)
  try {
    while (!checkpoint.step());
  } catch (error) {
    // Tried again at the next start.
    if (!(error instanceof DiskFull)) throw error
    checkpoint.abandon()
  }
}

class Frames {
  readonly frames: Buffer[] = []
  readonly writer: Writer = new Writer()

  /** A record is complete: a frame is made when there is enough for one. */
  recordEnds(): void {
    if (this.writer.length >= FRAME_BYTES) this.cut()
  }

  cut(): void {
    if (this.writer.length === 0) return
    const payload = this.writer.bytes.subarray(0, this.writer.length)
    const frame = Buffer.allocUnsafeSlow(frameBytes(payload.length) + END_BYTES)
    writeFrame(frame, payload, this.frames.length + 1, MARK)
    this.frames.push(frame)
    this.writer.reset()
  }
}

function framesOf(state: LogState, position: LogPosition): readonly Buffer[] {
  const frames = new Frames()
  const { writer } = frames
  writer.uint8(POSITION)
  writer.uint53(position.commit)
  writer.uint32(position.segment)
  writer.uint32(position.offset)
  writer.uint53(state.lastSequence)
  writer.uint53(state.lastDelivery)
  writeMessages(frames, state)
  for (const session of state.sessions.values()) writeSession(frames, state, session)
  for (const { owner, waiting } of state.groups.values()) writeLine(frames, state, owner, waiting)
  for (const [topic, { slot, sequence }] of state.retained) {
    writer.uint8(RETAINED)
    writer.string(topic)
    writer.uint32(slot)
    writer.uint53(sequence)
    frames.recordEnds()
  }
  for (const [clientId, { will, at }] of state.wills) {
    writer.uint8(WILL)
    writer.string(clientId)
    writer.double(at ?? Number.NaN)
    writeWill(writer, will)
    frames.recordEnds()
  }
  writer.uint8(END)
  frames.cut()
  return frames.frames
}

function writeMessages(frames: Frames, { messages }: LogState): void {
  const { writer } = frames
  let count = 0
  let countAt = 0
  for (let slot = 0; slot < messages.end; slot++) {
    if (messages.segmentOf(slot) === 0) continue
    if (count === 0) {
      writer.uint8(MESSAGES)
      countAt = writer.length
      writer.uint32(0)
    }
    writer.uint32(slot)
    writer.uint32(messages.segmentOf(slot))
    writer.uint32(messages.frameOf(slot))
    writer.uint32(messages.recordOf(slot))
    writer.uint32(messages.sizeOf(slot))
    count += 1
    writer.patchUint32(countAt, count)
    if (count < ENTRIES_A_RECORD) continue
    count = 0
    frames.recordEnds()
  }
  frames.recordEnds()
}

function writeSession(frames: Frames, state: LogState, session: SessionEntry): void {
  const { writer } = frames
  const { clientId, subscriptions, incoming, sent } = session
  writer.uint8(SESSION)
  writer.string(clientId)
  writer.uint32(session.expiryIntervalSeconds)
  writer.double(session.expiresAt ?? Number.NaN)
  writer.uint32(subscriptions.size)
  for (const subscription of subscriptions.values()) writeSubscription(writer, subscription)
  writer.uint32(incoming.size)
  for (const packetId of incoming) writer.uint16(packetId)
  writer.uint32(sent.size)
  for (const entry of sent.values()) writeSent(writer, state, entry)
  writeReplays(writer, session)
  frames.recordEnds()
  writeLine(frames, state, { kind: 'session', clientId }, session.waiting)
}

function writeReplays(writer: Writer, { clientId, replays }: SessionEntry): void {
  if (replays.size === 0) return
  writer.uint8(REPLAYS)
  writer.string(clientId)
  writer.uint32(replays.size)
  for (const [filter, sequenceMax] of replays) {
    writer.string(filter)
    writer.uint53(sequenceMax)
  }
}

function writeSent(writer: Writer, state: LogState, entry: SentEntry): void {
  writeEntry(writer, state, entry.delivery, entry.slot, entry.options)
  writer.uint16(entry.packetId)
  writer.uint8(entry.isReceived ? 1 : 0)
  writer.uint8(entry.group === null ? 0 : 1)
  if (entry.group !== null) writeOwner(writer, entry.group)
}

function writeLine(frames: Frames, state: LogState, owner: Owner, line: DeliveryQueue): void {
  const { writer } = frames
  let count = 0
  let countAt = 0
  for (const { delivery, slot, options } of line.after(0)) {
    if (count === 0) {
      writer.uint8(WAITING)
      writeOwner(writer, owner)
      countAt = writer.length
      writer.uint32(0)
    }
    writeEntry(writer, state, delivery, slot, options)
    count += 1
    writer.patchUint32(countAt, count)
    if (count < ENTRIES_A_RECORD) continue
    count = 0
    frames.recordEnds()
  }
  frames.recordEnds()
}

function writeEntry(
  writer: Writer,
  state: LogState,
  delivery: number,
  slot: number,
  options: number,
): void {
  writer.uint53(delivery)
  writer.uint32(slot)
  writer.uint8(options)
  if ((options & IDENTIFIED) === 0) return
  const identifiers = state.identifiers.get(delivery) ?? []
  writer.uint16(identifiers.length)
  for (const identifier of identifiers) writer.uint32(identifier)
}

/** Reads a checkpoint into an empty state. Throws StoreDamaged where any of it is not right. */
export function readCheckpoint(disk: Disk, name: string, state: LogState): LogPosition {
  const file = disk.open(name)
  const reading = new CheckpointReading(state)
  const scan = scanFrames(file, MARK, 0, 0, payload => reading.frame(payload))
  const later = laterFrame(file, MARK, scan.end, 0)
  file.close()
  if (
    scan.ending === 'torn' ||
    !reading.isComplete ||
    later !== null ||
    reading.position === null
  ) {
    throw new StoreDamaged(name, scan.end, 'the checkpoint is not whole')
  }
  state.messages.sealFree()
  return reading.position
}

class CheckpointReading {
  readonly #state: LogState
  position: LogPosition | null = null
  isComplete = false

  constructor(state: LogState) {
    this.#state = state
  }

  frame(payload: Buffer): void {
    const reader = new ByteReader(payload)
    while (reader.position < payload.length) this.#record(reader)
  }

  #record(reader: ByteReader): void {
    const state = this.#state
    const kind = reader.uint8()
    if (kind === POSITION) this.position = readPosition(reader, state)
    else if (kind === MESSAGES) readMessages(reader, state)
    else if (kind === SESSION) readSession(reader, state)
    else if (kind === REPLAYS) readReplays(reader, state)
    else if (kind === WAITING) readLine(reader, state)
    else if (kind === RETAINED) {
      const topic = reader.string()
      const slot = reader.uint32()
      state.restoreRetained(topic, { slot, sequence: reader.uint53() })
    } else if (kind === WILL) {
      const clientId = reader.string()
      const at = numberOrNull(reader.double())
      state.wills.set(clientId, { will: readWill(reader), at })
    } else if (kind === END) this.isComplete = true
    else throw new Error(`a record of the unknown kind ${kind}: a newer version wrote it`)
  }
}

function readPosition(reader: ByteReader, state: LogState): LogPosition {
  const position = {
    commit: reader.uint53(),
    segment: reader.uint32(),
    offset: reader.uint32(),
  }
  state.lastSequence = reader.uint53()
  state.lastDelivery = reader.uint53()
  return position
}

function readMessages(reader: ByteReader, state: LogState): void {
  for (let count = reader.uint32(); count > 0; count--) {
    const slot = reader.uint32()
    state.messages.reserve(slot)
    const segment = reader.uint32()
    const frame = reader.uint32()
    const record = reader.uint32()
    state.messages.set(slot, segment, frame, record, reader.uint32())
  }
}

function readSession(reader: ByteReader, state: LogState): void {
  const clientId = reader.string()
  const session = state.openSession(clientId, reader.uint32())
  session.expiresAt = numberOrNull(reader.double())
  for (let count = reader.uint32(); count > 0; count--) {
    const subscription = readSubscription(reader)
    session.subscriptions.set(subscription.filter, subscription)
  }
  for (let count = reader.uint32(); count > 0; count--) session.incoming.add(reader.uint16())
  for (let count = reader.uint32(); count > 0; count--) {
    const entry = readSent(reader, state)
    session.sent.set(entry.delivery, entry)
    if (!entry.isReceived) state.messages.refer(entry.slot, 1)
  }
}

function readReplays(reader: ByteReader, state: LogState): void {
  const replays = state.sessions.get(reader.string())?.replays
  for (let count = reader.uint32(); count > 0; count--) {
    const filter = reader.string()
    replays?.set(filter, reader.uint53())
  }
}

function readSent(reader: ByteReader, state: LogState): SentEntry {
  const entry = readEntry(reader, state)
  const packetId = reader.uint16()
  const isReceived = reader.uint8() === 1
  const owner = reader.uint8() === 0 ? null : readOwner(reader)
  return { ...entry, packetId, isReceived, group: owner?.kind === 'group' ? owner : null }
}

function readLine(reader: ByteReader, state: LogState): void {
  const owner = readOwner(reader)
  const line = owner.kind === 'group' ? state.groupOf(owner).waiting : state.waitingFor(owner)
  for (let count = reader.uint32(); count > 0; count--) {
    const { delivery, slot, options } = readEntry(reader, state)
    line?.add(delivery, slot, options)
    state.messages.refer(slot, 1)
  }
}

function readEntry(
  reader: ByteReader,
  state: LogState,
): { readonly delivery: number; readonly slot: number; readonly options: number } {
  const delivery = reader.uint53()
  const slot = reader.uint32()
  const options = reader.uint8()
  if ((options & IDENTIFIED) !== 0) {
    const identifiers = Array.from({ length: reader.uint16() }, () => reader.uint32())
    state.identifiers.set(delivery, identifiers)
  }
  return { delivery, slot, options }
}

function numberOrNull(value: number): number | null {
  return Number.isNaN(value) ? null : value
}
