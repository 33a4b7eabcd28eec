// A position in the segmented log as one number: the number of a segment and the offset of a frame in it. Frames begin at
// multiples of 8, and a segment has at most 1 GiB.

import type { Position } from '../ledger/message-table.ts'
import { ALIGNMENT } from './frame.ts'

const PLACES_A_SEGMENT = 2 ** 27

export function positionOf(segment: number, frame: number): Position {
  return segment * PLACES_A_SEGMENT + frame / ALIGNMENT
}

export function segmentOf(position: Position): number {
  return (position / PLACES_A_SEGMENT) | 0
}

/** Returns the offset of the frame in its segment. */
export function frameOf(position: Position): number {
  return (position % PLACES_A_SEGMENT) * ALIGNMENT
}
