// One stream of server-sent events, with its bounds.

import type { ServerResponse } from 'node:http'
import { CONTENT_HEADERS } from '../headers.ts'

/** A stream that is not read is closed when so much waits. */
const WAITING_BYTES_MAX = 262_144
/** For messages and lines, of which there may be more than anybody can read. */
const FRAMES_PER_SECOND_MAX = 10
const BYTES_PER_SECOND_MAX = 65_536
const SILENT_SECONDS_MAX = 15
const RETRY_MS = 2_000

export class Outlet {
  readonly #outgoing: ServerResponse
  readonly #now: () => number
  #framesLeft = FRAMES_PER_SECOND_MAX
  #bytesLeft = BYTES_PER_SECOND_MAX
  #offered = 0
  #shown = 0
  #silentSeconds = 0
  /** Whether it was closed because nobody reads it. */
  isUnread = false

  constructor(outgoing: ServerResponse, now: () => number) {
    this.#outgoing = outgoing
    this.#now = now
    outgoing.writeHead(200, {
      ...CONTENT_HEADERS,
      'content-type': 'text/event-stream',
      // A proxy must not collect it.
      'x-accel-buffering': 'no',
    })
    outgoing.write(`retry: ${RETRY_MS}\n\n`)
  }

  get isOpen(): boolean {
    return !this.#outgoing.writableEnded && !this.#outgoing.destroyed
  }

  /** Whether one more frame may be sent in this second. It counts those that may not, before anybody makes JSON of them. */
  offers(): boolean {
    this.#offered += 1
    if (this.#framesLeft <= 0 || this.#bytesLeft <= 0) return false
    this.#framesLeft -= 1
    this.#shown += 1
    return true
  }

  /** `json` is the text of the data. */
  send(event: string, json: string): void {
    if (!this.isOpen) return
    this.#silentSeconds = 0
    // JSON has no line breaks, so the data is one line.
    const frame = `event: ${event}\nid: ${this.#now()}\ndata: ${json}\n\n`
    this.#bytesLeft -= frame.length
    this.#write(frame)
  }

  /** A second has passed. */
  tick(): void {
    if (this.#offered > this.#shown) {
      this.send('sampled', JSON.stringify({ shown: this.#shown, of: this.#offered }))
    }
    this.#framesLeft = FRAMES_PER_SECOND_MAX
    this.#bytesLeft = BYTES_PER_SECOND_MAX
    this.#offered = 0
    this.#shown = 0
    this.#silentSeconds += 1
    if (this.#silentSeconds < SILENT_SECONDS_MAX) return
    this.#silentSeconds = 0
    this.#write(':\n\n')
  }

  close(): void {
    this.#outgoing.end()
  }

  #write(text: string): void {
    this.#outgoing.write(text)
    if (this.#outgoing.writableLength <= WAITING_BYTES_MAX) return
    this.isUnread = true
    this.#outgoing.destroy()
  }
}
