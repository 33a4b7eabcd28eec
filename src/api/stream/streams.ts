// All open streams: how many there may be, and what they get each second.

import type { Log } from '../../observe/log.ts'
import type { Caller } from '../caller.ts'
import { later, Problem } from '../problem.ts'
import type { Outlet } from './outlet.ts'

const STREAMS_MAX = 16
const STREAMS_PER_CALLER_MAX = 4
const TICK_MS = 1_000

/** What a stream was asked for, while it is open. */
export interface Feed {
  /** A second has passed. */
  tick?(): void
  stop?(): void
}

interface Stream {
  readonly caller: Caller
  readonly outlet: Outlet
  readonly feeds: readonly Feed[]
}

export class Streams {
  /** How often there were too many. */
  refused = 0
  /** How often a reader was too slow. */
  tooSlow = 0
  readonly #streams = new Set<Stream>()
  readonly #log: Log
  readonly #failed: (error: unknown) => void
  #timer: NodeJS.Timeout | undefined

  /** `failed` is told of exceptions, which end only their stream. */
  constructor(log: Log, failed: (error: unknown) => void) {
    this.#log = log
    this.#failed = failed
  }

  get count(): number {
    return this.#streams.size
  }

  /** Throws Problem if there are too many streams. */
  checkRoomFor({ name }: Caller): void {
    const own = [...this.#streams].filter(({ caller }) => caller.name === name).length
    if (this.#streams.size < STREAMS_MAX && own < STREAMS_PER_CALLER_MAX) return
    this.refused += 1
    const bound =
      own < STREAMS_PER_CALLER_MAX
        ? `${STREAMS_MAX} streams`
        : `${STREAMS_PER_CALLER_MAX} streams of yours`
    throw later(503, `${bound} are open: close one`, 5)
  }

  /** Returns what ends it. */
  open(stream: Stream): () => void {
    this.#streams.add(stream)
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS).unref()
    return () => this.#close(stream)
  }

  #tick(): void {
    for (const stream of this.#streams) {
      const { caller, outlet, feeds } = stream
      // A key that was removed and a sign-in that has ended show nothing more.
      if (!caller.isValid() || !outlet.isOpen) {
        this.#close(stream)
        continue
      }
      try {
        for (const feed of feeds) feed.tick?.()
        outlet.tick()
      } catch (error) {
        if (!(error instanceof Problem)) this.#failed(error)
        this.#close(stream)
      }
    }
  }

  #close(stream: Stream): void {
    if (!this.#streams.delete(stream)) return
    for (const feed of stream.feeds) feed.stop?.()
    stream.outlet.close()
    if (stream.outlet.isUnread) this.#tellUnread(stream)
    if (this.#streams.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #tellUnread({ caller: { name } }: Stream): void {
    this.tooSlow += 1
    const cause = 'it did not read, and 256 KiB waited for it'
    this.#log.warn({ event: 'stream.closed', by: name, cause }, 'a stream is closed')
  }
}
