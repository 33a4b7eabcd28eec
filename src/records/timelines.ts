// The last events of each client, also of clients that are gone: a block of 16 events of 32 bytes each, in pages outside of the heap.
// A noisy client overwrites only its own events. When all memory is used, the timeline that has not changed for longest goes.

import { textBytes } from '../message.ts'
import { ChurnMap } from '../routing/churn-map.ts'
import { Texts } from './texts.ts'
import {
  COUNTED_TOGETHER,
  ENDERS,
  EVENT_KINDS,
  type EventKind,
  type Happening,
  type TimelineEvent,
} from './timeline-event.ts'

const EVENTS = 16
const EVENT_BYTES = 32
const BLOCK_BYTES = EVENTS * EVENT_BYTES
const PAGE_BLOCKS_BITS = 11
const PAGE_BLOCKS = 1 << PAGE_BLOCKS_BITS
/** The heap bytes of a timeline besides its block and the characters of its client id, measured with 100,000 clients. */
const INDEX_BYTES = 112
/** An event equal to one of this many before it adds to its count: a client that comes and goes again and again keeps its past. */
const COMPARED = 4
const COUNT_MAX = 0xffff_ffff
/** The heap bytes of the drops of a client by reason, of which there are sixteen. */
const DROPS_BYTES = 512

// The fields of an event, as places of 4 bytes. The first two are the time, as a double.
const WORDS = EVENT_BYTES / 4
const LATER = 2
const COUNT = 3
const CODES = 4
const CAUSE = 5
const TOPIC = 6
const ADDRESS = 7

/** The place of a client's block. It stays in the list from the longest unchanged timeline to the last changed one. */
interface Place {
  readonly clientId: string
  readonly block: number
  before: Place | null
  after: Place | null
  /** How many events were written, and the next one to write. */
  written: number
  next: number
  /** How many messages for it were dropped, by reason; null for none. */
  drops: Map<string, number> | null
}

interface Page {
  readonly words: Uint32Array
  readonly floats: Float32Array
  readonly times: Float64Array
}

const NO_DROPS: ReadonlyMap<string, number> = new Map()
const DROPPED = EVENT_KINDS.indexOf('dropped')

// Wide on purpose: the memory of all timelines is one account.
export class Timelines {
  readonly #bytesMax: number
  readonly #now: () => number
  readonly #texts = new Texts()
  readonly #places = new ChurnMap<string, Place>()
  readonly #pages: Page[] = []
  readonly #free: number[] = []
  #oldest: Place | null = null
  #newest: Place | null = null
  #used = { blocks: 0, idBytes: 0, dropsBytes: 0, forgotten: 0 }

  /** `now` returns the time of day in milliseconds. */
  constructor(bytesMax: number, now: () => number) {
    this.#bytesMax = bytesMax
    this.#now = now
  }

  get count(): number {
    return this.#places.size
  }

  /** The timelines that had to go because there was no room. */
  get forgotten(): number {
    return this.#used.forgotten
  }

  get bytes(): number {
    const { blocks, idBytes, dropsBytes } = this.#used
    const heapBytes = this.count * INDEX_BYTES + idBytes + dropsBytes + this.#texts.bytes
    return blocks * BLOCK_BYTES + heapBytes
  }

  has(clientId: string): boolean {
    return this.#places.has(clientId)
  }

  record(clientId: string, happening: Happening): void {
    const place = this.#touched(clientId)
    const codes = codesOf(happening)
    if (this.#addsTo(place, codes, happening)) return
    const page = this.#pageOf(place.block)
    const at = this.#wordsOf(place, place.next)
    if (place.written === EVENTS) this.#releaseTexts(page, at)
    else place.written += 1
    place.next = (place.next + 1) % EVENTS
    page.times[at >> 1] = this.#now()
    page.floats[at + LATER] = 0
    page.words[at + COUNT] = 1
    page.words[at + CODES] = codes
    page.words[at + CAUSE] = this.#texts.take(happening.cause ?? null)
    page.words[at + TOPIC] = this.#texts.take(happening.topic ?? null)
    page.words[at + ADDRESS] = this.#texts.take(happening.address ?? null)
    this.#makeRoom()
  }

  /** The same for a message that was dropped: most of them only add to a count. */
  dropped(clientId: string, reason: string, topic: string): void {
    const place = this.#places.get(clientId)
    const cause = this.#texts.find(reason)
    if (place !== null && cause !== null && this.#addsToEqual(place, DROPPED, cause, null)) {
      this.#toNewest(place)
    } else this.record(clientId, { kind: 'dropped', cause: reason, topic })
    if (this.#newest !== null) this.#countDrop(this.#newest, reason)
  }

  /** Returns how many messages for the client were dropped, by reason, as long as it is known. */
  dropsOf(clientId: string): ReadonlyMap<string, number> {
    return this.#places.get(clientId)?.drops ?? NO_DROPS
  }

  #countDrop(place: Place, reason: string): void {
    if (place.drops === null) {
      place.drops = new Map()
      this.#used.dropsBytes += DROPS_BYTES
      this.#makeRoom()
    }
    place.drops.set(reason, (place.drops.get(reason) ?? 0) + 1)
  }

  /** Returns the events of the client, oldest first; null if nothing is known of it. */
  eventsOf(clientId: string): readonly TimelineEvent[] | null {
    const place = this.#places.get(clientId)
    if (place === null) return null
    const events: TimelineEvent[] = []
    for (let back = place.written - 1; back >= 0; back--) events.push(this.#read(place, back))
    return events.sort((one, other) => one.lastAt - other.lastAt)
  }

  #read(place: Place, back: number): TimelineEvent {
    const { times, floats, words } = this.#pageOf(place.block)
    const at = this.#wordsOf(place, slotBack(place, back))
    const codes = words[at + CODES] ?? 0
    const first = times[at >> 1] ?? 0
    return {
      at: first,
      lastAt: first + Math.round(floats[at + LATER] ?? 0),
      count: words[at + COUNT] ?? 0,
      kind: EVENT_KINDS[codes & 0xff] ?? 'fault',
      by: ENDERS[(codes >> 8) & 0xff] ?? null,
      reasonCode: (codes >> 16) & 0xff,
      cause: this.#texts.of(words[at + CAUSE] ?? 0),
      topic: this.#texts.of(words[at + TOPIC] ?? 0),
      address: this.#texts.of(words[at + ADDRESS] ?? 0),
    }
  }

  /** Returns the place of the client's block, which is the last changed one now. */
  #touched(clientId: string): Place {
    const known = this.#places.get(clientId)
    if (known !== null) {
      this.#toNewest(known)
      return known
    }
    const idBytes = textBytes(clientId)
    this.#makeRoomFor(idBytes)
    const place: Place = {
      clientId,
      block: this.#free.pop() ?? this.#used.blocks,
      before: this.#newest,
      after: null,
      written: 0,
      next: 0,
      drops: null,
    }
    if (place.block === this.#used.blocks) this.#used.blocks += 1
    if (place.block >> PAGE_BLOCKS_BITS === this.#pages.length) this.#pages.push(newPage())
    if (this.#newest === null) this.#oldest = place
    else this.#newest.after = place
    this.#newest = place
    this.#places.set(clientId, place)
    this.#used.idBytes += idBytes
    return place
  }

  #toNewest(place: Place): void {
    if (place === this.#newest) return
    this.#unlink(place)
    place.before = this.#newest
    place.after = null
    if (this.#newest !== null) this.#newest.after = place
    this.#newest = place
  }

  #unlink({ before, after }: Place): void {
    if (before === null) this.#oldest = after
    else before.after = after
    if (after === null) this.#newest = before
    else after.before = before
  }

  /** Forgets the longest unchanged timelines until there is room for a new one, but never the last one. */
  #makeRoomFor(idBytes: number): void {
    const heapBytes = INDEX_BYTES + idBytes
    while (this.#oldest !== null) {
      const blockBytes = this.#free.length > 0 ? 0 : BLOCK_BYTES
      if (this.bytes + heapBytes + blockBytes <= this.#bytesMax) return
      this.#forget(this.#oldest)
    }
  }

  /** The same when the texts have grown. */
  #makeRoom(): void {
    while (this.bytes > this.#bytesMax && this.#oldest !== null && this.#oldest !== this.#newest) {
      this.#forget(this.#oldest)
    }
  }

  #forget(place: Place): void {
    const page = this.#pageOf(place.block)
    for (let back = 0; back < place.written; back++) {
      this.#releaseTexts(page, this.#wordsOf(place, slotBack(place, back)))
    }
    this.#unlink(place)
    this.#places.delete(place.clientId)
    this.#free.push(place.block)
    this.#used.idBytes -= textBytes(place.clientId)
    if (place.drops !== null) this.#used.dropsBytes -= DROPS_BYTES
    this.#used.forgotten += 1
  }

  #releaseTexts({ words }: Page, at: number): void {
    for (const field of [CAUSE, TOPIC, ADDRESS]) this.#texts.release(words[at + field] ?? 0)
  }

  /** Adds to the count of an equal event among the last ones. Returns false when there is none. */
  #addsTo(place: Place, codes: number, happening: Happening): boolean {
    const cause = this.#texts.find(happening.cause ?? null)
    if (cause === null) return false
    if (COUNTED_TOGETHER.has(happening.kind)) return this.#addsToEqual(place, codes, cause, null)
    const topic = this.#texts.find(happening.topic ?? null)
    const address = this.#texts.find(happening.address ?? null)
    if (topic === null || address === null) return false
    return this.#addsToEqual(place, codes, cause, { topic, address })
  }

  /** `where` is null if the topic makes no difference. */
  #addsToEqual(
    place: Place,
    codes: number,
    cause: number,
    where: { readonly topic: number; readonly address: number } | null,
  ): boolean {
    const { words, times, floats } = this.#pageOf(place.block)
    for (let back = 0; back < COMPARED && back < place.written; back++) {
      const at = this.#wordsOf(place, slotBack(place, back))
      if (words[at + CODES] !== codes || words[at + CAUSE] !== cause) continue
      if (
        where !== null &&
        (words[at + TOPIC] !== where.topic || words[at + ADDRESS] !== where.address)
      )
        continue
      floats[at + LATER] = this.#now() - (times[at >> 1] ?? 0)
      words[at + COUNT] = Math.min((words[at + COUNT] ?? 0) + 1, COUNT_MAX)
      return true
    }
    return false
  }

  #pageOf(block: number): Page {
    const page = this.#pages[block >> PAGE_BLOCKS_BITS]
    if (page === undefined) throw new Error(`there is no page for block ${block}`)
    return page
  }

  /** Returns the first word of an event in its page. */
  #wordsOf({ block }: Place, slot: number): number {
    return ((block % PAGE_BLOCKS) * EVENTS + slot) * WORDS
  }
}

/** Returns the slot of the event that was written so many events before the last one. */
function slotBack({ next }: Place, back: number): number {
  return (next - 1 - back + 2 * EVENTS) % EVENTS
}

function codesOf({ kind, by, reasonCode }: Happening): number {
  return numberOf(kind) | (ENDERS.indexOf(by ?? null) << 8) | ((reasonCode ?? 0) << 16)
}

function numberOf(kind: EventKind): number {
  return EVENT_KINDS.indexOf(kind)
}

function newPage(): Page {
  const memory = new ArrayBuffer(PAGE_BLOCKS * BLOCK_BYTES)
  return {
    words: new Uint32Array(memory),
    floats: new Float32Array(memory),
    times: new Float64Array(memory),
  }
}
