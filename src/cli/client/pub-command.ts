// `pondhawk pub`: publishes, as mosquitto_pub does.

import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isFailure } from '../../packet/reason.ts'
import { isTopicName } from '../../routing/topic.ts'
import { UsageError } from '../usage-error.ts'
import { PUB_FLAGS } from './client-flags.ts'
import { ClientWords, connectOf, placeOf, propertiesFor } from './client-words.ts'
import { complain, connected, debugOf, FAILED, failure, shownVerdict } from './connection.ts'
import type { MqttClient, Outgoing, Verdict } from './mqtt-client.ts'

/** The longest line of the standard input, and the largest message of a file. */
const PAYLOAD_BYTES_MAX = 268_435_455

export async function pubCommand(args: readonly string[]): Promise<number> {
  const words = new ClientWords('pub', PUB_FLAGS, args)
  const place = placeOf(words)
  const [topicWord, messageWord, more] = words.positionals
  if (more !== undefined) throw words.usage('pondhawk pub takes a topic and a message at most.')
  const topic = words.value('topic') ?? place.topic ?? topicWord
  if (topic === undefined) throw words.usage('A topic is missing: -t TOPIC.')
  if (!isTopicName(topic)) {
    throw words.usage(`${JSON.stringify(topic)} is no topic: it is empty, or has + or #.`)
  }
  const isNamed = words.has('topic') || place.topic !== null
  const text = words.value('message') ?? (isNamed ? topicWord : messageWord)
  const connect = connectOf(words, place)
  const outgoing = {
    topic,
    qos: words.qos('qos'),
    retain: words.has('retain'),
    properties: propertiesFor(words, 'publish'),
  }
  let lost: string | null = null
  try {
    const payloads = await payloadsOf(words, text ?? null)
    const client = await connected(place.endpoint, connect, {
      message: () => true,
      lost: sentence => (lost = sentence),
      debug: debugOf(words, connect),
    })
    const status = await published(client, words, payloads, outgoing)
    await client.end(propertiesFor(words, 'disconnect'))
    if (lost === null) return status
    complain(words, `the connection was lost: ${String(lost)}`)
    return FAILED
  } catch (error) {
    if (error instanceof UsageError) throw error
    return failure(words, error)
  }
}

type Payloads = Iterable<Buffer> | AsyncIterable<Buffer>

/** Exactly one of -m, -f, -l, -s and -n says what is published. */
async function payloadsOf(words: ClientWords, text: string | null): Promise<Payloads> {
  const file = words.value('file')
  const ways = [
    text !== null,
    file !== null,
    ...['stdin-line', 'stdin-file', 'null-message'].map(name => words.has(name)),
  ].filter(Boolean).length
  if (ways === 0) throw words.usage('A message is missing: one of -m, -f, -l, -s and -n.')
  if (ways > 1) throw words.usage('Only one of -m, -f, -l, -s and -n can be the message.')
  if (words.has('stdin-line')) return linesOf(process.stdin)
  return repeated(words, await payloadOf(words, text, file))
}

async function payloadOf(
  words: ClientWords,
  text: string | null,
  file: string | null,
): Promise<Buffer> {
  if (text !== null) return Buffer.from(text)
  if (words.has('null-message')) return Buffer.alloc(0)
  const bytes = file === null ? await wholeInput() : contentOf(file)
  if (bytes.length <= PAYLOAD_BYTES_MAX) return bytes
  throw new Error(`${bytes.length} bytes are more than a packet of MQTT can have`)
}

function contentOf(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new Error(`${file} cannot be read (${code ?? 'unknown error'})`, { cause: error })
  }
}

async function* repeated(words: ClientWords, payload: Buffer): AsyncIterable<Buffer> {
  const times = words.number('repeat', [1, 1e9]) ?? 1
  const delayMs = 1_000 * (words.number('repeat-delay', [0, 86_400]) ?? 0)
  for (let time = 0; time < times; time++) {
    if (time > 0 && delayMs > 0) await sleep(delayMs)
    yield payload
  }
}

async function wholeInput(): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Buffer))
  return Buffer.concat(chunks)
}

/** Yields lines without their line feeds. A last line needs none. */
async function* linesOf(input: NodeJS.ReadStream): AsyncIterable<Buffer> {
  let rest: Buffer = Buffer.alloc(0)
  for await (const chunk of input) {
    const bytes = Buffer.concat([rest, Buffer.from(chunk as Buffer)])
    let start = 0
    for (let at = bytes.indexOf(LINE_FEED); at >= 0; at = bytes.indexOf(LINE_FEED, start)) {
      yield bytes.subarray(start, at)
      start = at + 1
    }
    rest = bytes.subarray(start)
    if (rest.length > PAYLOAD_BYTES_MAX) throw new Error('a line is longer than a packet can be')
  }
  if (rest.length > 0) yield rest
}

const LINE_FEED = 0x0a

/** Publishes everything, and returns the exit status. */
async function published(
  client: MqttClient,
  words: ClientWords,
  payloads: Payloads,
  outgoing: Omit<Outgoing, 'payload'>,
): Promise<number> {
  let status = 0
  const settled = (verdict: Verdict | null): void => {
    if (verdict !== null && !isFailure(verdict.reason)) return
    status = FAILED
    if (verdict !== null) complain(words, `a message was refused: ${shownVerdict(verdict)}`)
  }
  const waiting = new Set<Promise<void>>()
  for await (const payload of payloads) {
    const sent: Promise<void> = client
      .publish({ ...outgoing, payload })
      .then(settled)
      .finally(() => waiting.delete(sent))
    waiting.add(sent)
    if (outgoing.qos === 0) await sent
    else if (!client.hasWindow) await Promise.race(waiting)
    if (status !== 0) break
  }
  await Promise.all(waiting)
  return status
}
