// Places in the segmented log: a position is the number of a segment and the offset of a frame in it, as one number. Frames
// begin at multiples of 8, and a segment has at most 1 GiB.

import type { Position } from '../ledger/message-table.ts'
import { ALIGNMENT } from './frame.ts'
import { SEGMENT_HEADER_BYTES } from './segment-file.ts'

const PLACES_A_SEGMENT = 2 ** 27

/** Where the relevant frames begin, and the last commit before them. */
export interface LogPosition {
  readonly segment: number
  readonly offset: number
  readonly commit: number
}

/** Where the frames of a segment end. */
export interface SegmentEnd {
  readonly segment: number
  readonly offset: number
}

/**
 * The end of the log that was cut at a start. After a crash it is an unacknowledged commit. If a file was shortened by something
 * else, acknowledged commits are missing.
 */
export interface Cut {
  readonly file: string
  readonly offset: number
}

export const LOG_BEGINNING: LogPosition = { segment: 1, offset: SEGMENT_HEADER_BYTES, commit: 0 }

export function positionOf(segment: number, frame: number): Position {
  return segment * PLACES_A_SEGMENT + frame / ALIGNMENT
}

/** Returns a position behind every earlier frame and before the one that begins at this place. */
export function positionBefore({ segment, offset }: SegmentEnd): Position {
  return positionOf(segment, offset) - 1
}

export function segmentOf(position: Position): number {
  return (position / PLACES_A_SEGMENT) | 0
}

/** Returns the offset of the frame in its segment. */
export function frameOf(position: Position): number {
  return (position % PLACES_A_SEGMENT) * ALIGNMENT
}
