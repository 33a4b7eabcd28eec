// Appends to the stream of a log, each message at its place: the engine takes it only where its writer believes the end to be.
// An answer that is lost is looked up, and what is not there is sent again: it can be there once only.

import { DiskFull } from '../disk-full.ts'
import {
  hasNoRoom,
  type JetStream,
  JetStreamError,
  NoAnswer,
  WRONG_LAST_SEQUENCE,
} from './jetstream.ts'

/** Another writer has appended, and from there on owns the log. */
export class AnotherWriter extends Error {
  constructor(stream: string, sequence: number) {
    super(
      `the stream ${stream} has a message of another writer at ${sequence}: another writer owns it`,
    )
    this.name = 'AnotherWriter'
  }
}

export class LogWriter {
  readonly #engine: JetStream
  readonly #stream: string
  /** The sequence of the last message of the log. */
  sequence: number
  #failure: Error | null = null
  /** Messages of which the first answer was lost or said no. */
  lookUps = 0

  constructor(engine: JetStream, stream: string, sequence: number) {
    this.#engine = engine
    this.#stream = stream
    this.sequence = sequence
  }

  /** Appends these messages in a row, each made for its sequence. An error is final, except DiskFull. */
  async append(subject: string, messages: readonly Buffer[]): Promise<void> {
    if (this.#failure !== null) throw this.#failure
    try {
      await this.#append(subject, messages)
    } catch (error) {
      if (!hasNoRoom(error)) throw (this.#failure ??= error as Error)
      throw new DiskFull(error)
    }
  }

  async #append(subject: string, messages: readonly Buffer[]): Promise<void> {
    const first = this.sequence
    // All are under way at once. One that is refused makes those behind it fail as well.
    const attempts = await Promise.all(
      messages.map((bytes, index) => this.#attempt(subject, bytes, first + index)),
    )
    for (const [index, bytes] of messages.entries()) {
      if (attempts[index] !== true) await this.#settle(subject, bytes, first + index)
      this.sequence = first + index + 1
    }
  }

  /** Returns whether the message is there for sure. */
  async #attempt(subject: string, bytes: Buffer, expected: number): Promise<boolean> {
    try {
      await this.#engine.publish(this.#stream, subject, bytes, expected)
      return true
    } catch (error) {
      if (error instanceof NoAnswer || error instanceof JetStreamError) return false
      throw error
    }
  }

  async #settle(subject: string, bytes: Buffer, expected: number): Promise<void> {
    this.lookUps += 1
    await this.#engine.persistently(async () => {
      if (await this.#isThere(bytes, expected + 1)) return
      try {
        await this.#engine.publish(this.#stream, subject, bytes, expected)
      } catch (error) {
        if (!(error instanceof JetStreamError) || error.code !== WRONG_LAST_SEQUENCE) throw error
        if (await this.#isThere(bytes, expected + 1)) return
        await this.#refuseShorter(expected)
        throw new NoAnswer(error)
      }
    })
  }

  async #isThere(bytes: Buffer, sequence: number): Promise<boolean> {
    const found = await this.#engine.message(this.#stream, sequence)
    if (found === null) return false
    if (found.bytes.equals(bytes)) return true
    throw new AnotherWriter(this.#stream, sequence)
  }

  /** What was acknowledged is gone when the log ends before it. */
  async #refuseShorter(expected: number): Promise<void> {
    const last = (await this.#engine.info(this.#stream))?.state.last_seq ?? 0
    if (last >= expected) return
    throw new Error(
      `the stream ${this.#stream} ends at ${last}, and had ended at ${expected}: NATS has lost acknowledged messages`,
    )
  }
}
