// The last messages that were dropped, and what was refused: of which client, with which topic, and why.

import { textBytes } from '../message.ts'
import { shortened } from '../packet/text.ts'

interface BadEnd {
  readonly kind: 'dropped' | 'publish-refused' | 'subscribe-refused' | 'refused'
  /** Null for a share group. */
  readonly clientId: string | null
  /** A topic or a filter; null for a refused CONNECT. */
  readonly topic: string | null
  readonly cause: string
  readonly at: number
  /** Equal ones that follow each other are one. */
  count: number
  lastAt: number
}

const ENTRIES_MAX = 4_096
const BYTES_MAX = 524_288
const TEXT_BYTES_MAX = 128
/** The heap bytes of an entry besides its texts. */
const ENTRY_BYTES = 96
/** More of one second are only counted: the list would be of that second alone. */
const PER_SECOND_MAX = 200
const SECOND_MS = 1_000

export class BadEnds {
  readonly #now: () => number
  /** Oldest first, from `#first` on. */
  #entries: BadEnd[] = []
  #first = 0
  #bytes = 0
  #second = { start: -Infinity, count: 0 }
  /** How many were only counted. */
  leftOut = 0

  constructor(now: () => number) {
    this.#now = now
  }

  add(kind: BadEnd['kind'], clientId: string | null, topic: string | null, cause: string): void {
    const now = this.#now()
    const last = this.#entries.at(-1)
    if (last?.clientId === clientId && last.topic === topic && last.cause === cause) {
      last.count += 1
      last.lastAt = now
      return
    }
    if (now - this.#second.start >= SECOND_MS) this.#second = { start: now, count: 0 }
    this.#second.count += 1
    if (this.#second.count > PER_SECOND_MAX) {
      this.leftOut += 1
      return
    }
    const entry = {
      kind,
      clientId: clientId === null ? null : shortened(clientId, TEXT_BYTES_MAX),
      topic: topic === null ? null : shortened(topic, TEXT_BYTES_MAX),
      cause: shortened(cause, TEXT_BYTES_MAX),
      at: now,
      lastAt: now,
      count: 1,
    }
    this.#entries.push(entry)
    this.#bytes += bytesOf(entry)
    this.#forgetOldest()
  }

  /** The newest first. */
  *newest(): Iterable<BadEnd> {
    for (let index = this.#entries.length - 1; index >= this.#first; index--) {
      const entry = this.#entries[index]
      if (entry !== undefined) yield entry
    }
  }

  /** Since when everything is known, in milliseconds; null if nothing was forgotten. */
  get knownSince(): number | null {
    return this.#first > 0 || this.leftOut > 0 ? (this.#entries[this.#first]?.at ?? null) : null
  }

  #forgetOldest(): void {
    while (this.#entries.length - this.#first > ENTRIES_MAX || this.#bytes > BYTES_MAX) {
      const oldest = this.#entries[this.#first]
      if (oldest === undefined) return
      this.#bytes -= bytesOf(oldest)
      this.#first += 1
    }
    if (this.#first < ENTRIES_MAX) return
    this.#entries = this.#entries.slice(this.#first)
    this.#first = 0
  }
}

function bytesOf({ clientId, topic, cause }: BadEnd): number {
  return ENTRY_BYTES + textBytes(clientId ?? '') + textBytes(topic ?? '') + textBytes(cause)
}
