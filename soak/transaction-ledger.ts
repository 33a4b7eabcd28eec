// Of each transaction the messages arrive all or none, in one go and in order. It forgets what all receivers have.

/** A message of a transaction, which says so in its payload. */
export interface Part {
  /** Who publishes. Its transactions have the numbers 1, 2, 3 and so on, one after the other. */
  readonly stream: string
  readonly number: number
  readonly part: number
  readonly parts: number
}

interface Stream {
  /** Transactions up to this number are decided. */
  decided: number
  /** Of those, the committed ones that somebody may still wait for. */
  readonly committed: Set<number>
}

interface Receiver {
  readonly last: Map<string, Part>
  /** The stream whose transaction has begun and is not whole yet. */
  within: string | null
}

export function payloadOf({ number, part, parts }: Part): string {
  return `${number} ${part} ${parts}`
}

export function partIn(stream: string, payload: Buffer): Part {
  const [number = 0, part = 0, parts = 0] = payload.toString().split(' ').map(Number)
  return { stream, number, part, parts }
}

export class TransactionLedger {
  committed = 0
  readonly #found: (sentence: string) => void
  readonly #streams = new Map<string, Stream>()
  readonly #receivers = new Map<string, Receiver>()

  constructor(found: (sentence: string) => void) {
    this.#found = found
  }

  /** Somebody who must get all transactions from the first one on. */
  addReceiver(receiver: string): void {
    this.#receivers.set(receiver, { last: new Map(), within: null })
  }

  commit(stream: string, number: number): void {
    this.committed += 1
    const of = this.#streamOf(stream)
    of.decided = number
    if (this.#receivers.size > 0) of.committed.add(number)
    this.#forget(stream)
  }

  /** It was aborted, refused, or given up: nothing of it may come. */
  drop(stream: string, number: number): void {
    this.#streamOf(stream).decided = number
    for (const [receiver, { last }] of this.#receivers) {
      if (last.get(stream)?.number === number) this.#cameDropped(receiver, stream, number)
    }
  }

  /** Returns whether it is new to the receiver. */
  receive(receiver: string, got: Part): boolean {
    const of = this.#receivers.get(receiver)
    if (of === undefined) throw new Error(`nobody has said that ${receiver} receives`)
    const { stream, number, part, parts } = got
    const last = of.last.get(stream) ?? { stream, number: 0, part: 0, parts: 0 }
    if (number < last.number || (number === last.number && part <= last.part)) return false
    if (of.within !== null && of.within !== stream) {
      this.#found(
        `${receiver} got ${stream} ${payloadOf(got)} within a transaction of ${of.within}`,
      )
    }
    if (number === last.number ? part !== last.part + 1 : part !== 1 || last.part !== last.parts) {
      this.#found(`${receiver} got ${stream} ${payloadOf(got)} after ${payloadOf(last)}`)
    }
    of.last.set(stream, got)
    of.within = part === parts ? null : stream
    if (number > last.number) this.#begins(receiver, got, last.number)
    return true
  }

  /** What receivers have not got, at the end. */
  outstanding(): readonly string[] {
    const sentences: string[] = []
    for (const [receiver, { last }] of this.#receivers) {
      for (const [stream, { committed }] of this.#streams) {
        const at = last.get(stream)
        const missing = [...committed].filter(number => number > (at?.number ?? 0))
        if (missing.length > 0) {
          sentences.push(`${receiver} lacks ${missing.length} transactions of ${stream}`)
        }
        if (at !== undefined && at.part < at.parts) {
          sentences.push(`${receiver} has ${at.part} of ${at.parts} of ${stream} ${at.number}`)
        }
      }
    }
    return sentences
  }

  /** Whoever publishes knows the outcome of a transaction before it begins the next one. */
  #begins(receiver: string, { stream, number }: Part, lastNumber: number): void {
    const { decided, committed } = this.#streamOf(stream)
    for (const skipped of committed) {
      if (skipped > lastNumber && skipped < number) {
        this.#found(`${receiver} got ${stream} ${number} after ${lastNumber}, and not ${skipped}`)
      }
    }
    if (number <= decided && !committed.has(number)) this.#cameDropped(receiver, stream, number)
    this.#forget(stream)
  }

  #cameDropped(receiver: string, stream: string, number: number): void {
    this.#found(`${receiver} got ${stream} ${number}, which was not committed`)
  }

  /** The newest that all have stays, for it may not be whole. */
  #forget(stream: string): void {
    const { committed } = this.#streamOf(stream)
    const lasts = [...this.#receivers.values()].map(({ last }) => last.get(stream)?.number ?? 0)
    const all = Math.min(...lasts)
    for (const number of committed) {
      if (number >= all) return
      committed.delete(number)
    }
  }

  #streamOf(stream: string): Stream {
    let of = this.#streams.get(stream)
    if (of === undefined) this.#streams.set(stream, (of = { decided: 0, committed: new Set() }))
    return of
  }
}
