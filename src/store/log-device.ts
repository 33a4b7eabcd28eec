// The port to a log: it keeps frames in their order and knows nothing of what they say. A device that need not wait
// calls `done` before it returns. An error is final.

import type { ExtentOf, Position } from './ledger/message-table.ts'
import type { Durability } from './store.ts'

export interface Frame {
  readonly position: Position
  readonly payload: Buffer
}

export type Done<Result = void> = (error: Error | null, result: Result) => void

/** What the log lets go of as one, and the bytes that it takes. */
export interface Extent {
  readonly number: number
  readonly bytes: number
}

export interface LogDevice {
  readonly durability: Durability
  readonly extentOf: ExtentOf
  /** Extents that are there, oldest first. */
  extents(): Iterable<Extent>
  /** Takes the log, and gives the parts of the newest checkpoint and the position that it was made at; 0: there is none. */
  open(onPart: (part: Buffer) => void, done: Done<Position>): void
  /** Every frame behind `from`, in order and without a gap. Gives the position of the last one. */
  read(from: Position, onFrame: (frame: Frame) => void, done: Done<Position>): void
  /**
   * Durable when `done` is called. Fails when the last frame is not the one at `expected`: another writer owns the log.
   * The payload stays as it is until then: a device that keeps it makes a copy.
   */
  append(payload: Buffer, expected: Position, done: Done<Position>): void
  fetch(positions: ReadonlySet<Position>, done: Done<readonly Frame[]>): void
  /** Durable under its position, with which the older one may go. */
  checkpoint(at: Position, parts: readonly Buffer[], done: Done): void
  /** Nobody needs these extents: a checkpoint was made behind them, and no message lies there. */
  truncate(extents: readonly number[], done: Done): void
  close(done: Done): void
}
