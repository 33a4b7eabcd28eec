// The core of the file store: the state machine over the log in files, which answers at once. It has no threads, so the
// simulator runs it unchanged.

import { strict as assert } from 'node:assert'
import type { Message } from '../../message.ts'
import { Writer } from '../../packet/writer.ts'
import { writeChanges } from '../change-codec.ts'
import type { Change } from '../change.ts'
import type { Disk } from '../disk.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { snapshotOf, snapshotParts } from '../ledger/snapshot.ts'
import type { Done } from '../log-device.ts'
import { LoggedLedger, type LoggedLedgerOptions } from '../logged-ledger.ts'
import type { Owner } from '../owner.ts'
import type { SnapshotParts } from '../snapshot-codec.ts'
import type { Snapshot, StoredDelivery } from '../store.ts'
import { FileLog } from './file-log.ts'
import type { Cut } from './position.ts'
import type { Segments, SegmentsOptions } from './segments.ts'

export interface LogStoreOptions extends SegmentsOptions, LoggedLedgerOptions {}

export const LOG_STORE_DEFAULTS: LogStoreOptions = {
  durability: 'fsync',
  segmentBytes: 67_108_864,
  checkpointBytes: 67_108_864,
  pageMessages: 256,
  pageBytes: 1_048_576,
  reserveBytes: 67_108_864,
}

const NOBODY = (): void => {}

export class LogStore {
  readonly #device: FileLog
  readonly #log: LoggedLedger
  readonly #writer = new Writer()
  #isDurable: () => void = NOBODY
  /** The error of the last commit. */
  #error: Error | null = null

  constructor(disk: Disk, options: Partial<LogStoreOptions> = {}) {
    const all = { ...LOG_STORE_DEFAULTS, ...options }
    this.#device = new FileLog(disk, all)
    this.#log = new LoggedLedger(this.#device, all)
  }

  /** Whether less space than the reserve is free. */
  get isFull(): boolean {
    return this.#log.upkeep.room.isFull
  }

  get ledger(): Ledger {
    return this.#log.ledger
  }

  get segments(): Segments {
    return this.#device.segments
  }

  /** The end of the log that was cut when it was opened, or null. */
  get cut(): Cut | null {
    return this.#device.cut
  }

  get checkpoints(): number {
    return this.#log.upkeep.checkpoints
  }

  /** Recovers all commits and returns the state. Throws StoreDamaged. */
  open(): Snapshot {
    this.recover()
    this.#device.nameFirstSegment()
    return snapshotOf(this.ledger, slot => this.load(slot))
  }

  /** The same, in parts. The state must not change until the last part was taken. */
  openInParts(): SnapshotParts {
    this.recover()
    this.#device.nameFirstSegment()
    return snapshotParts(this.ledger, slot => this.load(slot))
  }

  /**
   * Recovers all commits without reading messages. For a repair even a file with messages may be missing. Throws
   * StoreDamaged.
   */
  recover(needsMessages = true): void {
    answerOf<void>(done => this.#log.open(needsMessages, done))
  }

  /** Commits changes, which are durable when it returns. Throws DiskFull if it may be tried again; any other error is final. */
  commit(changes: readonly Change[]): void {
    this.#writer.reset()
    writeChanges(this.#writer, changes)
    this.append(this.#writer.bytes.subarray(0, this.#writer.length))
  }

  /** The same for encoded changes. `isDurable` is called when they are durable; then their memory may be used again. */
  append(records: Buffer, isDurable: () => void = NOBODY): void {
    this.#isDurable = isDurable
    this.#log.append(records, this.#committed, NOBODY)
    if (this.#error !== null) throw this.#error
  }

  page(owner: Owner, after: number): readonly StoredDelivery[] {
    return answerOf(done => this.#log.page(owner, after, done))
  }

  /** Does a part of the background work: checkpoints, and freeing files. Returns true while there is more. */
  work(): boolean {
    return answerOf(done => this.#log.upkeep.work(done))
  }

  /** Whether something was committed since there was last nothing to free. */
  get mayRest(): boolean {
    return this.#log.upkeep.mayRest
  }

  /** Must be called when the store was idle for a while. Returns true when there is work. */
  rest(): boolean {
    return answerOf(done => this.#log.upkeep.rest(done))
  }

  /** Checks whether other programs have filled the disk or freed space. */
  lookForRoom(): void {
    this.#log.upkeep.room.look()
  }

  /** Makes a checkpoint now, even if none is due. */
  checkpoint(): void {
    const { upkeep } = this.#log
    answerOf(done => upkeep.begin(done))
    while (upkeep.isBusy) this.work()
  }

  /** Reads a message. Throws StoreDamaged. */
  load(slot: number): Message {
    const [message] = answerOf<readonly Message[]>(done => this.#log.load([slot], done))
    assert(message !== undefined, 'a message that was read is there')
    return message
  }

  close(): void {
    answerOf<void>(done => this.#log.close(done))
  }

  readonly #committed: Done = error => {
    this.#error = error
    if (error === null) this.#isDurable()
  }
}

/** Returns what a device that need not wait answers. Throws its error. */
function answerOf<Result>(ask: (done: Done<Result>) => void): Result {
  const answers: { readonly error: Error | null; readonly result: Result }[] = []
  ask((error, result) => answers.push({ error, result }))
  const [answer] = answers
  assert(answer !== undefined, 'a log in files answers before a call returns')
  if (answer.error !== null) throw answer.error
  return answer.result
}
