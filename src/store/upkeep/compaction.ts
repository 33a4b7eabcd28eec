// Compaction: appends the few needed messages of old extents again, so that the extents can be freed. The next checkpoint
// has the new places. Until it is durable the old extents are kept.

import { strict as assert } from 'node:assert'
import { Writer } from '../../packet/writer.ts'
import { MOVED } from '../change-codec.ts'
import { MESSAGE_IN_RECORD } from '../ledger/apply-records.ts'
import type { Ledger, Place } from '../ledger/ledger.ts'
import type { Done } from '../log-device.ts'
import type { LoggedLedger } from '../logged-ledger.ts'
import { RECORD_BYTES } from './sparse-extents.ts'

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

export class Compaction {
  readonly #log: LoggedLedger
  readonly #ledger: Ledger
  readonly #sparse: ReadonlySet<number>
  #places: readonly SlotPlace[] = []
  #next = 0
  #slot = 0
  #messagesLeft = MESSAGES_MAX

  /** `sparse`: the extents to empty. */
  constructor(log: LoggedLedger, sparse: ReadonlySet<number>) {
    this.#log = log
    this.#ledger = log.ledger
    this.#sparse = sparse
  }

  /** Looks for some messages, or moves some. Passes on false when there is nothing left to move. */
  step(done: Done<boolean>): void {
    if (this.#next < this.#places.length) this.#move(done)
    else if (this.#sparse.size === 0 || this.#isSearched()) done(null, false)
    else {
      this.#find()
      done(null, true)
    }
  }

  #isSearched(): boolean {
    return this.#slot >= this.#ledger.messages.end || this.#messagesLeft <= 0
  }

  #find(): void {
    const { messages } = this.#ledger
    const places: SlotPlace[] = []
    const end = Math.min(messages.end, this.#slot + SLOTS_A_SLICE)
    for (; this.#slot < end && places.length < MESSAGES_A_SLICE; this.#slot++) {
      const position = messages.positionOf(this.#slot)
      if (position > 0 && this.#sparse.has(this.#log.device.extentOf(position))) {
        places.push({ slot: this.#slot, position, record: messages.recordOf(this.#slot) })
      }
    }
    places.sort((one, other) => one.position - other.position || one.record - other.record)
    this.#places = places
    this.#next = 0
    this.#messagesLeft -= places.length
  }

  #move(done: Done<boolean>): void {
    const places = this.#takePlaces()
    if (places.length === 0) {
      done(null, true)
      return
    }
    const writer = new Writer()
    const records: number[] = []
    const copy = (payload: Buffer, index: number): void => {
      records[index] = writer.length
      copyMessage(payload, places[index]?.record ?? 0, writer)
    }
    const positions = places.map(({ position }) => position)
    this.#log.device.fetch(positions, copy, error => {
      if (error === null) this.#append(writer, places, records, done)
      else done(error, false)
    })
  }

  #append(
    writer: Writer,
    places: readonly SlotPlace[],
    records: readonly number[],
    done: Done<boolean>,
  ): void {
    this.#log.appendCopies(writer.bytes.subarray(0, writer.length), (error, position) => {
      for (const [index, { slot }] of places.entries()) {
        if (error === null) this.#ledger.messages.move(slot, position, records[index] ?? 0)
      }
      done(error, error === null)
    })
  }

  /** Returns the places of messages for one frame. */
  #takePlaces(): readonly SlotPlace[] {
    const { messages } = this.#ledger
    const places: SlotPlace[] = []
    let bytes = 0
    for (; this.#next < this.#places.length && bytes < FRAME_BYTES; this.#next++) {
      const place = this.#places[this.#next]
      if (place === undefined || !this.#isThere(place)) continue
      places.push(place)
      bytes += messages.sizeOf(place.slot) + RECORD_BYTES
    }
    return places
  }

  /** Whether the message is still in this slot: it may have been settled, and the slot may have another message. */
  #isThere({ slot, position, record }: SlotPlace): boolean {
    const { messages } = this.#ledger
    return messages.positionOf(slot) === position && messages.recordOf(slot) === record
  }
}

function copyMessage(payload: Buffer, record: number, writer: Writer): void {
  assert(record < payload.length, 'the frame has the message')
  const length = payload.readUInt32BE(record + 1)
  writer.uint8(MOVED)
  writer.raw(payload.subarray(record + 1, record + MESSAGE_IN_RECORD + length))
}
