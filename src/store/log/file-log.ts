// The log in files: a log device in a directory. It does not wait, so every answer comes before a call returns, and the
// simulator runs it unchanged.

import { strict as assert } from 'node:assert'
import type { Position } from '../ledger/message-table.ts'
import { type Disk, HOLD } from '../disk.ts'
import { DiskFull } from '../disk-full.ts'
import {
  answerNow,
  type Appended,
  type CheckpointWriting,
  type Done,
  type Extent,
  type LogDevice,
  type OnFetched,
  type OnFrame,
} from '../log-device.ts'
import { errorOf } from '../../thrown.ts'
import type { Durability } from '../store.ts'
import {
  CheckpointFile,
  checkpointNames,
  nameFirstSegment,
  partialNames,
  readCheckpoint,
  removeOlder,
} from './checkpoint.ts'
import { isBegun } from './log-reading.ts'
import {
  type Cut,
  frameOf,
  LOG_BEGINNING,
  type LogPosition,
  positionBefore,
  segmentOf,
} from './position.ts'
import { segmentName } from './segment-file.ts'
import { Segments, type SegmentsOptions } from './segments.ts'
import { StoreDamaged } from './store-damaged.ts'

const NO_BYTES = Buffer.alloc(0)

export class FileLog implements LogDevice {
  readonly durability: Durability
  readonly extentBytes: number
  readonly extentOf: (position: Position) => number = segmentOf
  readonly segments: Segments
  readonly #disk: Disk
  /** The position of the newest checkpoint. */
  #checkpointed: LogPosition = LOG_BEGINNING
  #last: Position = positionBefore(LOG_BEGINNING)
  /** The end of the log that was cut when it was opened, or null. */
  cut: Cut | null = null

  constructor(disk: Disk, options: SegmentsOptions) {
    this.durability = options.durability
    this.extentBytes = options.segmentBytes
    this.segments = new Segments(disk, options)
    this.#disk = disk
  }

  get bytesAppended(): number {
    return this.segments.bytesAppended
  }

  extents(): readonly Extent[] {
    const { segments } = this
    return segments.numbers().map(number => ({ number, bytes: segments.sizeOf(number) }))
  }

  open(onPart: (part: Buffer) => void, done: Done<Position>): void {
    answerNow(done, 0, () => {
      for (const name of partialNames(this.#disk)) this.#disk.remove(name)
      const newest = checkpointNames(this.#disk).at(-1)
      if (newest !== undefined) this.#checkpointed = readCheckpoint(this.#disk, newest, onPart)
      return positionBefore(this.#checkpointed)
    })
  }

  read(from: Position, onFrame: OnFrame, done: Done<Position>): void {
    answerNow(done, 0, () => {
      this.#last = from
      if (this.#isNew()) this.#begin()
      else {
        this.cut = this.segments.recover(this.#checkpointed, (payload, position) => {
          this.#last = position
          onFrame(payload, position)
        })
      }
      return this.#last
    })
  }

  append(payload: Buffer, expected: Position, done: Appended): void {
    let position: Position
    try {
      position = this.#append(payload, expected)
    } catch (error) {
      done(errorOf(error), 0, NO_BYTES)
      return
    }
    done(null, position, this.segments.lastPayload(payload.length))
  }

  fetch(positions: readonly Position[], onFetched: OnFetched, done: Done): void {
    answerNow(done, undefined, () => {
      for (const [index, position] of positions.entries()) {
        onFetched(this.segments.payload(position), index)
      }
    })
  }

  endExtent(done: Done): void {
    answerNow(done, undefined, () => this.segments.roll())
  }

  checkpoint(at: Position): CheckpointWriting {
    assert(at === this.#last, 'a checkpoint is made at the end of the log')
    const { position } = this.segments
    return new CheckpointFile(this.#disk, position, {
      // With the durability `os` frames may not be on disk yet.
      before: () => this.segments.sync(),
      after: () => {
        this.#checkpointed = position
      },
    })
  }

  removeOlder(done: Done<boolean>): void {
    answerNow(done, false, () => !this.isHeld() && removeOlder(this.#disk))
  }

  truncate(extents: readonly number[], done: Done<number>): void {
    answerNow(done, 0, () => {
      if (this.isHeld()) return 0
      const numbers = extents.filter(number => number < this.#checkpointed.segment)
      this.segments.drop(numbers)
      return numbers.length
    })
  }

  isHeld(): boolean {
    return this.#disk.list().some(name => HOLD.test(name))
  }

  freeBytes(): number {
    return this.#disk.freeBytes() + this.segments.spares.bytes
  }

  giveReserve(): boolean {
    return this.segments.spares.drop()
  }

  damage(position: Position, what: string): StoreDamaged {
    return new StoreDamaged(segmentName(segmentOf(position)), frameOf(position), what)
  }

  close(done: Done): void {
    answerNow(done, undefined, () => this.segments.close())
  }

  /** Writes a checkpoint of the empty state, if there is none. */
  nameFirstSegment(): void {
    nameFirstSegment(this.#disk)
  }

  #append(payload: Buffer, expected: Position): Position {
    if (expected !== this.#last) {
      throw new Error(`the log ends at ${this.#last}, not at ${expected}: another writer owns it`)
    }
    try {
      this.#last = this.segments.append(payload)
    } catch (error) {
      if (!(error instanceof DiskFull) || !this.giveReserve()) throw error
      this.#last = this.segments.append(payload)
    }
    return this.#last
  }

  /** Whether nothing was ever committed: there is no file, or the first one was not finished. */
  #isNew(): boolean {
    if (checkpointNames(this.#disk).length > 0) return false
    const [first, ...more] = this.segments.numbers()
    if (first === undefined) return true
    if (first !== 1) {
      throw new StoreDamaged(segmentName(1), 0, 'the file is missing, and so is a checkpoint')
    }
    return more.length === 0 && !isBegun(this.#disk, first)
  }

  #begin(): void {
    const [first] = this.segments.numbers()
    if (first !== undefined) this.cut = { file: segmentName(first), offset: 0 }
    this.segments.begin()
  }
}
