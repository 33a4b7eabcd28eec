// `pondhawk sub`: subscribes and prints, as mosquitto_sub does.

import { setTimeout as sleep } from 'node:timers/promises'
import { type PublishPacket, type SubscriptionRequest } from '../../packet/packet.ts'
import { isFailure, SUCCESS } from '../../packet/reason.ts'
import { parseFilter, topicMatches } from '../../routing/topic.ts'
import { SUB_FLAGS } from './client-flags.ts'
import { ClientWords, connectOf, placeOf, propertiesFor } from './client-words.ts'
import {
  complain,
  connected,
  debugOf,
  FAILED,
  failure,
  shownVerdict,
  TIMED_OUT,
} from './connection.ts'
import { messageFormat } from './message-format.ts'
import type { MqttClient } from './mqtt-client.ts'

/** The wait before a lost connection is opened again. */
const RETRY_MS = 1_000

export async function subCommand(args: readonly string[]): Promise<number> {
  const words = new ClientWords('sub', SUB_FLAGS, args)
  return new Subscriber(words).run()
}

/** What ends the command: its exit status. */
type Ended = (status: number) => void

class Subscriber {
  readonly #words: ClientWords
  readonly #place: ReturnType<typeof placeOf>
  readonly #connect: ReturnType<typeof connectOf>
  readonly #requests: readonly SubscriptionRequest[]
  readonly #unwanted: readonly string[]
  readonly #countMax: number
  readonly #formatted: ReturnType<typeof messageFormat> | null
  #client: MqttClient | null = null
  #printed = 0
  #status: number | null = null

  constructor(words: ClientWords) {
    this.#words = words
    this.#place = placeOf(words)
    this.#connect = connectOf(words, this.#place)
    this.#requests = requestsOf(words, this.#place.topic)
    this.#unwanted = words.all('filter-out')
    this.#countMax = words.number('count', [1, Number.MAX_SAFE_INTEGER]) ?? Infinity
    this.#formatted = formatOf(words)
    for (const filter of [...this.#unwanted, ...words.all('unsubscribe')])
      checkFilter(words, filter)
  }

  async run(): Promise<number> {
    const seconds = this.#words.number('timeout', [1, 2_000_000])
    const status = await new Promise<number>(settle => {
      const ended = this.#endedOnce(settle)
      if (seconds !== null) {
        setTimeout(() => {
          complain(this.#words, 'timed out')
          ended(TIMED_OUT)
        }, 1_000 * seconds).unref()
      }
      process.once('SIGINT', () => ended(0))
      process.once('SIGTERM', () => ended(0))
      // Whoever read the output is gone, as `head` is after its lines.
      process.stdout.on('error', () => ended(0))
      process.stdout.on('drain', () => this.#client?.resume())
      void this.#connectFirst(ended)
    })
    await this.#client?.end(propertiesFor(this.#words, 'disconnect'))
    await new Promise(done => process.stdout.write('', done))
    // A connection that is just being opened again would hold the process for half a minute.
    return process.exit(status)
  }

  #endedOnce(settle: Ended): Ended {
    return status => {
      this.#status ??= status
      settle(this.#status)
    }
  }

  async #connectFirst(ended: Ended): Promise<void> {
    try {
      await this.#subscribe(ended)
    } catch (error) {
      if (this.#status === null) ended(failure(this.#words, error))
    }
  }

  async #subscribe(ended: Ended): Promise<void> {
    const words = this.#words
    const client = await connected(this.#place.endpoint, this.#connect, {
      message: packet => this.#take(packet, ended),
      lost: sentence => void this.#connectAgain(sentence, ended),
      debug: debugOf(words, this.#connect),
    })
    this.#client = client
    const given = words.all('unsubscribe')
    if (given.length > 0) await client.unsubscribe(given, propertiesFor(words, 'unsubscribe'))
    if (this.#requests.length === 0) return
    const answer = await client.subscribe(this.#requests, propertiesFor(words, 'subscribe'))
    if (answer === null) return
    const { reasons, properties } = answer
    for (const [index, { filter }] of this.#requests.entries()) {
      const reason = reasons[index] ?? SUCCESS
      if (!isFailure(reason)) continue
      const why = shownVerdict({ reason, properties })
      complain(words, `the broker refuses the subscription to ${filter}: ${why}`)
    }
    if (reasons.every(isFailure)) ended(FAILED)
    else if (words.has('subscribed')) ended(0)
  }

  async #connectAgain(sentence: string, ended: Ended): Promise<void> {
    if (this.#status !== null) return
    complain(this.#words, `the connection was lost: ${sentence}. Trying again`)
    while (this.#status === null) {
      await sleep(RETRY_MS)
      try {
        await this.#subscribe(ended)
        return
      } catch {
        // The broker is still away.
      }
    }
  }

  /** Prints a message. Returns false when the reader of the output is slow. */
  #take(packet: PublishPacket, ended: Ended): boolean {
    const words = this.#words
    if (this.#status !== null) return true
    if (words.has('no-retained') && packet.retain) return true
    if (words.has('retained-only') && !packet.retain) {
      ended(0)
      return true
    }
    if (this.#unwanted.some(filter => topicMatches(filter, packet.topic))) return true
    const isTaken = process.stdout.write(this.#linesOf(packet))
    this.#printed += 1
    if (this.#printed >= this.#countMax) ended(0)
    return isTaken
  }

  #linesOf(packet: PublishPacket): Buffer {
    const text = this.#formatted === null ? this.#textOf(packet) : this.#formattedOf(packet)
    return this.#words.has('no-newline') ? text : Buffer.concat([text, LINE_FEED])
  }

  #formattedOf(packet: PublishPacket): Buffer {
    try {
      return this.#formatted?.(packet, new Date()) ?? NOTHING
    } catch (error) {
      complain(this.#words, `${packet.topic}: ${(error as Error).message}`)
      return NOTHING
    }
  }

  #textOf({ topic, payload }: PublishPacket): Buffer {
    const words = this.#words
    const isForPeople = process.stdout.isTTY
    const isEmpty = payload.length === 0 && words.has('verbose')
    const shown = isForPeople ? Buffer.from(harmless(payload.toString())) : payload
    const prefix = words.has('verbose') ? `${isForPeople ? harmless(topic) : topic} ` : ''
    return Buffer.concat([Buffer.from(prefix), isEmpty ? NULL : shown])
  }
}

const NULL = Buffer.from('(null)')
const LINE_FEED = Buffer.from('\n')
const NOTHING = Buffer.alloc(0)

/** On a terminal, what comes from the network does not control it. In a pipe every byte stays as it is. */
function harmless(text: string): string {
  return text.replaceAll(/(?![\n\t])[\p{Cc}\p{Cf}]/gu, sign => {
    const code = sign.codePointAt(0) ?? 0
    return `\\u{${code.toString(16)}}`
  })
}

/** Returns null without -F. Throws UsageError. */
function formatOf(words: ClientWords): ReturnType<typeof messageFormat> | null {
  const text = words.value('format')
  if (text === null) return null
  try {
    return messageFormat(text, process.stdout.isTTY ? harmless : null)
  } catch (error) {
    throw words.usage(`--format: ${(error as Error).message}.`)
  }
}

function requestsOf(words: ClientWords, inUrl: string | null): readonly SubscriptionRequest[] {
  const filters = [...words.all('topic'), ...(inUrl === null ? [] : [inUrl]), ...words.positionals]
  if (filters.length === 0 && !words.has('unsubscribe')) {
    throw words.usage('A topic filter is missing: -t FILTER.')
  }
  const qos = words.qos('qos')
  return filters.map(filter => {
    checkFilter(words, filter)
    return { filter, qos, noLocal: false, retainAsPublished: false, retainHandling: 0 }
  })
}

function checkFilter(words: ClientWords, filter: string): void {
  if (parseFilter(filter) !== null) return
  throw words.usage(
    `${JSON.stringify(filter)} is no topic filter: + stands alone in its level, # alone in the last one.`,
  )
}
