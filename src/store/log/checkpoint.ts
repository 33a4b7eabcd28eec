// A checkpoint: the ledger at one position of the log, in a file, so that a start need not read the whole log. It consists of
// frames like the log. The file gets its name when all of it is on disk.

import { Writer } from '../../packet/writer.ts'
import { ByteReader } from '../bytes.ts'
import type { Disk, DiskFile } from '../disk.ts'
import { endRestore, LedgerImage, restoreRecord } from '../ledger/image.ts'
import { Ledger } from '../ledger/ledger.ts'
import { frameBytes, END_BYTES, type FrameMark, writeFrame } from './frame.ts'
import { laterFrame, scanFrames, writeAll } from './segment-file.ts'
import { segmentOf } from './position.ts'
import { LOG_BEGINNING, roomFor, type LogPosition } from './segments.ts'
import { DiskFull, StoreDamaged } from './store-damaged.ts'

const NAME = /^checkpoint-(\d{16})$/
const UNFINISHED = /^checkpoint-\d{16}\.new$/
/** The segment number in frames of checkpoints, which no segment has. The file is never reused, so its frames need no salt. */
const MARK: FrameMark = { segment: 0xc4ec_4b01, salt: 0 }

// Records in addition to those of the image.
/** A record of an older version, with the numbers of the ledger. */
const POSITION_AND_NUMBERS = 1
const END = 7
const POSITION = 11

export function checkpointNames(disk: Disk): string[] {
  return disk
    .list()
    .filter(name => NAME.test(name))
    .sort()
}

/** The names of unfinished checkpoints. */
export function unfinishedNames(disk: Disk): string[] {
  return disk.list().filter(name => UNFINISHED.test(name))
}

/** Writes the ledger as it is when this is made, a frame at a time; the ledger may change meanwhile. */
export class CheckpointWriter {
  readonly name: string
  readonly position: LogPosition
  readonly #disk: Disk
  readonly #image: LedgerImage
  readonly #payloads: Iterator<Buffer>
  #file: DiskFile | null = null
  #frame = Buffer.alloc(0)
  #frames = 0
  #end = 0

  constructor(disk: Disk, ledger: Ledger, position: LogPosition) {
    this.name = `checkpoint-${String(position.commit).padStart(16, '0')}`
    this.position = position
    this.#disk = disk
    this.#image = new LedgerImage(ledger)
    this.#payloads = payloads(position, this.#image)
  }

  get bytes(): number {
    return this.#end
  }

  /** Writes the next frame, if that is found in one slice. True when all of it is there and durable under its name. */
  step(): boolean {
    const next = this.#payloads.next()
    if (next.done !== true) {
      if (next.value.length > 0) this.#write(next.value)
      return false
    }
    this.#file?.close()
    this.#disk.rename(`${this.name}.new`, this.name)
    this.#disk.syncNames()
    return true
  }

  #write(payload: Buffer): void {
    const needed = frameBytes(payload.length) + END_BYTES
    if (this.#frame.length < needed) this.#frame = Buffer.allocUnsafeSlow(needed)
    writeFrame(this.#frame, payload, this.#frames + 1, MARK)
    const file = this.#openFile()
    roomFor(() => writeAll(file, this.#frame.subarray(0, needed), this.#end))
    // A little at a time: one large sync at the end would hold up the log's.
    file.sync()
    this.#end += needed - END_BYTES
    this.#frames += 1
  }

  abandon(): void {
    this.#image.end()
    if (this.#file === null) return
    this.#file.close()
    this.#disk.remove(`${this.name}.new`)
  }

  #openFile(): DiskFile {
    this.#file ??= roomFor(() => this.#disk.create(`${this.name}.new`))
    return this.#file
  }
}

function* payloads(position: LogPosition, image: LedgerImage): Iterator<Buffer> {
  yield positionRecord(position)
  yield* image.slices()
  yield Buffer.of(END)
}

/**
 * Writes a checkpoint of the empty state for a new store. It states that the log begins with the first segment. Without it a store
 * whose only segment is missing would look like a new one.
 */
export function nameFirstSegment(disk: Disk): void {
  if (checkpointNames(disk).length > 0) return
  const checkpoint = new CheckpointWriter(disk, new Ledger(segmentOf), LOG_BEGINNING)
  try {
    while (!checkpoint.step());
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

/** Reads a checkpoint into an empty ledger. Throws StoreDamaged if any part is damaged, and NewerVersion. */
export function readCheckpoint(disk: Disk, name: string, ledger: Ledger): LogPosition {
  const file = disk.open(name)
  const reading = new CheckpointReading(ledger)
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
  endRestore(ledger)
  return reading.position
}

class CheckpointReading {
  readonly #ledger: Ledger
  position: LogPosition | null = null
  isComplete = false

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  frame(payload: Buffer): void {
    const reader = new ByteReader(payload)
    while (reader.position < payload.length) this.#record(reader)
  }

  #record(reader: ByteReader): void {
    const number = reader.bytes[reader.position]
    if (number === POSITION) this.position = readPosition(reader)
    else if (number === POSITION_AND_NUMBERS) {
      this.position = readPosition(reader)
      this.#ledger.lastSequence = reader.uint53()
      this.#ledger.lastDelivery = reader.uint53()
    } else if (number === END) {
      reader.position += 1
      this.isComplete = true
    } else restoreRecord(this.#ledger, reader)
  }
}

function readPosition(reader: ByteReader): LogPosition {
  reader.position += 1
  return { commit: reader.uint53(), segment: reader.uint32(), offset: reader.uint32() }
}
