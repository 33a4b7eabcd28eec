// One trace: what happens to the packets of one client, or to the messages of a topic filter, from now on for a while.

import { textBytes } from '../message.ts'

export interface TraceLine {
  /** Milliseconds since 1970. */
  readonly at: number
  /** The type of a packet, an event of the client, or a step of a message: received, sent, queued, dropped, acknowledged, matched. */
  readonly kind: string
  /** From the client or to it, for packets. */
  readonly direction: 'in' | 'out' | null
  /** The client, or the receiver of a message. */
  readonly clientId: string | null
  /** The number of the message among all messages of the broker. */
  readonly sequence: number | null
  readonly topic: string | null
  readonly qos: number | null
  readonly packetId: number | null
  readonly payloadBytes: number | null
  readonly payload: string | null
  readonly encoding: 'utf8' | 'hex' | null
  readonly text: string
}

export interface TraceRequest {
  /** Messages whose topic matches; null for all of the client. */
  readonly filter: string | null
  /** The packets of this client or, with a filter, the messages from it and to it. */
  readonly clientId: string | null
  readonly seconds: number
}

type Listener = (line: TraceLine) => void

const LINES_MAX = 33_000
const BYTES_MAX = 1_048_576
/** The heap bytes of a line besides its texts. */
const LINE_BYTES = 160
const LINES_A_SECOND_MAX = 1_000
const SECOND_MS = 1_000

export const NO_DETAILS = {
  direction: null,
  clientId: null,
  sequence: null,
  topic: null,
  qos: null,
  packetId: null,
  payloadBytes: null,
  payload: null,
  encoding: null,
  text: '',
} as const

// Wide on purpose: its bounds and what waits for its end.
export class Trace {
  readonly id: number
  readonly request: TraceRequest
  readonly startedAt: number
  readonly endsAt: number
  /** Lines that were not kept: too many came at once, or the memory of the trace was used. */
  leftOut = 0
  isOver = false
  readonly #listeners = new Set<Listener>()
  readonly #ended: (() => void)[] = []
  #lines: TraceLine[] = []
  #bytes = 0
  #second = { start: 0, lines: 0 }

  constructor(id: number, request: TraceRequest, now: number) {
    this.id = id
    this.request = request
    this.startedAt = now
    this.endsAt = now + request.seconds * 1_000
  }

  /** The lines that are kept, oldest first. */
  get lines(): readonly TraceLine[] {
    return this.#lines
  }

  /** Calls the listener with each line from now on. Returns how to stop it. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  add(line: TraceLine): void {
    if (line.at - this.#second.start >= SECOND_MS) this.#second = { start: line.at, lines: 0 }
    this.#second.lines += 1
    if (this.#second.lines > LINES_A_SECOND_MAX) {
      this.leftOut += 1
      return
    }
    this.#lines.push(line)
    this.#bytes += bytesOf(line)
    if (this.#bytes > BYTES_MAX || this.#lines.length > LINES_MAX) this.#forgetHalf()
    for (const listener of this.#listeners) listener(line)
  }

  /** Calls back when the trace ends. */
  whenOver(ended: () => void): void {
    if (this.isOver) ended()
    else this.#ended.push(ended)
  }

  over(): void {
    this.isOver = true
    this.#listeners.clear()
    for (const ended of this.#ended.splice(0)) ended()
  }

  /** Forgets the older half at once, because removing the first of many lines moves all others. */
  #forgetHalf(): void {
    const forgotten = this.#lines.length >> 1
    this.leftOut += forgotten
    this.#lines = this.#lines.slice(forgotten)
    this.#bytes = this.#lines.reduce((sum, line) => sum + bytesOf(line), 0)
  }
}

function bytesOf({ topic, payload, text, clientId }: TraceLine): number {
  const texts = textBytes(topic ?? '') + textBytes(payload ?? '') + textBytes(text)
  return LINE_BYTES + texts + textBytes(clientId ?? '')
}
