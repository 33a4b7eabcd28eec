// A checkpoint in a file: the parts of an image and the position of the log that they belong to, so that a start need not read
// the whole log. It consists of frames like the log. The file gets its name when all of it is on disk.

import { Writer } from '../../packet/writer.ts'
import { ByteReader } from '../bytes.ts'
import type { Disk, DiskFile } from '../disk.ts'
import { DiskFull, roomFor } from '../disk-full.ts'
import { NUMBERS } from '../ledger/image.ts'
import { answerNow, type CheckpointWriting, type Done } from '../log-device.ts'
import { NewerVersion } from '../newer-version.ts'
import { frameBytes, END_BYTES, type FrameMark, writeFrame } from './frame.ts'
import { LOG_BEGINNING, type LogPosition } from './position.ts'
import { laterFrame, scanFrames, writeAll } from './segment-file.ts'
import { StoreDamaged } from './store-damaged.ts'

const NAME = /^checkpoint-(\d{16})$/
/** Checkpoints that are not whole: `.new` is being written, `.old` is being removed. */
const PARTIAL = /^checkpoint-\d{16}\.(?:new|old)$/
const OLD = /^checkpoint-\d{16}\.old$/
/** So much of a file is removed at once: freeing a large one takes long. */
const REMOVED_AT_ONCE_BYTES = 33_554_432
/** The segment number in frames of checkpoints, which no segment has. The file is never reused, so its frames need no salt. */
const MARK: FrameMark = { segment: 0xc4ec_4b01, salt: 0 }

// Records in addition to those of the image: the first one and the last one.
const POSITION = 11
/** A record of an older version, with the numbers of the ledger. */
const POSITION_AND_NUMBERS = 1
const END = 7
const POSITION_BYTES = 17

export function checkpointNames(disk: Disk): string[] {
  return disk
    .list()
    .filter(name => NAME.test(name))
    .sort()
}

/** The names of checkpoints that are not whole, because a process ended while it wrote or removed them. */
export function partialNames(disk: Disk): string[] {
  return disk.list().filter(name => PARTIAL.test(name))
}

/** Removes a part of the checkpoints before the newest one. Returns true while there is more. */
export function removeOlder(disk: Disk): boolean {
  const old = disk.list().find(name => OLD.test(name))
  if (old !== undefined) return removePart(disk, old)
  const [oldest, ...newer] = checkpointNames(disk)
  if (oldest === undefined || newer.length === 0) return false
  if (disk.sizeOf(oldest) > REMOVED_AT_ONCE_BYTES) {
    disk.rename(oldest, `${oldest}.old`)
    disk.syncNames()
    return true
  }
  disk.remove(oldest)
  return newer.length > 1
}

function removePart(disk: Disk, name: string): boolean {
  const bytes = disk.sizeOf(name)
  if (bytes <= REMOVED_AT_ONCE_BYTES) {
    disk.remove(name)
    return checkpointNames(disk).length > 1
  }
  const file = disk.open(name)
  file.truncate(bytes - REMOVED_AT_ONCE_BYTES)
  file.close()
  return true
}

interface Naming {
  /** Called when all of the file is on disk and before it has its name. */
  before(): void
  /** Called when the name is on disk. */
  after(): void
}

const NAMED_AT_ONCE: Naming = { before: () => {}, after: () => {} }

export class CheckpointFile implements CheckpointWriting {
  readonly #position: LogPosition
  readonly #name: string
  readonly #disk: Disk
  readonly #naming: Naming
  #file: DiskFile | null = null
  #frame = Buffer.alloc(0)
  #frames = 0
  #end = 0

  constructor(disk: Disk, position: LogPosition, naming: Naming = NAMED_AT_ONCE) {
    this.#position = position
    this.#name = `checkpoint-${String(position.commit).padStart(16, '0')}`
    this.#disk = disk
    this.#naming = naming
  }

  write(part: Buffer, done: Done): void {
    answerNow(done, undefined, () => this.#write(part))
  }

  finish(done: Done): void {
    answerNow(done, undefined, () => this.finishNow())
  }

  finishNow(): void {
    this.#write(Buffer.of(END))
    this.#file?.close()
    this.#naming.before()
    this.#disk.rename(`${this.#name}.new`, this.#name)
    this.#disk.syncNames()
    this.#naming.after()
  }

  abandon(): void {
    if (this.#file === null) return
    this.#file.close()
    this.#disk.remove(`${this.#name}.new`)
  }

  #write(part: Buffer): void {
    const file = this.#opened()
    this.#writeFrame(file, part)
  }

  #opened(): DiskFile {
    if (this.#file !== null) return this.#file
    this.#file = roomFor(() => this.#disk.create(`${this.#name}.new`))
    this.#writeFrame(this.#file, positionRecord(this.#position))
    return this.#file
  }

  #writeFrame(file: DiskFile, payload: Buffer): void {
    const needed = frameBytes(payload.length) + END_BYTES
    if (this.#frame.length < needed) this.#frame = Buffer.allocUnsafeSlow(needed)
    writeFrame(this.#frame, payload, this.#frames + 1, MARK)
    roomFor(() => writeAll(file, this.#frame.subarray(0, needed), this.#end))
    // A little at a time: one large sync at the end would hold up the log's.
    file.sync()
    this.#end += needed - END_BYTES
    this.#frames += 1
  }
}

/**
 * Writes a checkpoint of the empty state for a new store. It states that the log begins with the first segment. Without it a store
 * whose only segment is missing would look like a new one.
 */
export function nameFirstSegment(disk: Disk): void {
  if (checkpointNames(disk).length > 0) return
  const checkpoint = new CheckpointFile(disk, LOG_BEGINNING)
  try {
    checkpoint.finishNow()
  } catch (error) {
    // It is tried again at the next start.
    if (!(error instanceof DiskFull)) throw error
    checkpoint.abandon()
  }
}

function positionRecord({ commit, segment, offset }: LogPosition): Buffer {
  const writer = new Writer()
  writer.uint8(POSITION)
  writer.uint53(commit)
  writer.uint32(segment)
  writer.uint32(offset)
  return writer.bytes.subarray(0, writer.length)
}

/** Reads a checkpoint. Passes on its parts and returns its position. Throws StoreDamaged if any part is damaged. */
export function readCheckpoint(
  disk: Disk,
  name: string,
  onPart: (part: Buffer) => void,
): LogPosition {
  const file = disk.open(name)
  const reading = new CheckpointReading(onPart)
  try {
    const { end, ending } = scanFrames(file, MARK, 0, 0, payload => reading.frame(payload))
    const isWhole = ending !== 'torn' && laterFrame(file, MARK, end, 0) === null
    const position = isWhole ? reading.end(ending === 'clean') : null
    if (position === null) throw new StoreDamaged(name, end, 'the checkpoint is not whole')
    return position
  } finally {
    file.close()
  }
}

class CheckpointReading {
  readonly #onPart: (part: Buffer) => void
  #position: LogPosition | null = null
  #isOlder = false
  /** The newest frame is kept back, because the last one ends with a record of its own. */
  #last: Buffer = Buffer.alloc(0)

  constructor(onPart: (part: Buffer) => void) {
    this.#onPart = onPart
  }

  frame(payload: Buffer): void {
    if (this.#last.length > 0) this.#onPart(this.#last)
    this.#last = this.#position === null ? this.#first(payload) : payload
  }

  /** Returns the position, or null when the last record is missing. */
  end(isClean: boolean): LogPosition | null {
    const last = this.#last
    const end = last.length - 1
    // In a file of an older version END may follow other records. Without the zeros at its end it may be one that was cut.
    if (last[end] !== END || !(end === 0 || (this.#isOlder && isClean))) return null
    if (end > 0) this.#onPart(last.subarray(0, end))
    return this.#position
  }

  /** Returns the records behind the position. */
  #first(payload: Buffer): Buffer {
    const [number] = payload
    this.#isOlder = number === POSITION_AND_NUMBERS
    if (number !== POSITION && !this.#isOlder) {
      throw new NewerVersion(`a record of the unknown kind ${number}`)
    }
    this.#position = readPosition(payload)
    const more = payload.subarray(POSITION_BYTES)
    return this.#isOlder ? Buffer.concat([Buffer.of(NUMBERS), more]) : more
  }
}

function readPosition(payload: Buffer): LogPosition {
  const reader = new ByteReader(payload, 1)
  return { commit: reader.uint53(), segment: reader.uint32(), offset: reader.uint32() }
}
