// Brings together the few messages that keep old segments from being let go: they are appended anew, and the
// checkpoint that follows tells where they lie from then on. Until it is durable the old places are still there.

import { Writer } from '../../packet/writer.ts'
import { ByteReader } from '../bytes.ts'
import type { LogState } from './log-state.ts'
import { MESSAGE_IN_RECORD, MOVED } from './replay.ts'
import type { Segments } from './segments.ts'

/** What a message takes in its file besides topic and payload. */
const RECORD_BYTES = 64
/** Moved at once. */
const FRAME_BYTES = 1_048_576
/** Moved before one checkpoint. */
const MESSAGES_MAX = 262_144

interface Place {
  readonly slot: number
  readonly segment: number
  readonly frame: number
  readonly record: number
}

/** Which segments are emptied. */
export interface CompactionPlan {
  /** Those of which no more than this part is needed. */
  readonly neededPartMax: number
  /** No more than so much is moved. */
  readonly moveBytesMax: number
  /** A smaller file counts as large as this: few large ones are better than many small ones. */
  readonly sizeMin: number
}

export interface SparseSegments {
  readonly numbers: ReadonlySet<number>
  /** What their files take, without what is moved elsewhere. */
  readonly gainBytes: number
}

/** Segments that are worth emptying, and those that nothing is needed of. */
export function sparseSegments(
  state: LogState,
  segments: Segments,
  plan: CompactionPlan,
): SparseSegments {
  const newest = segments.position.segment
  const sparse = new Set<number>()
  let moveBytesLeft = plan.moveBytesMax
  let gainBytes = 0
  for (const number of segments.numbers()) {
    if (number >= newest) continue
    const size = segments.sizeOf(number)
    const needed = neededBytes(state, number)
    if (needed > Math.max(size, plan.sizeMin) * plan.neededPartMax || needed > moveBytesLeft)
      continue
    moveBytesLeft -= needed
    gainBytes += size - needed
    sparse.add(number)
  }
  return { numbers: sparse, gainBytes }
}

/** What the messages take in the segment that are still needed. */
export function neededBytes(state: LogState, segment: number): number {
  const use = state.messages.useOf(segment)
  return use === undefined ? 0 : use.bytes + use.messages * RECORD_BYTES
}

export class Compaction {
  readonly #state: LogState
  readonly #segments: Segments
  readonly #places: readonly Place[]
  #next = 0

  constructor(state: LogState, segments: Segments, sparse: ReadonlySet<number>) {
    this.#state = state
    this.#segments = segments
    this.#places = placesIn(state, sparse)
  }

  /** Moves some messages. False when there is nothing left to move. Throws DiskFull. */
  step(): boolean {
    const writer = new Writer()
    const moved: { readonly place: Place; readonly record: number }[] = []
    let next = this.#next
    for (; next < this.#places.length && writer.length < FRAME_BYTES; next++) {
      const place = this.#places[next]
      if (place === undefined || !this.#isThere(place)) continue
      moved.push({ place, record: writer.length })
      this.#copy(place, writer)
    }
    if (moved.length === 0) {
      this.#next = next
      return next < this.#places.length
    }
    const { segment, frame } = this.#segments.append(writer.bytes.subarray(0, writer.length))
    for (const { place, record } of moved) {
      this.#state.messages.move(place.slot, segment, frame, record)
    }
    this.#next = next
    return true
  }

  /** It may have been settled since, and its slot may serve another message. */
  #isThere({ slot, segment, frame, record }: Place): boolean {
    const { messages } = this.#state
    return (
      messages.segmentOf(slot) === segment &&
      messages.frameOf(slot) === frame &&
      messages.recordOf(slot) === record
    )
  }

  #copy({ segment, frame, record }: Place, writer: Writer): void {
    const payload = this.#segments.payload(segment, frame)
    const reader = new ByteReader(payload, record + 1)
    const length = reader.uint32()
    writer.uint8(MOVED)
    writer.raw(payload.subarray(record + 1, record + MESSAGE_IN_RECORD + length))
  }
}

function placesIn(state: LogState, sparse: ReadonlySet<number>): Place[] {
  const { messages } = state
  const places: Place[] = []
  if (sparse.size === 0) return places
  for (let slot = 0; slot < messages.end && places.length < MESSAGES_MAX; slot++) {
    const segment = messages.segmentOf(slot)
    if (!sparse.has(segment)) continue
    const frame = messages.frameOf(slot)
    places.push({ slot, segment, frame, record: messages.recordOf(slot) })
  }
  return places.sort(
    (one, other) =>
      one.segment - other.segment || one.frame - other.frame || one.record - other.record,
  )
}
