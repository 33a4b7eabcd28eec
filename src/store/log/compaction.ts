// Brings together the few messages that keep old segments from being let go: they are appended anew, and the
// checkpoint that follows tells where they lie from then on. Until it is durable the old places are still there.

import { Writer } from '../../packet/writer.ts'
import { ByteReader } from '../bytes.ts'
import type { LogState } from './log-state.ts'
import { MESSAGE_IN_RECORD, MOVED } from './replay.ts'
import type { Segments } from './segments.ts'

/** A segment of which no more than this part is needed is emptied. */
const NEEDED_PART_MAX = 0.25
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

export class Compaction {
  readonly #state: LogState
  readonly #segments: Segments
  readonly #places: readonly Place[]
  #next = 0

  /** Moves no more than `moveBytesMax` of topics and payloads. */
  constructor(state: LogState, segments: Segments, segmentBytes: number, moveBytesMax: number) {
    this.#state = state
    this.#segments = segments
    this.#places = placesToEmpty(state, segments, segmentBytes, moveBytesMax)
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

function placesToEmpty(
  state: LogState,
  segments: Segments,
  segmentBytes: number,
  moveBytesMax: number,
): Place[] {
  const { messages } = state
  const newest = segments.position.segment
  let bytesLeft = moveBytesMax
  const sparse = new Set(
    segments.numbers().filter(number => {
      const use = messages.useOf(number)
      if (number >= newest || use === undefined) return false
      if (use.bytes >= segmentBytes * NEEDED_PART_MAX || use.bytes > bytesLeft) return false
      bytesLeft -= use.bytes
      return true
    }),
  )
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
