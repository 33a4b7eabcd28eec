// Decides when a checkpoint is made, and which extents are emptied before it. It does nothing itself.

import type { Ledger } from '../ledger/ledger.ts'
import type { Extent, LogDevice } from '../log-device.ts'
import type { Room } from './room.ts'
import { type CompactionPlan, neededBytes, sparseExtents } from './sparse-extents.ts'

export interface UpkeepOptions {
  /** A checkpoint is made after this many bytes of log, but at least after twice the size of the last checkpoint. */
  readonly checkpointBytes: number
  /** Publishes are refused when less space than this is free, so that acknowledgements and checkpoints still have space. */
  readonly reserveBytes: number
}

/** A compaction on a full disk uses at most this part of the reserve. */
const RESERVE_PARTS = 16

/** An extent is emptied when at most this part of it is needed. When the store is idle or the disk is full, the part is larger. */
const NEEDED_PART_MAX = 0.25
const NEEDED_PART_MAX_AT_REST = 0.5

/** On a full disk, a checkpoint is made only if it frees this many bytes. */
const GAIN_BYTES_MIN = 65_536

/** The same for an idle store. It must also free at least twice the size of the checkpoint. Small extents have a smaller value. */
const GAIN_BYTES_MIN_AT_REST = 1_048_576
const GAIN_PART_OF_EXTENT = 4

export class CheckpointPolicy {
  readonly #device: LogDevice
  readonly #ledger: Ledger
  readonly #room: Room
  readonly #options: UpkeepOptions
  #appendedAtCheckpoint = 0
  #checkpointBytes = 0
  #roomBefore = 0
  /** The state when a checkpoint last freed nothing. */
  #futile = { appended: -GAIN_BYTES_MIN, room: 0, gain: 0 }
  /** How much a checkpoint would have freed at the last check. */
  #gainSeen = 0
  #isResting = false

  constructor(device: LogDevice, ledger: Ledger, room: Room, options: UpkeepOptions) {
    this.#device = device
    this.#ledger = ledger
    this.#room = room
    this.#options = options
  }

  /** Whether a checkpoint must be made: the log has grown, or the device is full and something can be freed. */
  get isDue(): boolean {
    const { bytesAppended } = this.#device
    const appended = bytesAppended - this.#appendedAtCheckpoint
    if (appended >= Math.max(this.#options.checkpointBytes, 2 * this.#checkpointBytes)) return true
    if (!this.#room.isFull || this.#device.isHeld()) return false
    const gain = this.#gain()
    this.#gainSeen = gain
    if (gain < GAIN_BYTES_MIN) return false
    const then = this.#futile
    const more = bytesAppended - then.appended
    return Math.max(more, this.#room.bytes - then.room, gain - then.gain) >= GAIN_BYTES_MIN
  }

  /** Whether an idle store frees enough by a checkpoint. If so, one that is begun now is made for that. */
  rests(): boolean {
    this.#isResting = true
    if (this.#gain() >= Math.max(this.#gainMin(), 2 * this.#checkpointBytes)) return true
    this.#isResting = false
    return false
  }

  /** Whether the newest extent should be ended before the checkpoint that begins, because frames are appended to it. */
  begins(): boolean {
    this.#roomBefore = this.#room.bytes
    return this.#isForRoom() && this.#isNewestSparse()
  }

  /** Returns the extents to empty before the checkpoint. */
  sparse(): ReadonlySet<number> {
    return sparseExtents(this.#ledger, this.#device.extents().slice(0, -1), this.#plan()).numbers
  }

  /** The checkpoint itself begins, after the compaction. */
  compacted(): void {
    this.#appendedAtCheckpoint = this.#device.bytesAppended
  }

  /** A checkpoint of this size was made. */
  made(bytes: number): void {
    this.#checkpointBytes = bytes
  }

  /** What it freed was removed. Returns whether it was made for an idle store. */
  reclaimed(): boolean {
    this.#room.look()
    // A checkpoint that freed nothing is not repeated at once.
    if (this.#room.bytes < this.#roomBefore + GAIN_BYTES_MIN) this.wasFutile()
    return this.gaveUp()
  }

  /** The checkpoint is not made. Returns whether it was for an idle store. */
  gaveUp(): boolean {
    const wasResting = this.#isResting
    this.#isResting = false
    return wasResting
  }

  /** There was no space for a checkpoint, or it freed nothing. */
  wasFutile(): void {
    this.#room.look()
    const { bytesAppended } = this.#device
    this.#futile = { appended: bytesAppended, room: this.#room.bytes, gain: this.#gainSeen }
  }

  #isForRoom(): boolean {
    return this.#room.isFull || this.#isResting
  }

  #gainMin(): number {
    if (this.#room.isFull) return GAIN_BYTES_MIN
    return Math.min(GAIN_BYTES_MIN_AT_REST, this.#device.extentBytes / GAIN_PART_OF_EXTENT)
  }

  #plan(): CompactionPlan {
    return {
      neededPartMax: this.#isForRoom() ? NEEDED_PART_MAX_AT_REST : NEEDED_PART_MAX,
      // The following checkpoint needs space as well.
      moveBytesMax: this.#room.isFull ? this.#options.reserveBytes / RESERVE_PARTS : Infinity,
      sizeMin: this.#isForRoom() ? 0 : this.#device.extentBytes,
    }
  }

  /** Returns an estimate of the bytes that a checkpoint would free. */
  #gain(): number {
    const extents = this.#device.extents()
    const newest = extents.at(-1)
    const { gainBytes } = sparseExtents(this.#ledger, extents.slice(0, -1), this.#plan())
    if (newest === undefined || !this.#isSparse(newest)) return gainBytes
    return gainBytes + newest.bytes - neededBytes(this.#ledger, newest)
  }

  #isNewestSparse(): boolean {
    const newest = this.#device.extents().at(-1)
    return newest !== undefined && this.#isSparse(newest)
  }

  #isSparse(newest: Extent): boolean {
    const { neededPartMax, moveBytesMax } = this.#plan()
    const needed = neededBytes(this.#ledger, newest)
    const neededMax = Math.min(newest.bytes * neededPartMax, moveBytesMax)
    return newest.bytes >= this.#gainMin() && needed <= neededMax
  }
}
