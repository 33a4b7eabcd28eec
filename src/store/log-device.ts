// The port to a log device. It keeps frames in order and does not know their content. What is needed of them, and when a
// checkpoint is made, is decided by the store over it. A device that need not wait calls `done` before it returns. An error is
// final, except DiskFull: what it failed to do may be tried again. What a callback throws while a device reads is its error.

import { errorOf } from '../thrown.ts'
import type { ExtentOf, Position } from './ledger/message-table.ts'
import type { Durability } from './store.ts'

/** The payload stays as it is until the call returns. */
export type OnFrame = (payload: Buffer, position: Position) => void

/** `index`: which of the positions the frame is at. */
export type OnFetched = (payload: Buffer, index: number) => void

export type Done<Result = void> = (error: Error | null, result: Result) => void

/** `payload`: what was appended, in memory of the device, where it stays as it is until the next append. */
export type Appended = (error: Error | null, position: Position, payload: Buffer) => void

/** A part of the log that is freed as a whole, with the size of its frames. */
export interface Extent {
  readonly number: number
  readonly bytes: number
}

/** A checkpoint that is being written. */
export interface CheckpointWriting {
  /** Writes the next part, which stays as it is until `done` is called. */
  write(part: Buffer, done: Done): void
  /** Makes it the newest checkpoint: it is durable when `done` is called. */
  finish(done: Done): void
  /** Forgets what was written. */
  abandon(): void
}

export interface LogDevice {
  /** What is known of it when the log is open. */
  readonly durability: Durability
  readonly extentOf: ExtentOf
  /** The size that a new extent grows to. */
  readonly extentBytes: number
  /** The bytes of frames appended since the log was opened. */
  readonly bytesAppended: number
  /** The existing extents, oldest first. Frames are appended to the last one. */
  extents(): readonly Extent[]
  /** Opens the log. Passes on the parts of the newest checkpoint and its position, or the position before the first frame. */
  open(onPart: (part: Buffer) => void, done: Done<Position>): void
  /** Reads every frame behind `from`, which `open` has told, in order and without a gap. Passes on the position of the last one, or `from`. */
  read(from: Position, onFrame: OnFrame, done: Done<Position>): void
  /**
   * Appends a frame, which is durable when `done` is called. Fails when the last frame is not at `expected`: then another writer owns
   * the log. The payload need not stay as it is behind `done`.
   */
  append(payload: Buffer, expected: Position, done: Appended): void
  /** Reads the frames at these positions, in any order. A position may be there more than once. */
  fetch(positions: readonly Position[], onFetched: OnFetched, done: Done): void
  /** Ends the last extent, so that it can be freed. Later frames are appended to another one. */
  endExtent(done: Done): void
  /** Begins a checkpoint of all frames so far, the last of which is at this position. They are durable before it is. */
  checkpoint(at: Position): CheckpointWriting
  /** Removes a part of the checkpoints before the newest one. Passes on true while there is more. */
  removeOlder(done: Done<boolean>): void
  /**
   * Frees those of these extents, none of which contains a needed message, that lie before the newest checkpoint. Passes on the
   * number of freed extents.
   */
  truncate(extents: readonly number[], done: Done<number>): void
  /** Whether everything must be kept for now, because somebody copies the log. */
  isHeld(): boolean
  /** The free space in bytes; Infinity if there is no bound. */
  freeBytes(): number
  /** Frees space that the device has in reserve. Returns false when there was none. */
  giveReserve(): boolean
  /** Returns the error for a frame that no store can have written. */
  damage(position: Position, what: string): Error
  close(done: Done): void
}

/** Answers at once, with what an action returns or throws. `none` is the result in case of an error. */
export function answerNow<Result>(done: Done<Result>, none: Result, act: () => Result): void {
  let result: Result
  try {
    result = act()
  } catch (error) {
    done(errorOf(error), none)
    return
  }
  done(null, result)
}

/** Answers when a promise does, with what it becomes. `none` is the result in case of an error. */
export async function answerLate<Result>(
  done: Done<Result>,
  none: Result,
  promise: Promise<Result>,
): Promise<void> {
  let result: Result
  try {
    result = await promise
  } catch (error) {
    done(errorOf(error), none)
    return
  }
  done(null, result)
}

/** Repeats the step until it passes on false. Steps that are answered at once use no stack, because there may be many. */
export function repeat(step: (answer: Done<boolean>) => void, done: Done): void {
  let isDue = true
  let isLate = false
  while (isDue) {
    isDue = false
    step((error, hasMore) => {
      if (!hasMore) done(error)
      else if (isLate) repeat(step, done)
      else isDue = true
    })
  }
  isLate = true
}
