// The core of the file store: an append-only log on a disk, and its ledger. It is synchronous and has no threads, so the
// simulator runs it unchanged.

import type { Message } from '../../message.ts'
import { Writer } from '../../packet/writer.ts'
import { ByteReader } from '../bytes.ts'
import { writeChanges } from '../change-codec.ts'
import type { Change } from '../change.ts'
import { type Disk, HOLD } from '../disk.ts'
import { readMessage } from '../message-codec.ts'
import type { SnapshotParts } from '../snapshot-codec.ts'
import type { Durability, Snapshot, StoredDelivery } from '../store.ts'
import {
  checkpointNames,
  CheckpointWriter,
  nameFirstSegment,
  readCheckpoint,
  unfinishedNames,
} from './checkpoint.ts'
import { Compaction, type CompactionPlan, neededBytes, sparseSegments } from './compaction.ts'
import { applyRecords, MESSAGE_IN_RECORD } from '../ledger/apply-records.ts'
import { Ledger } from '../ledger/ledger.ts'
import type { Position } from '../ledger/message-table.ts'
import { pageOf } from '../ledger/page.ts'
import { snapshotOf, snapshotParts, storedDelivery } from '../ledger/snapshot.ts'
import { NewerVersion } from '../newer-version.ts'
import { asQueueOwner, type Owner } from '../owner.ts'
import { frameOf, segmentOf } from './position.ts'
import { type Cut, LOG_BEGINNING, type LogPosition, Segments } from './segments.ts'
import { segmentName } from './segment-file.ts'
import { DiskFull, StoreDamaged } from './store-damaged.ts'

export interface LogStoreOptions {
  readonly durability: Durability
  /** A segment of this size is closed. */
  readonly segmentBytes: number
  /** A checkpoint is made after this many bytes of log. */
  readonly checkpointBytes: number
  /** The most deliveries in a page, and the most bytes of topics and payloads. */
  readonly pageMessages: number
  readonly pageBytes: number
  /** Publishes are refused when less space than this is free, so that acknowledgements and checkpoints still have space. */
  readonly reserveBytes: number
  /** See `Segments`. The simulator passes its own, so that runs are repeatable. */
  readonly salt?: () => number
}

export const LOG_STORE_DEFAULTS: LogStoreOptions = {
  durability: 'fsync',
  segmentBytes: 67_108_864,
  checkpointBytes: 67_108_864,
  pageMessages: 256,
  pageBytes: 1_048_576,
  reserveBytes: 67_108_864,
}

/** A compaction on a full disk uses at most this part of the reserve. */
const RESERVE_PARTS = 16

/** A segment is emptied when at most this part of it is needed. When the store is idle or the disk is full, the part is larger. */
const NEEDED_PART_MAX = 0.25
const NEEDED_PART_MAX_AT_REST = 0.5

/** On a full disk, a checkpoint is made only if it frees this many bytes. */
const GAIN_BYTES_MIN = 65_536

/** The same for an idle store. It must also free at least twice the size of the checkpoint. Small segments have a smaller value. */
const GAIN_BYTES_MIN_AT_REST = 1_048_576
const GAIN_PART_OF_SEGMENT = 4

/** The free space is checked again after this many bytes of log. */
const ROOM_CHECK_BYTES = 1_048_576

// Wide on purpose: commits, checkpoints and what is let go of depend on one log, one room and one ledger, step by step.
export class LogStore {
  readonly #disk: Disk
  readonly #options: LogStoreOptions
  readonly #segments: Segments
  readonly #ledger = new Ledger(segmentOf)
  readonly #writer = new Writer()
  #checkpoint: CheckpointWriter | null = null
  #compaction: Compaction | null = null
  #checkpointed: LogPosition = LOG_BEGINNING
  #appendedAtCheckpoint = 0
  #checkpointSize = 0
  #roomCheckedAt = 0
  #room = Infinity
  #roomBefore = 0
  /** The state when a checkpoint last freed nothing. */
  #futile = { appended: -GAIN_BYTES_MIN, room: 0, gain: 0 }
  /** How much a checkpoint would have freed at the last check. */
  #gainSeen = 0
  /** The bytes appended when there was last nothing to free. */
  #restedAt = -1
  #isResting = false
  #isFull = false
  /** The end of the log that was cut when it was opened, or null. */
  cut: Cut | null = null
  /** The number of appended frames. Tests count it. */
  appends = 0
  checkpoints = 0

  constructor(disk: Disk, options: Partial<LogStoreOptions> = {}) {
    this.#disk = disk
    this.#options = { ...LOG_STORE_DEFAULTS, ...options }
    this.#segments = new Segments(disk, this.#options)
  }

  /** Whether less space than the reserve is free. */
  get isFull(): boolean {
    return this.#isFull
  }

  get ledger(): Ledger {
    return this.#ledger
  }

  get segments(): Segments {
    return this.#segments
  }

  /** Recovers all commits and returns the state. Throws StoreDamaged. */
  open(): Snapshot {
    this.recover()
    nameFirstSegment(this.#disk)
    return snapshotOf(this.#ledger, slot => this.load(slot))
  }

  /** The same, in parts. The state must not change until the last part was taken. */
  openInParts(): SnapshotParts {
    this.recover()
    nameFirstSegment(this.#disk)
    return snapshotParts(this.#ledger, slot => this.load(slot))
  }

  /**
   * Recovers all commits without reading messages. For a repair even a file with messages may be missing. Throws
   * StoreDamaged.
   */
  recover(needsMessages = true): void {
    for (const name of unfinishedNames(this.#disk)) this.#disk.remove(name)
    const names = checkpointNames(this.#disk)
    const newest = names.at(-1)
    if (newest === undefined && this.#isNew()) this.#begin()
    else this.#recover(newest, needsMessages)
    this.#ledger.forgetBegun()
    for (const name of names.slice(0, -1)) this.#disk.remove(name)
    this.lookForRoom()
  }

  /** Commits changes, which are durable when it returns. Throws DiskFull if it may be tried again; any other error is final. */
  commit(changes: readonly Change[]): void {
    this.#writer.reset()
    writeChanges(this.#writer, changes)
    this.append(this.#writer.bytes.subarray(0, this.#writer.length))
  }

  /**
   * The same for encoded changes. `isDurable` is called when they are durable. Work after that is for the store's own state,
   * and nobody needs to wait for it.
   */
  append(records: Buffer, isDurable: () => void = () => {}): void {
    try {
      const position = this.#appendFrame(records)
      this.appends += 1
      isDurable()
      const payload = this.#segments.lastPayload(records.length)
      applyRecords(this.#ledger, new ByteReader(payload), position)
    } catch (error) {
      if (error instanceof DiskFull) this.#isFull = true
      throw error
    }
    if (this.#segments.bytesAppended - this.#roomCheckedAt >= ROOM_CHECK_BYTES) this.lookForRoom()
  }

  page(owner: Owner, after: number): readonly StoredDelivery[] {
    const waiting = this.#ledger.waitingFor(owner)
    if (waiting === null) return []
    const group = asQueueOwner(owner)
    return pageOf(waiting, after, this.#ledger, this.#options).map(({ delivery, slot, options }) =>
      storedDelivery(this.#ledger, delivery, options, this.load(slot), 0, group),
    )
  }

  /** Does a part of the background work: checkpoints, and freeing files. Returns true while there is more. */
  work(): boolean {
    if (this.#isFull) this.lookForRoom()
    try {
      if (this.#checkpoint !== null) return this.#continueCheckpoint(this.#checkpoint)
      if (this.#compaction !== null) return this.#continueCompaction(this.#compaction)
      if (!this.#isCheckpointDue) return false
      this.#beginCheckpoint()
      return true
    } catch (error) {
      if (!(error instanceof DiskFull)) throw error
      this.#giveUpCheckpoint()
      if (this.#segments.spareBytes() > 0) {
        this.#segments.dropSpares()
        return true
      }
      this.#wasFutile()
      return false
    }
  }

  /** Whether something was committed since there was last nothing to free. */
  get mayRest(): boolean {
    return this.#segments.bytesAppended !== this.#restedAt
  }

  /**
   * Must be called when the store was idle for a while: files of which little is needed are freed, without waiting for the log to
   * grow. Returns true when there is work.
   */
  rest(): boolean {
    if (this.#checkpoint !== null || this.#compaction !== null) return true
    try {
      if (!this.mayRest || this.#isHeld) return false
      this.#isResting = true
      if (this.#gain() < Math.max(this.#gainMin, 2 * this.#checkpointSize)) this.#rested()
      else this.#beginCheckpoint()
    } catch (error) {
      if (!(error instanceof DiskFull)) throw error
      this.#giveUpCheckpoint()
    }
    return this.#compaction !== null
  }

  /** Checks whether other programs have filled the disk or freed space. */
  lookForRoom(): void {
    this.#roomCheckedAt = this.#segments.bytesAppended
    this.#room = this.#disk.freeBytes() + this.#segments.spareBytes()
    this.#isFull = this.#room < this.#options.reserveBytes
  }

  /** Makes a checkpoint now, even if none is due. */
  checkpoint(): void {
    if (this.#compaction === null) this.#beginCheckpoint()
    while (this.#compaction !== null || this.#checkpoint !== null) this.work()
  }

  /** Reads a message. Throws StoreDamaged. */
  load(slot: number): Message {
    const { messages } = this.#ledger
    const payload = this.#segments.payload(messages.positionOf(slot))
    return readMessage(new ByteReader(payload, messages.recordOf(slot) + MESSAGE_IN_RECORD))
  }

  close(): void {
    this.#giveUpCheckpoint()
    this.#segments.close()
  }

  /** Removes spare files, which count as free space. */
  #appendFrame(records: Buffer): Position {
    try {
      return this.#segments.append(records)
    } catch (error) {
      if (!(error instanceof DiskFull) || this.#segments.spareBytes() === 0) throw error
      this.#segments.dropSpares()
      return this.#segments.append(records)
    }
  }

  get #isCheckpointDue(): boolean {
    const appended = this.#segments.bytesAppended - this.#appendedAtCheckpoint
    if (appended >= Math.max(this.#options.checkpointBytes, 2 * this.#checkpointSize)) return true
    if (!this.#isFull || this.#isHeld) return false
    const gain = this.#gain()
    this.#gainSeen = gain
    if (gain < GAIN_BYTES_MIN) return false
    const then = this.#futile
    const more = this.#segments.bytesAppended - then.appended
    return Math.max(more, this.#room - then.room, gain - then.gain) >= GAIN_BYTES_MIN
  }

  get #gainMin(): number {
    const { segmentBytes } = this.#options
    if (this.#isFull) return GAIN_BYTES_MIN
    return Math.min(GAIN_BYTES_MIN_AT_REST, segmentBytes / GAIN_PART_OF_SEGMENT)
  }

  get #plan(): CompactionPlan {
    const { segmentBytes, reserveBytes } = this.#options
    const isForRoom = this.#isFull || this.#isResting
    return {
      neededPartMax: isForRoom ? NEEDED_PART_MAX_AT_REST : NEEDED_PART_MAX,
      // The following checkpoint needs space as well.
      moveBytesMax: this.#isFull ? reserveBytes / RESERVE_PARTS : Infinity,
      sizeMin: isForRoom ? 0 : segmentBytes,
    }
  }

  /** Returns an estimate of the bytes that a checkpoint would free. */
  #gain(): number {
    const plan = this.#plan
    const { segment, offset } = this.#segments.position
    const { gainBytes } = sparseSegments(this.#ledger, this.#segments, plan)
    return (
      gainBytes + (this.#isNewestSparse(plan) ? offset - neededBytes(this.#ledger, segment) : 0)
    )
  }

  #isNewestSparse({ neededPartMax, moveBytesMax }: CompactionPlan): boolean {
    const { segment, offset } = this.#segments.position
    const needed = neededBytes(this.#ledger, segment)
    return offset >= this.#gainMin && needed <= Math.min(offset * neededPartMax, moveBytesMax)
  }

  /** Throws DiskFull. */
  #beginCheckpoint(): void {
    const plan = this.#plan
    this.#roomBefore = this.#room
    // The file that is written to cannot be freed.
    if ((this.#isFull || this.#isResting) && this.#isNewestSparse(plan)) this.#segments.roll()
    const { numbers } = sparseSegments(this.#ledger, this.#segments, plan)
    this.#compaction = new Compaction(this.#ledger, this.#segments, numbers)
  }

  /** Whether nothing was ever committed: there is no file, or the first one was not finished. */
  #isNew(): boolean {
    const [first, ...more] = this.#segments.numbers()
    if (first === undefined) return true
    if (first !== 1) {
      throw new StoreDamaged(segmentName(1), 0, 'the file is missing, and so is a checkpoint')
    }
    return more.length === 0 && !this.#segments.isBegun(first)
  }

  #begin(): void {
    const [first] = this.#segments.numbers()
    if (first !== undefined) this.cut = { file: segmentName(first), offset: 0 }
    this.#segments.begin()
  }

  /** Applies records. Records that no broker can have written count as damage. */
  #replay(payload: Buffer, position: Position): void {
    try {
      applyRecords(this.#ledger, new ByteReader(payload), position)
    } catch (error) {
      if (error instanceof NewerVersion) throw error
      const what = error instanceof Error ? error.message : String(error)
      throw new StoreDamaged(segmentName(segmentOf(position)), frameOf(position), what)
    }
  }

  #recover(newest: string | undefined, needsMessages: boolean): void {
    const from =
      newest === undefined ? LOG_BEGINNING : readCheckpoint(this.#disk, newest, this.#ledger)
    this.#checkpointed = from
    this.cut = this.#segments.recover(from, (payload, position) => this.#replay(payload, position))
    // This is checked only now, because messages of the checkpoint may have been settled and removed later.
    if (needsMessages) this.#assertMessagesAreThere()
    this.#reclaim()
  }

  /** Reads the last needed message of each file, to detect files that were cut or end in zeros. */
  #assertMessagesAreThere(): void {
    const { messages } = this.#ledger
    const last = new Map<number, Position>()
    for (const slot of messages.slots()) {
      const position = messages.positionOf(slot)
      const segment = segmentOf(position)
      if (position > (last.get(segment) ?? 0)) last.set(segment, position)
    }
    for (const position of last.values()) this.#segments.payload(position)
  }

  #continueCompaction(compaction: Compaction): boolean {
    if (compaction.step()) return true
    this.#compaction = null
    this.#segments.sync()
    this.#appendedAtCheckpoint = this.#segments.bytesAppended
    this.#checkpoint = new CheckpointWriter(this.#disk, this.#ledger, this.#segments.position)
    return true
  }

  #continueCheckpoint(checkpoint: CheckpointWriter): boolean {
    if (!checkpoint.step()) return true
    this.#checkpoint = null
    this.#checkpointed = checkpoint.position
    this.#checkpointSize = checkpoint.bytes
    this.checkpoints += 1
    if (!this.#isHeld) {
      for (const name of checkpointNames(this.#disk)) {
        if (name < checkpoint.name) this.#disk.remove(name)
      }
    }
    const hasLetGo = this.#reclaim()
    this.lookForRoom()
    // A checkpoint that freed nothing is not repeated at once.
    if (this.#room < this.#roomBefore + GAIN_BYTES_MIN) this.#wasFutile()
    if (this.#isResting && !hasLetGo) this.#rested()
    this.#isResting = false
    return this.#isCheckpointDue
  }

  #rested(): void {
    this.#isResting = false
    this.#restedAt = this.#segments.bytesAppended
  }

  #giveUpCheckpoint(): void {
    this.#checkpoint?.abandon()
    this.#checkpoint = null
    this.#compaction = null
    if (this.#isResting) this.#rested()
  }

  /** Frees segments that a start would not read and that have no needed message. Returns false when there was none. */
  #reclaim(): boolean {
    if (this.#isHeld) return false
    const { messages } = this.#ledger
    const numbers = this.#segments
      .numbers()
      .filter(number => number < this.#checkpointed.segment && messages.useOf(number) === undefined)
    this.#segments.drop(numbers)
    return numbers.length > 0
  }

  #wasFutile(): void {
    this.lookForRoom()
    this.#futile = {
      appended: this.#segments.bytesAppended,
      room: this.#room,
      gain: this.#gainSeen,
    }
  }

  /** Whether a backup is being made. Then every file is kept until the next checkpoint. */
  get #isHeld(): boolean {
    return this.#disk.list().some(name => HOLD.test(name))
  }
}
