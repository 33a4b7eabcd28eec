// The retained messages of other partitions for one new subscription. It asks one partition after the other, page by page, as its client
// takes them.

import { fromElsewhere, type Message } from '../message.ts'
import type { RetainedElsewhere } from '../session/retained-replay.ts'
import type { RetainedPage, RetainedRow, UpTo } from './item.ts'
import type { LiveRetained } from './live-retained.ts'

/** What queries share. */
export interface QueryContext {
  readonly live: LiveRetained
  nextSequence(): number
  /** Begins to ask the partition. */
  open(query: RetainedQuery, partition: number): void
  more(query: RetainedQuery, partition: number): void
  close(query: RetainedQuery): void
  ended(query: RetainedQuery): void
}

// Wide on purpose: the state of one question, and of the page that was given.
export class RetainedQuery implements RetainedElsewhere {
  readonly filter: string
  arrived: () => void = () => {}
  /** Its number while a partition has it; otherwise 0. */
  number = 0
  /** What is newer than this comes as it is published. Null until all partitions have told. */
  upTo: UpTo | null = null
  readonly #context: QueryContext
  /** All messages with a higher number, here, were delivered. */
  readonly #since: number
  /** The partitions that have not answered as a whole. */
  readonly #partitions: number[]
  #rows: RetainedRow[] = []
  #applied: UpTo = new Map<number, number>()
  /** `wanted`: it is to be opened as soon as it can be. `asked`: a page will come. `given`: it has come. */
  #state: 'closed' | 'wanted' | 'asked' | 'given' = 'closed'
  #isLast = false
  #newest: { readonly row: RetainedRow; readonly message: Message } | null = null

  constructor(filter: string, since: number, partitions: readonly number[], context: QueryContext) {
    this.filter = filter
    this.#since = since
    this.#partitions = [...partitions]
    this.#context = context
  }

  /** The partition that it asks, or asks next. */
  get partition(): number | null {
    return this.#partitions[0] ?? null
  }

  next(): Message | null | 'waiting' {
    for (let row = this.#rows.shift(); row !== undefined; row = this.#rows.shift()) {
      if (this.#isSuperseded(row)) continue
      const message = fromElsewhere(row.message, this.#context)
      this.#newest = { row, message }
      return message
    }
    this.#newest = null
    if (this.#state === 'given' && this.#isLast) {
      this.#context.close(this)
      this.#state = 'closed'
      this.#partitions.shift()
    }
    const { partition } = this
    if (partition === null) return null
    if (this.#state === 'given') {
      this.#state = 'asked'
      this.#context.more(this, partition)
    } else if (this.#state === 'closed') this.#opens(partition)
    return 'waiting'
  }

  isCurrent(message: Message): boolean {
    return this.#newest?.message === message && !this.#isSuperseded(this.#newest.row)
  }

  /** All partitions have told up to which number what they have published has reached all others. */
  watermarked(upTo: UpTo): void {
    this.upTo = upTo
    const { partition } = this
    if (this.#state === 'wanted' && partition !== null) this.#opens(partition)
  }

  took({ rows, applied, isLast }: RetainedPage): void {
    if (this.#state !== 'asked') return
    this.#state = 'given'
    this.#rows = [...rows]
    this.#applied = applied
    this.#isLast = isLast
    this.arrived()
  }

  close(): void {
    this.#context.close(this)
    this.#rows = []
    this.#newest = null
    this.#state = 'closed'
  }

  /** What it asked is lost: it asks again from the beginning of that partition. */
  repeats(): void {
    const isWanted = this.#state !== 'closed'
    this.close()
    // Whoever waits for it pumps again, and asks then.
    if (isWanted) this.arrived()
  }

  end(): void {
    this.close()
    this.#context.ended(this)
  }

  #opens(partition: number): void {
    this.#state = this.upTo === null ? 'wanted' : 'asked'
    if (this.upTo !== null) this.#context.open(this, partition)
  }

  #isSuperseded({ origin, message }: RetainedRow): boolean {
    return this.#context.live.supersedes(message.topic, origin, this.#since, partition => {
      // Whoever has the message retained knows all of its own.
      if (partition === this.partition) return Infinity
      return Math.max(this.upTo?.get(partition) ?? 0, this.#applied.get(partition) ?? 0)
    })
  }
}
