// Compaction: appends the few needed messages of old segments again, so that the segments can be freed. The next
// checkpoint has the new places. Until it is durable the old segments are kept.

import { Writer } from '../../packet/writer.ts'
import { ByteReader } from '../bytes.ts'
import { MOVED } from '../change-codec.ts'
import { MESSAGE_IN_RECORD } from '../ledger/apply-records.ts'
import type { Ledger, Place } from '../ledger/ledger.ts'
import { segmentOf } from './position.ts'
import type { Segments } from './segments.ts'

/** The bytes of a message in its file besides topic and payload. */
const RECORD_BYTES = 64
/** Moved at once. */
const FRAME_BYTES = 262_144
/** Moved before one checkpoint. */
const MESSAGES_MAX = 262_144
/** So many slots are looked at between two commits, and so many messages found. */
const SLOTS_A_SLICE = 65_536
const MESSAGES_A_SLICE = 8_192

interface SlotPlace extends Place {
  readonly slot: number
}

/** The conditions for emptying a segment. */
export interface CompactionPlan {
  /** At most this part of it is needed. */
  readonly neededPartMax: number
  /** At most this many bytes are moved. */
  readonly moveBytesMax: number
  /** A smaller file counts as having this size, because few large files are better than many small ones. */
  readonly sizeMin: number
}

interface SparseSegments {
  readonly numbers: ReadonlySet<number>
  /** The size of their files, without the bytes that are moved. */
  readonly gainBytes: number
}

/** Selects the segments to empty, and the segments without needed messages. */
export function sparseSegments(
  ledger: Ledger,
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
    const needed = neededBytes(ledger, number)
    if (needed > Math.max(size, plan.sizeMin) * plan.neededPartMax || needed > moveBytesLeft)
      continue
    moveBytesLeft -= needed
    gainBytes += size - needed
    sparse.add(number)
  }
  return { numbers: sparse, gainBytes }
}

/** Returns the bytes of the needed messages in a segment. */
export function neededBytes(ledger: Ledger, segment: number): number {
  const use = ledger.messages.useOf(segment)
  return use === undefined ? 0 : use.bytes + use.messages * RECORD_BYTES
}

export class Compaction {
  readonly #ledger: Ledger
  readonly #segments: Segments
  readonly #sparse: ReadonlySet<number>
  #places: readonly SlotPlace[] = []
  #next = 0
  #slot = 0
  #messagesLeft = MESSAGES_MAX

  constructor(ledger: Ledger, segments: Segments, sparse: ReadonlySet<number>) {
    this.#ledger = ledger
    this.#segments = segments
    this.#sparse = sparse
  }

  /** Looks for some messages, or moves some. False when there is nothing left to move. Throws DiskFull. */
  step(): boolean {
    if (this.#next < this.#places.length) {
      this.#move()
      return true
    }
    const { messages } = this.#ledger
    if (this.#sparse.size === 0 || this.#slot >= messages.end || this.#messagesLeft <= 0)
      return false
    this.#find()
    return true
  }

  #find(): void {
    const { messages } = this.#ledger
    const places: SlotPlace[] = []
    const end = Math.min(messages.end, this.#slot + SLOTS_A_SLICE)
    for (; this.#slot < end && places.length < MESSAGES_A_SLICE; this.#slot++) {
      const position = messages.positionOf(this.#slot)
      if (this.#sparse.has(segmentOf(position))) {
        places.push({ slot: this.#slot, position, record: messages.recordOf(this.#slot) })
      }
    }
    places.sort((one, other) => one.position - other.position || one.record - other.record)
    this.#places = places
    this.#next = 0
    this.#messagesLeft -= places.length
  }

  #move(): void {
    const writer = new Writer()
    const moved: { readonly place: SlotPlace; readonly record: number }[] = []
    let next = this.#next
    for (; next < this.#places.length && writer.length < FRAME_BYTES; next++) {
      const place = this.#places[next]
      if (place === undefined || !this.#isThere(place)) continue
      moved.push({ place, record: writer.length })
      this.#copy(place, writer)
    }
    if (moved.length > 0) {
      const position = this.#segments.append(writer.bytes.subarray(0, writer.length))
      for (const { place, record } of moved) {
        this.#ledger.messages.move(place.slot, position, record)
      }
    }
    this.#next = next
  }

  /** Whether the message is still in this slot: it may have been settled, and the slot may have another message. */
  #isThere({ slot, position, record }: SlotPlace): boolean {
    const { messages } = this.#ledger
    return messages.positionOf(slot) === position && messages.recordOf(slot) === record
  }

  #copy({ position, record }: Place, writer: Writer): void {
    const payload = this.#segments.payload(position)
    const reader = new ByteReader(payload, record + 1)
    const length = reader.uint32()
    writer.uint8(MOVED)
    writer.raw(payload.subarray(record + 1, record + MESSAGE_IN_RECORD + length))
  }
}
