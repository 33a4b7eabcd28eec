// The extents of a log in a stream: each has a subject of its own, so that the server frees it as a whole. A position is the
// number of an extent and how far the message is behind the first one of it.

import type { Position } from '../ledger/message-table.ts'
import type { Extent } from '../log-device.ts'

const PLACES = 65_536

interface StreamExtent {
  readonly number: number
  /** The sequence of its first message; 0 while there is none. */
  first: number
  bytes: number
}

export class StreamExtents {
  readonly #extents = new Map<number, StreamExtent>()
  #newest: StreamExtent = { number: 0, first: 0, bytes: 0 }

  get newest(): number {
    return this.#newest.number
  }

  all(): readonly Extent[] {
    return [...this.#extents.values()].map(({ number, bytes }) => ({ number, bytes }))
  }

  has(number: number): boolean {
    return this.#extents.has(number)
  }

  begin(number: number): void {
    this.#newest = { number, first: 0, bytes: 0 }
    this.#extents.set(number, this.#newest)
  }

  remove(number: number): void {
    this.#extents.delete(number)
  }

  /** Whether the newest extent has room for messages at this sequence. An empty one has room for anything. */
  hasRoom(sequence: number, messages: number, bytes: number, extentBytes: number): boolean {
    const { first, bytes: used } = this.#newest
    if (first === 0) return true
    return used + bytes <= extentBytes && sequence + messages - first <= PLACES
  }

  /** Adds a frame to the newest extent. */
  add(sequence: number, bytes: number): Position {
    const newest = this.#newest
    if (newest.first === 0) newest.first = sequence
    newest.bytes += bytes
    return newest.number * PLACES + sequence - newest.first
  }

  /** Returns the sequence of the first message of the frame, or null if its extent is not there. */
  sequenceOf(position: Position): number | null {
    const extent = this.#extents.get(extentOf(position))
    return extent === undefined ? null : extent.first + (position % PLACES)
  }

  toBytes(): Buffer {
    const rows = [...this.#extents.values()].map(({ number, first, bytes }) => [
      number,
      first,
      bytes,
    ])
    return Buffer.from(JSON.stringify(rows))
  }

  restore(bytes: Buffer): void {
    const rows = JSON.parse(bytes.toString()) as readonly (readonly [number, number, number])[]
    for (const [number, first, size] of rows) {
      this.#newest = { number, first, bytes: size }
      this.#extents.set(number, this.#newest)
    }
  }
}

export function extentOf(position: Position): number {
  return Math.floor(position / PLACES)
}
