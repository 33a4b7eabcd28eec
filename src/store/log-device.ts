// The port to a log device. It keeps frames in order and does not know their content. A device that need not wait
// calls `done` before it returns. An error is final.

import type { ExtentOf, Position } from './ledger/message-table.ts'
import type { Durability } from './store.ts'

export interface Frame {
  readonly position: Position
  readonly payload: Buffer
}

export type Done<Result = void> = (error: Error | null, result: Result) => void

/** A part of the log that is freed as a whole, with its size. */
export interface Extent {
  readonly number: number
  readonly bytes: number
}

export interface LogDevice {
  readonly durability: Durability
  readonly extentOf: ExtentOf
  /** The existing extents, oldest first. */
  extents(): Iterable<Extent>
  /** Opens the log. Passes on the parts of the newest checkpoint and its position; 0 if there is none. */
  open(onPart: (part: Buffer) => void, done: Done<Position>): void
  /** Reads every frame behind `from`, in order and without a gap. Passes on the position of the last one. */
  read(from: Position, onFrame: (frame: Frame) => void, done: Done<Position>): void
  /**
   * Appends a frame, which is durable when `done` is called. Fails when the last frame is not at `expected`: then another writer owns
   * the log. The payload does not change until then; a device that keeps it longer must copy it.
   */
  append(payload: Buffer, expected: Position, done: Done<Position>): void
  fetch(positions: ReadonlySet<Position>, done: Done<readonly Frame[]>): void
  /** Stores a checkpoint for a position. When it is durable, the older checkpoint may be removed. */
  checkpoint(at: Position, parts: readonly Buffer[], done: Done): void
  /** Frees extents: a checkpoint was made behind them, and they contain no needed message. */
  truncate(extents: readonly number[], done: Done): void
  close(done: Done): void
}
