// The upkeep of a log: checkpoints, so that a start reads little, and freeing what is not needed. It is done in steps between
// commits. The policy decides when, the device does what must be written and freed.

import { DiskFull } from '../disk-full.ts'
import { answerNow, type Done, repeat } from '../log-device.ts'
import type { LoggedLedger } from '../logged-ledger.ts'
import { CheckpointPolicy, type UpkeepOptions } from './checkpoint-policy.ts'
import { Checkpointing } from './checkpointing.ts'
import { Compaction } from './compaction.ts'
import { Reclaiming } from './reclaiming.ts'
import { Room } from './room.ts'

export class Upkeep {
  readonly room: Room
  readonly #log: LoggedLedger
  readonly #policy: CheckpointPolicy
  #compaction: Compaction | null = null
  #checkpoint: Checkpointing | null = null
  #reclaiming: Reclaiming | null = null
  /** The bytes appended when there was last nothing to free. */
  #restedAt = -1
  checkpoints = 0

  constructor(log: LoggedLedger, options: UpkeepOptions) {
    this.room = new Room(log.device, options.reserveBytes)
    this.#log = log
    this.#policy = new CheckpointPolicy(log.device, log.ledger, this.room, options)
  }

  /** Whether a checkpoint is being made, or what it freed is being removed. */
  get isBusy(): boolean {
    return this.#compaction !== null || this.#checkpoint !== null || this.#reclaiming !== null
  }

  /** Whether there is work. */
  get isDue(): boolean {
    return this.isBusy || this.room.isFull || this.#policy.isDue
  }

  /** Whether something was committed since there was last nothing to free. */
  get mayRest(): boolean {
    return this.#log.device.bytesAppended !== this.#restedAt
  }

  /** Does one step. Passes on true while there is more. */
  work(done: Done<boolean>): void {
    if (this.room.isFull) this.room.look()
    this.#step((error, hasMore) => {
      if (error === null || !(error instanceof DiskFull)) {
        done(error, hasMore)
        return
      }
      this.giveUp()
      const hasRoom = this.#log.device.giveReserve()
      if (!hasRoom) this.#policy.wasFutile()
      done(null, hasRoom)
    })
  }

  /**
   * Must be called when the store was idle for a while: extents of which little is needed are freed, without waiting for the log to
   * grow. Passes on true when there is work.
   */
  rest(done: Done<boolean>): void {
    if (this.isBusy) {
      done(null, true)
      return
    }
    const begun: Done<boolean> = (error, hasWork) => {
      if (error instanceof DiskFull) this.giveUp()
      done(error instanceof DiskFull ? null : error, hasWork)
    }
    this.#beginIf(() => {
      if (!this.mayRest || this.#log.device.isHeld()) return false
      const isWorthwhile = this.#policy.rests()
      if (!isWorthwhile) this.#rested()
      return isWorthwhile
    }, begun)
  }

  /** Begins a checkpoint now, even if none is due. */
  begin(done: Done<boolean>): void {
    if (this.isBusy) done(null, true)
    else this.#beginIf(() => true, done)
  }

  /** Abandons the checkpoint that is being made. */
  giveUp(): void {
    this.#checkpoint?.abandon()
    this.#checkpoint = null
    this.#compaction = null
    this.#reclaiming = null
    if (this.#policy.gaveUp()) this.#rested()
  }

  /** Frees at once what a start does not need. */
  reclaim(done: Done): void {
    const reclaiming = new Reclaiming(this.#log)
    repeat(answer => reclaiming.step(answer), done)
  }

  #step(done: Done<boolean>): void {
    if (this.#checkpoint !== null) this.#continueCheckpoint(this.#checkpoint, done)
    else if (this.#compaction !== null) this.#continueCompaction(this.#compaction, done)
    else if (this.#reclaiming !== null) this.#continueReclaiming(this.#reclaiming, done)
    else this.#beginIf(() => this.#policy.isDue, done)
  }

  #beginIf(decide: () => boolean, done: Done<boolean>): void {
    const decided: Done<boolean | null> = (error, endsExtent) => {
      if (endsExtent === null) done(error, false)
      else if (endsExtent) this.#log.device.endExtent(ended)
      else this.#beginCompaction(done)
    }
    const ended: Done = error => {
      if (error === null) this.#beginCompaction(done)
      else done(error, false)
    }
    answerNow(decided, null, () => (decide() ? this.#policy.begins() : null))
  }

  #beginCompaction(done: Done<boolean>): void {
    answerNow(done, false, () => {
      this.#compaction = new Compaction(this.#log, this.#policy.sparse())
      return true
    })
  }

  #continueCompaction(compaction: Compaction, done: Done<boolean>): void {
    compaction.step((error, hasMore) => {
      if (error === null && !hasMore) {
        this.#compaction = null
        this.#policy.compacted()
        this.#checkpoint = new Checkpointing(this.#log)
      }
      done(error, error === null)
    })
  }

  #continueCheckpoint(checkpoint: Checkpointing, done: Done<boolean>): void {
    checkpoint.step((error, hasMore) => {
      if (error !== null || hasMore) {
        done(error, hasMore)
        return
      }
      this.#checkpoint = null
      this.checkpoints += 1
      this.#policy.made(checkpoint.bytes)
      this.#reclaiming = new Reclaiming(this.#log)
      done(null, true)
    })
  }

  #continueReclaiming(reclaiming: Reclaiming, done: Done<boolean>): void {
    reclaiming.step((error, hasMore) => {
      if (error !== null || hasMore) done(error, hasMore)
      else answerNow(done, false, () => this.#reclaimed(reclaiming))
    })
  }

  #reclaimed({ freed }: Reclaiming): boolean {
    this.#reclaiming = null
    const wasResting = this.#policy.reclaimed()
    if (wasResting && freed === 0) this.#rested()
    return this.#policy.isDue
  }

  #rested(): void {
    this.#restedAt = this.#log.device.bytesAppended
  }
}
