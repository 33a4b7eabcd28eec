// Pages of lists that are ordered by a value and then by a key: the first entries behind a cursor, found in one search.

import { Problem } from './problem.ts'
import type { Page } from './contract/fields.ts'
import type { Slice } from './scans.ts'

export type SortValue = string | number

interface Place {
  readonly value: SortValue
  readonly key: string
}

interface Listing<Source> {
  readonly limit: number
  readonly cursor: string | undefined
  /** The name of the order: a cursor of another one does not fit. */
  readonly order: string
  readonly isDescending: boolean
  readonly valueOf: (source: Source) => SortValue
  readonly keyOf: (source: Source) => string
  readonly isMeant: (source: Source) => boolean
}

interface Found<Source> {
  readonly sources: readonly Source[]
  readonly nextCursor: string | null
  readonly matched: number
  readonly total: number
}

/** The JSON of an answer is not larger than this. */
export const ANSWER_BYTES_MAX = 1_048_576
const ROOM_BYTES = 4_096

/** Steps that find nothing are null in `all`. Throws Problem if the cursor is of another list. */
export async function found<Source>(
  all: Iterable<Source | null>,
  listing: Listing<Source>,
  slice: Slice,
): Promise<Found<Source>> {
  const { limit, order, isDescending, isMeant, valueOf, keyOf } = listing
  const after = placeIn(listing.cursor, order)
  const sign = isDescending ? -1 : 1
  const best: (Place & { readonly source: Source })[] = []
  let [matched, total] = [0, 0]
  for (const source of all) {
    if (slice.isOver) await slice.next()
    if (source === null) continue
    total += 1
    if (!isMeant(source)) continue
    matched += 1
    const entry = { value: valueOf(source), key: keyOf(source), source }
    if (after !== null && compare(entry, after, sign) <= 0) continue
    insert(best, entry, sign, limit + 1)
  }
  const isMore = best.length > limit
  if (isMore) best.pop()
  const last = best.at(-1)
  return {
    sources: best.map(({ source }) => source),
    nextCursor: isMore && last !== undefined ? cursorOf(last, order) : null,
    matched,
    total,
  }
}

/** Ends the page earlier if its items are too large. */
export function pageWith<Source, Item>(
  { sources, nextCursor, matched, total }: Found<Source>,
  listing: Pick<Listing<Source>, 'order' | 'valueOf' | 'keyOf'>,
  itemOf: (source: Source) => Item,
): Page<Item> {
  const items: Item[] = []
  let bytes = ROOM_BYTES
  for (const [index, source] of sources.entries()) {
    const item = itemOf(source)
    bytes += Buffer.byteLength(JSON.stringify(item)) + 1
    const before = sources[index - 1]
    if (bytes > ANSWER_BYTES_MAX && before !== undefined) {
      const place = { value: listing.valueOf(before), key: listing.keyOf(before) }
      return { items, nextCursor: cursorOf(place, listing.order), matched, total }
    }
    items.push(item)
  }
  return { items, nextCursor, matched, total }
}

/** Keeps the first `max` entries, in order. */
function insert<Entry extends Place>(best: Entry[], entry: Entry, sign: 1 | -1, max: number): void {
  const last = best.at(-1)
  if (best.length >= max && last !== undefined && compare(entry, last, sign) >= 0) return
  let [low, high] = [0, best.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const other = best[middle]
    if (other !== undefined && compare(other, entry, sign) <= 0) low = middle + 1
    else high = middle
  }
  best.splice(low, 0, entry)
  if (best.length > max) best.pop()
}

function compare(one: Place, other: Place, sign: 1 | -1): number {
  if (one.value !== other.value) return one.value < other.value ? -sign : sign
  if (one.key === other.key) return 0
  return one.key < other.key ? -1 : 1
}

function cursorOf({ value, key }: Place, order: string): string {
  return Buffer.from(JSON.stringify([order, value, key])).toString('base64url')
}

function placeIn(cursor: string | undefined, order: string): Place | null {
  if (cursor === undefined) return null
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString())
    if (Array.isArray(parts) && parts.length === 3 && parts[0] === order) {
      const [, value, key] = parts as readonly unknown[]
      const isValue = typeof value === 'string' || typeof value === 'number'
      if (isValue && typeof key === 'string') return { value, key }
    }
  } catch {
    // It is no cursor.
  }
  throw new Problem(422, 'cursor: it is not of this list: begin again without it')
}
