// What is asked of JetStream, over a connection that may break. What changes nothing is asked again until the engine
// answers, for a bounded time; what may have been done is the caller's to look up.

import { setTimeout as sleep } from 'node:timers/promises'
import { thrownSentence } from '../../thrown.ts'
import { type OnPulled, StreamPull } from './stream-pull.ts'
import type { NatsAnswer, NatsClient, NatsConnection } from './nats.ts'

const API = '$JS.API'
/** How long one request waits for its answer. The election of a leader takes longer: then it is asked again. */
const ANSWER_MS = 3_000
/** A consumer that nobody uses for so long is removed by the server. */
const CONSUMER_NANOSECONDS = 60_000_000_000
const PAUSE_MS_MIN = 20
const PAUSE_MS_MAX = 1_000

/** An answer that says no. */
export class JetStreamError extends Error {
  /** The number of the error in NATS' list of them. */
  readonly code: number

  constructor(code: number, description: string) {
    super(description)
    this.name = 'JetStreamError'
    this.code = code
  }
}

/** There was no answer, or none that says yes or no: the request may have been done, or will be. */
export class NoAnswer extends Error {
  constructor(cause: unknown) {
    super(`JetStream does not answer: ${sentenceOf(cause)}`, { cause })
    this.name = 'NoAnswer'
  }
}

function sentenceOf(cause: unknown): string {
  if (!namesOf(cause).some(name => name.startsWith('NoResponders'))) return thrownSentence(cause)
  return 'no server of the cluster has it enabled, or most of those that have it are away'
}

export const WRONG_LAST_SEQUENCE = 10_071
const NO_MESSAGE = 10_037
const NO_STREAM = 10_059
const NOT_ENABLED = [10_039, 10_076]
/** The cluster has no leader for now, the stream is offline, or the server starts. */
const NOT_NOW = [10_005, 10_006, 10_007, 10_008, 10_009, 10_118]
/** The account, the server or the stream has no room. */
const NO_ROOM = [10_002, 10_023, 10_028, 10_047, 10_077]

interface ApiAnswer {
  readonly error?: {
    readonly code?: number
    readonly err_code?: number
    readonly description?: string
  }
}

export interface StreamConfig {
  readonly name: string
  readonly description?: string
  readonly subjects?: readonly string[]
  readonly retention: string
  readonly storage: string
  readonly discard: string
  readonly max_bytes: number
  readonly max_msgs: number
  readonly max_age: number
  readonly max_msgs_per_subject?: number
  readonly max_msg_size?: number
  readonly num_replicas: number
  readonly duplicate_window?: number
  readonly deny_delete?: boolean
  readonly deny_purge?: boolean
  readonly allow_direct?: boolean
  readonly mirror?: unknown
  readonly sources?: readonly unknown[]
}

export interface StreamInfo {
  readonly config: StreamConfig
  readonly state: {
    readonly messages: number
    readonly bytes: number
    readonly first_seq: number
    readonly last_seq: number
  }
}

interface StreamMessage {
  readonly subject: string
  readonly bytes: Buffer
}

export class JetStream {
  readonly #client: NatsClient
  readonly #waitMs: number
  readonly #link: Link

  constructor(client: NatsClient, waitMs: number) {
    this.#client = client
    this.#waitMs = waitMs
    this.#link = new Link(client.connection)
  }

  /** The version of the server that is connected to. */
  get version(): string {
    return this.#client.connection.info?.version ?? '0'
  }

  get payloadBytesMax(): number {
    return this.#client.connection.info?.max_payload ?? 0
  }

  get isClosed(): boolean {
    return this.#link.isClosed
  }

  async info(stream: string): Promise<StreamInfo | null> {
    try {
      return await this.#ask<StreamInfo>(`STREAM.INFO.${stream}`, '')
    } catch (error) {
      if (error instanceof JetStreamError && error.code === NO_STREAM) return null
      throw error
    }
  }

  async create(config: StreamConfig): Promise<void> {
    await this.#ask(`STREAM.CREATE.${config.name}`, JSON.stringify(config))
  }

  /**
   * Removes the messages of a subject before a sequence. There is always one, because a replicated stream repeats purges when a server
   * of it starts, when the subject may have newer messages.
   */
  async purge(stream: string, filter: string, before: number): Promise<void> {
    // Nothing lies before the first, and NATS would take it for everything.
    if (before <= 1) return
    await this.#ask(`STREAM.PURGE.${stream}`, JSON.stringify({ filter, seq: before }))
  }

  /** Returns the message at a sequence as the leader has it, or null. */
  async message(stream: string, sequence: number): Promise<StreamMessage | null> {
    return (await this.#leaders(stream, { seq: sequence }))?.message ?? null
  }

  /** Returns the newest message of a subject as the leader has it, or null. */
  newest(stream: string, subject: string): Promise<LeadersMessage | null> {
    return this.#leaders(stream, { last_by_subj: subject })
  }

  /** Returns the message at a sequence from any replica; the leader is asked about one that is not there. */
  async fetched(stream: string, sequence: number): Promise<StreamMessage | null> {
    const subject = `${API}.DIRECT.GET.${stream}`
    const request = JSON.stringify({ seq: sequence })
    const answer = await this.persistently(() => this.#request(subject, request))
    const { headers } = answer
    if (headers === undefined || headers.code !== 0) return this.message(stream, sequence)
    if (Number(headers.get('Nats-Sequence')) !== sequence) return this.message(stream, sequence)
    return { subject: headers.get('Nats-Subject'), bytes: bufferOf(answer.data) }
  }

  /** Passes on messages in a row, as they come. Returns the sequence of the first one that did not. */
  async pull(stream: string, first: number, last: number, onPulled: OnPulled): Promise<number> {
    const { connection, newInbox } = this.#client
    const consumer = {
      ack_policy: 'none',
      deliver_policy: 'by_start_sequence',
      opt_start_seq: first,
      replay_policy: 'instant',
      mem_storage: true,
      num_replicas: 1,
      inactive_threshold: CONSUMER_NANOSECONDS,
    }
    const request = JSON.stringify({ stream_name: stream, config: consumer })
    const { name } = await this.#ask<{ readonly name: string }>(
      `CONSUMER.CREATE.${stream}`,
      request,
    )
    const places = { requests: `${API}.CONSUMER.MSG.NEXT.${stream}.${name}`, inbox: newInbox() }
    const next = await new StreamPull(connection, places, { first, last }, onPulled).run()
    // It ends by itself, and may have ended with its server.
    this.#request(`${API}.CONSUMER.DELETE.${stream}.${name}`, '').catch(() => {})
    return next
  }

  /** Appends a message if the last one of the stream is at `expected`. Tries it once. */
  async publish(
    stream: string,
    subject: string,
    bytes: Uint8Array,
    expected: number | null,
  ): Promise<number> {
    const headers = this.#client.newHeaders()
    headers.set('Nats-Expected-Stream', stream)
    if (expected !== null) headers.set('Nats-Expected-Last-Sequence', String(expected))
    const answer = await this.#request(subject, bytes, headers)
    const { seq } = answerIn<{ readonly seq?: number }>(answer)
    if (seq === undefined) throw new NoAnswer('the acknowledgement has no sequence')
    return seq
  }

  /** Repeats what has no answer, with longer and longer pauses, for a bounded time. */
  async persistently<Result>(act: () => Promise<Result>): Promise<Result> {
    const end = performance.now() + this.#waitMs
    let pauseMs = PAUSE_MS_MIN
    for (;;) {
      try {
        return await act()
      } catch (error) {
        if (!(error instanceof NoAnswer) || this.isClosed) throw error
        if (performance.now() + pauseMs > end) {
          const sentence = `${error.message} (for ${this.#waitMs / 1_000} seconds)`
          throw new Error(sentence, { cause: error })
        }
      }
      await sleep(pauseMs)
      pauseMs = Math.min(2 * pauseMs, PAUSE_MS_MAX)
    }
  }

  close(): Promise<void> {
    this.#link.isClosed = true
    return this.#client.connection.close()
  }

  #ask<Answer>(what: string, request: string): Promise<Answer> {
    return this.persistently(async () =>
      answerIn<Answer>(await this.#request(`${API}.${what}`, request)),
    )
  }

  async #leaders(stream: string, request: object): Promise<LeadersMessage | null> {
    try {
      const { message } = await this.#ask<{ readonly message: ApiMessage }>(
        `STREAM.MSG.GET.${stream}`,
        JSON.stringify(request),
      )
      const bytes = Buffer.from(message.data ?? '', 'base64')
      return { sequence: message.seq, message: { subject: message.subject, bytes } }
    } catch (error) {
      if (error instanceof JetStreamError && error.code === NO_MESSAGE) return null
      throw error
    }
  }

  async #request(
    subject: string,
    payload: Uint8Array | string,
    headers?: Parameters<NatsConnection['request']>[2]['headers'],
  ): Promise<NatsAnswer> {
    // What is sent meanwhile would pile up in the client, and be sent again and again.
    if (!this.#link.isUp) throw new NoAnswer('the connection to its server is broken')
    try {
      const options = { timeout: ANSWER_MS, ...(headers !== undefined && { headers }) }
      return await this.#link.whileUp(this.#client.connection.request(subject, payload, options))
    } catch (error) {
      throw isRefusal(error)
        ? new Error(`NATS refuses: ${thrownSentence(error)}`, { cause: error })
        : new NoAnswer(error)
    }
  }
}

interface LeadersMessage {
  readonly sequence: number
  readonly message: StreamMessage
}

interface ApiMessage {
  readonly subject: string
  readonly seq: number
  /** Base64. */
  readonly data?: string
}

/** Whether the error says that there is no room, which may change. */
export function hasNoRoom(error: unknown): boolean {
  return error instanceof JetStreamError && NO_ROOM.includes(error.code)
}

/** Knows whether the connection is there. */
class Link {
  isUp = true
  isClosed = false
  readonly #waiting = new Set<(error: Error) => void>()

  constructor(connection: NatsConnection) {
    void this.#follow(connection)
  }

  /** What an answer becomes, or an error when the connection breaks: then none comes. */
  whileUp<Result>(answer: Promise<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject)
      answer.then(
        result => {
          this.#waiting.delete(reject)
          resolve(result)
        },
        (error: Error) => {
          this.#waiting.delete(reject)
          reject(error)
        },
      )
    })
  }

  async #follow(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (type === 'disconnect' || type === 'staleConnection') this.#broken()
      else if (type === 'reconnect') this.isUp = true
    }
    this.#broken()
  }

  #broken(): void {
    this.isUp = false
    const waiting = [...this.#waiting]
    this.#waiting.clear()
    for (const reject of waiting) reject(new Error('the connection to its server broke'))
  }
}

function answerIn<Answer>({ data }: NatsAnswer): Answer {
  let answer: ApiAnswer
  try {
    answer = JSON.parse(bufferOf(data).toString()) as ApiAnswer
  } catch (error) {
    throw new NoAnswer(error)
  }
  const { error } = answer
  if (error === undefined) return answer as Answer
  const { err_code: code = 0, description = 'no reason is given' } = error
  if (NOT_ENABLED.includes(code)) throw new JetStreamError(code, `${description}, says NATS`)
  if (NOT_NOW.includes(code) || error.code === 408) throw new NoAnswer(description)
  throw new JetStreamError(code, `JetStream refuses: ${description}`)
}

/** Whether the server has refused the request, so that it is not worth repeating. */
function isRefusal(error: unknown): boolean {
  return namesOf(error).some(name => /^(Permission|Authorization|UserAuthentication)/.test(name))
}

function namesOf(error: unknown): readonly string[] {
  return error instanceof Error ? [error.name, ...namesOf(error.cause)] : []
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}
