// Reads messages of a stream in order, many under way at once, and checks that none is missing or damaged.

import type { JetStream } from './jetstream.ts'
import { type LogMessage, readLogMessage } from './log-message.ts'

/** Messages that are asked for at a time. */
const UNDER_WAY_MAX = 64

/** The stream has not what was written into it. */
export class StreamDamaged extends Error {
  constructor(stream: string, sequence: number, what: string) {
    super(
      `the store is damaged: the stream ${stream} at message ${sequence}: ${what}. ` +
        'Restore the stream from a backup of NATS (`nats stream restore`).',
    )
    this.name = 'StreamDamaged'
  }
}

export interface ReadMessage extends LogMessage {
  readonly subject: string
}

export class LogReader {
  readonly #engine: JetStream
  readonly #stream: string

  constructor(engine: JetStream, stream: string) {
    this.#engine = engine
    this.#stream = stream
  }

  async message(sequence: number): Promise<ReadMessage> {
    const found = await this.#engine.fetched(this.#stream, sequence)
    if (found === null) throw this.damage(sequence, 'the message is missing')
    return this.#checked(sequence, found.subject, found.bytes)
  }

  /** Passes on every message from one sequence to another, both included. */
  async range(
    first: number,
    last: number,
    onMessage: (message: ReadMessage) => void,
  ): Promise<void> {
    let next = first
    while (last - next >= UNDER_WAY_MAX) {
      next = await this.#engine.pull(this.#stream, next, last, (sequence, subject, bytes) =>
        onMessage(this.#checked(sequence, subject, Buffer.from(bytes))),
      )
      // The one that did not come is asked for by itself, or is missing.
      if (next <= last) onMessage(await this.message(next++))
    }
    await inOrder(last - next + 1, index => this.message(next + index), onMessage)
  }

  damage(sequence: number, what: string): StreamDamaged {
    return new StreamDamaged(this.#stream, sequence, what)
  }

  #checked(sequence: number, subject: string, bytes: Buffer): ReadMessage {
    const message = readLogMessage(bytes)
    if (typeof message === 'string') throw this.damage(sequence, message)
    if (message.sequence !== sequence) {
      throw this.damage(sequence, `the message was written at ${message.sequence}`)
    }
    return { ...message, subject }
  }
}

/** Asks for so many results, some at a time, and passes them on in order. */
export async function inOrder<Result>(
  count: number,
  ask: (index: number) => Promise<Result>,
  onResult: (result: Result, index: number) => void,
): Promise<void> {
  const asked: Promise<Result>[] = []
  for (let index = 0, next = 0; index < count; index++) {
    for (; next < count && next < index + UNDER_WAY_MAX; next++) {
      const result = ask(next)
      // It is waited for in its turn, or never, if an earlier one fails.
      result.catch(() => {})
      asked.push(result)
    }
    const [oldest] = asked.splice(0, 1)
    if (oldest !== undefined) onResult(await oldest, index)
  }
}
