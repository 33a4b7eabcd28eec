// A position of the segmented log: the number of a segment and where a frame begins in it, as one number. Frames begin
// at multiples of 8, and no segment is larger than 1 GiB.

import type { Position } from '../ledger/message-table.ts'
import { ALIGNMENT } from './frame.ts'

const PLACES_A_SEGMENT = 2 ** 27

export function positionOf(segment: number, frame: number): Position {
  return segment * PLACES_A_SEGMENT + frame / ALIGNMENT
}

export function segmentOf(position: Position): number {
  return (position / PLACES_A_SEGMENT) | 0
}

/** Where in its segment the frame begins. */
export function frameOf(position: Position): number {
  return (position % PLACES_A_SEGMENT) * ALIGNMENT
}
