// The core of the file store: an append-only log over a disk, and what it adds up to. It is synchronous and knows no
// threads, so the simulator runs it as it is.

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
  /** A segment is closed when it has grown to this. */
  readonly segmentBytes: number
  /** Bytes of log after which a checkpoint is made. */
  readonly checkpointBytes: number
  /** Waiting deliveries in a page, and bytes of topics and payloads. */
  readonly pageMessages: number
  readonly pageBytes: number
  /** Room on the disk below which publishes are refused, so that acknowledgements and checkpoints still find some. */
  readonly reserveBytes: number
  /** See `Segments`; for worlds that must be the same each time. */
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

/** A compaction on a full disk takes no more than this part of the reserve. */
const RESERVE_PARTS = 16

/** A segment of which no more than this part is needed is emptied; where it is quiet, or the disk full, of more. */
const NEEDED_PART_MAX = 0.25
const NEEDED_PART_MAX_AT_REST = 0.5

/** On a full disk, what a checkpoint must free to be worth making. */
const GAIN_BYTES_MIN = 65_536

/** The same where it is quiet: also no less than twice what the checkpoint takes. Small segments have a smaller one. */
const GAIN_BYTES_MIN_AT_REST = 1_048_576
const GAIN_PART_OF_SEGMENT = 4

/** The room is looked at anew after this many bytes of log. */
const ROOM_CHECK_BYTES = 1_048_576

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
  /** How things were when a checkpoint last made no room. */
  #futile = { appended: -GAIN_BYTES_MIN, room: 0, gain: 0 }
  /** What a checkpoint would have freed when that was last looked at. */
  #gainSeen = 0
  /** Bytes appended when there was last nothing to let go of. */
  #restedAt = -1
  #isResting = false
  #isFull = false
  /** What was cut from the end of the log when it was opened, or null. */
  cut: Cut | null = null
  /** How many frames were appended: what tests count. */
  appends = 0
  checkpoints = 0

  constructor(disk: Disk, options: Partial<LogStoreOptions> = {}) {
    this.#disk = disk
    this.#options = { ...LOG_STORE_DEFAULTS, ...options }
    this.#segments = new Segments(disk, this.#options)
  }

  /** There is less room than the reserve. */
  get isFull(): boolean {
    return this.#isFull
  }

  get ledger(): Ledger {
    return this.#ledger
  }

  get segments(): Segments {
    return this.#segments
  }

  /** Recovers what was committed, and tells it. Throws StoreDamaged where it is not as it was left. */
  open(): Snapshot {
    this.recover()
    nameFirstSegment(this.#disk)
    return snapshotOf(this.#ledger, slot => this.load(slot))
  }

  /** The same, read from the log part by part: the state must stay as it is until the last one was taken. */
  openInParts(): SnapshotParts {
    this.recover()
    nameFirstSegment(this.#disk)
    return snapshotParts(this.#ledger, slot => this.load(slot))
  }

  /**
   * Recovers what was committed; messages are left where they lie, and for a repair even a file of theirs may be
   * missing. Throws StoreDamaged.
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

  /** Durable when it returns. Throws DiskFull when it may be tried again; any other error is final. */
  commit(changes: readonly Change[]): void {
    this.#writer.reset()
    writeChanges(this.#writer, changes)
    this.append(this.#writer.bytes.subarray(0, this.#writer.length))
  }

  /**
   * The same for changes that were written already. `isDurable` is called when they are: what follows is for the
   * store's own state, and nobody need wait for it.
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

  /** A slice of the work that is nobody's: checkpoints, and making files free. True while there is more. */
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

  /** Something was committed since there was last nothing to let go of. */
  get mayRest(): boolean {
    return this.#segments.bytesAppended !== this.#restedAt
  }

  /**
   * To be called when nothing was asked for a while: files of which little is needed are let go of, without waiting
   * for the log to grow. True when there is work.
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

  /** Whether others have taken the room, or given it back. */
  lookForRoom(): void {
    this.#roomCheckedAt = this.#segments.bytesAppended
    this.#room = this.#disk.freeBytes() + this.#segments.spareBytes()
    this.#isFull = this.#room < this.#options.reserveBytes
  }

  /** Makes a checkpoint now, whether one is due or not. */
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

  /** Files that wait to serve again count as room: here they give way. */
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
      // The checkpoint after it needs room as well.
      moveBytesMax: this.#isFull ? reserveBytes / RESERVE_PARTS : Infinity,
      sizeMin: isForRoom ? 0 : segmentBytes,
    }
  }

  /** Bytes that a checkpoint would free, as far as can be told before it is made. */
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
    // A file that is written to cannot be let go.
    if ((this.#isFull || this.#isResting) && this.#isNewestSparse(plan)) this.#segments.roll()
    const { numbers } = sparseSegments(this.#ledger, this.#segments, plan)
    this.#compaction = new Compaction(this.#ledger, this.#segments, numbers)
  }

  /** Nothing was ever committed here: there is no file, or the first was not finished. */
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

  /** Records that nobody could have written as they are count as damage as well. */
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
    // Only now: what the checkpoint knew may have been settled since, and let go.
    if (needsMessages) this.#assertMessagesAreThere()
    this.#reclaim()
  }

  /** The last message that is needed in a file is read: what ends too early, or in zeros, is found. */
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
    // One that made no room is not made again at once.
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

  /** Lets go of segments that a start would not read and no message lies in. False when there was none. */
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

  /** Somebody makes a copy: every file stays until the next checkpoint. */
  get #isHeld(): boolean {
    return this.#disk.list().some(name => HOLD.test(name))
  }
}
