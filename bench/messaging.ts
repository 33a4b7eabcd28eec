// `npm run costs`: what filters, delayed messages, conflation and named queues cost, in this process. BEFORE=DIRECTORY compares with another build,
// made there by `npm run build`. Figures are processor time, of slices in turn; the least of them is what the work takes undisturbed.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { encode } from '../src/packet/encode.ts'
import { type Client, cpuMicroseconds, InProcess, publishBytes } from './messaging/in-process.ts'

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    /** Is said to a process of its own: a QoS, and which build comes first. */
    pair: { type: 'string', default: '' },
    slices: { type: 'string', default: '150' },
    help: { type: 'boolean', short: 'h', default: false },
  },
})

const SLICES = Number(values.slices)
const PROCESSES = 12
const SUBSCRIBERS = 500
const MESSAGES = 20
/** Messages of a chunk to a queue or group. */
const JOBS = 50
/** Messages of a transaction, and the number of the first one. */
const STAGED = 10
const FIRST_NUMBER = 1_000_000_000
const TOPIC = 'bench/all'

const PARTS = {
  plain: plainFanOut,
  terms: oneTerm,
  filtered: manyFiltered,
  delayed: delayedMessages,
  conflated: conflatedTopics,
  queues: queueBesideGroup,
  transactions: transactionsBesideMessages,
} as const

if (values.pair !== '') await pair(values.pair)
else if (values.help) {
  console.log(`npm run costs -- [--only ${Object.keys(PARTS).join(',')}] [--slices N]`)
} else {
  const only = values.only.split(',').filter(name => name !== '')
  for (const [name, measure] of Object.entries(PARTS)) {
    if (only.length === 0 || only.includes(name)) await measure()
  }
}

/** A slice returns how many operations it did. */
type Slice = () => number

/** Runs slices in turn and returns, for each, the least and the median time of one operation, in microseconds. */
function inTurn(
  slices: readonly Slice[],
  count = SLICES,
): readonly { least: number; all: number[] }[] {
  const times = slices.map(() => [] as number[])
  for (let round = 0; round < count + 20; round++) {
    const order = round % 2 === 0 ? [...slices.keys()] : [...slices.keys()].reverse()
    for (const index of order) {
      const begun = cpuMicroseconds()
      const operations = slices[index]?.() ?? 1
      const time = (cpuMicroseconds() - begun) / operations
      // The first ones are compiled meanwhile.
      if (round >= 20) times[index]?.push(time)
    }
  }
  return times.map(all => ({ least: Math.min(...all), all }))
}

/**
 * Those without a filter, beside the build before there were any. How a build is compiled differs from process to process by more than
 * what is measured, so there are many, in which one build or the other comes first.
 */
async function plainFanOut(): Promise<void> {
  const before = process.env['BEFORE'] ?? ''
  if (before === '') {
    console.log('plain: set BEFORE=DIRECTORY to compare with another build')
    return
  }
  for (const qos of [0, 1] as const) {
    const ratios: number[] = []
    for (let run = 0; run < PROCESSES; run++) {
      const args = [process.argv[1] ?? '', '--pair', `${qos},${run % 2}`, '--slices', values.slices]
      const { stdout } = spawnSync(process.execPath, args, { encoding: 'utf8' })
      ratios.push(Number(stdout))
    }
    const sorted = ratios.toSorted((one, other) => one - other)
    const [low, high] = [sorted[PROCESSES / 4] ?? 0, sorted[(3 * PROCESSES) / 4] ?? 0]
    const percents = [medianOf(ratios), low, high].map(ratio => signed((ratio - 1) * 100))
    console.log(
      `plain, 1 → ${SUBSCRIBERS}, QoS ${qos}: ${percents[0]} % beside the build before (median of ${PROCESSES} processes; half lie between ${percents[1]} and ${percents[2]} %)`,
    )
  }
}

/** Prints how many times as long the least slice of this build takes as that of the other one. */
async function pair(said: string): Promise<void> {
  const [qos, first] = said.split(',').map(Number)
  const directories = [undefined, join(process.env['BEFORE'] ?? '', 'dist')]
  const ordered = first === 0 ? directories : directories.toReversed()
  const slices: Slice[] = []
  for (const directory of ordered) {
    slices.push(fanOut(await InProcess.from(directory), qos === 1 ? 1 : 0))
  }
  const [one = null, other = null] = inTurn(slices)
  if (one === null || other === null) return
  console.log(first === 0 ? one.least / other.least : other.least / one.least)
}

function fanOut(broker: InProcess, qos: 0 | 1, topic = `bench/qos${qos}`): Slice {
  const clients = subscribers(broker, SUBSCRIBERS, () => [])
  for (const client of clients) client.subscribes(topic, qos)
  const publisher = broker.client()
  const bytes = publishBytes(topic, qos)
  return () => {
    for (let count = 0; count < MESSAGES; count++) {
      publisher.saysBytes(bytes)
      if (qos === 0) continue
      for (const client of clients) client.acknowledges()
      broker.settles()
    }
    return MESSAGES * SUBSCRIBERS
  }
}

function subscribers(
  broker: InProcess,
  count: number,
  properties: (index: number) => readonly (readonly [string, string])[],
): readonly Client[] {
  return Array.from({ length: count }, (_, index) => {
    const own = properties(index)
    const client = broker.client(own.length === 0 ? 4 : 5)
    if (own.length > 0) client.subscribes(TOPIC, 0, own)
    return client
  })
}

/** One subscriber, and expressions of which each term must be looked at. */
async function oneTerm(): Promise<void> {
  const kinds: readonly [string, (index: number) => string][] = [
    ['a tag, as text', index => `region != 'x${index}'`],
    ['a tag, as a number', index => `celsius > ${-index}`],
    ['a topic level', index => `topic.1 != 'x${index}'`],
    ['a key of the payload', index => `payload.celsius > ${-index}`],
  ]
  for (const [name, term] of kinds) {
    const slices = [1, 16].map(count => {
      const expression = Array.from({ length: count }, (_, index) => term(index)).join(' AND ')
      return published(filtered(1, () => expression))
    })
    const [one, many] = inTurn(await Promise.all(slices))
    if (one === undefined || many === undefined) return
    const each = (many.least - one.least) / 15
    console.log(
      `terms: ${name}: ${shown(each)} µs each (a message with one: ${shown(one.least)} µs)`,
    )
  }
}

/** Messages to 10,000 subscriptions of one topic. */
async function manyFiltered(): Promise<void> {
  const rows: readonly [string, ((index: number) => string) | null][] = [
    ['no expression', null],
    ['one expression, which wants nothing', () => `region = 'us'`],
    ['one expression, which wants all', () => `region = 'eu'`],
    ['10,000 different expressions, none of which wants it', index => `celsius > ${1_000 + index}`],
    ['10,000 different expressions, which want all', index => `celsius > ${-index}`],
  ]
  const brokers = rows.map(([, where]) => published(filtered(10_000, where)))
  const results = inTurn(await Promise.all(brokers), Math.ceil(SLICES / 3))
  for (const [index, [name]] of rows.entries()) {
    console.log(
      `filtered, 10,000 on a topic: ${name}: ${shown(results[index]?.least ?? 0)} µs a message`,
    )
  }
}

async function filtered(
  count: number,
  where: ((index: number) => string) | null,
): Promise<InProcess> {
  const broker = await InProcess.from()
  const clients = subscribers(broker, count, index =>
    where === null ? [] : [['$where', where(index)]],
  )
  if (where === null) for (const client of clients) client.subscribes(TOPIC, 0)
  return broker
}

/** Publishes tagged messages with a payload in JSON. */
async function published(made: Promise<InProcess>): Promise<Slice> {
  const broker = await made
  const publisher = broker.client(5)
  const userProperties = [
    ['region', 'eu'],
    ['celsius', '26.5'],
  ] as const
  const said = {
    topic: TOPIC,
    payload: Buffer.from('{"celsius":26.5}'),
    properties: { userProperties },
  }
  const terms = { type: 'publish', qos: 0, packetId: 0, duplicate: false, retain: false } as const
  const bytes = encode({ ...terms, ...said }, 5)
  const messages = broker.core.broker.subscriptions.count > 100 ? 2 : 500
  return () => {
    for (let count = 0; count < messages; count++) publisher.saysBytes(bytes)
    return messages
  }
}

/** Insertion and firing beside ever more that are pending, and the longest turn when all are due at once: the least of three runs. */
async function delayedMessages(): Promise<void> {
  for (const pending of [1_000, 10_000, 100_000]) {
    const runs: Awaited<ReturnType<typeof delayedRun>>[] = []
    for (let run = 0; run < 3; run++) runs.push(await delayedRun(pending))
    const least = (name: 'insertion' | 'firing' | 'longest'): string =>
      shown(Math.min(...runs.map(each => each[name])))
    console.log(
      `delayed, ${pending} pending: insertion ${least('insertion')} µs, firing ${least('firing')} µs each; all due at once: ${runs[0]?.turns} turns, the longest ${least('longest')} ms`,
    )
  }
}

async function delayedRun(pending: number) {
  const broker = await InProcess.from()
  const publishers = Array.from({ length: pending / 1_000 + 2 }, () => broker.client())
  broker.client().subscribes(TOPIC, 0)
  const random = randomSeconds(pending)
  const put = (count: number, publisher: number): number => {
    const all = Array.from({ length: count }, () =>
      publishBytes(`$delayed/${random()}/${TOPIC}`, 0),
    )
    const begun = cpuMicroseconds()
    for (const bytes of all) publishers[publisher]?.saysBytes(bytes)
    return (cpuMicroseconds() - begun) / count
  }
  for (let batch = 0; batch < pending / 1_000; batch++) put(1_000, batch)
  const insertion = Math.min(put(500, pending / 1_000), put(500, pending / 1_000))
  const { delayed } = broker.core.broker
  const count = delayed.count
  broker.now += 2_000_000_000
  let [longest, turns] = [0, 0]
  const begun = cpuMicroseconds()
  while (delayed.count > 0) {
    longest = Math.max(longest, holdOf(broker))
    turns += 1
  }
  return { insertion, firing: (cpuMicroseconds() - begun) / count, longest, turns }
}

/** Returns for how many milliseconds a turn holds the loop: others who have the processor, and threads beside, do not count. */
function holdOf(broker: InProcess): number {
  const [begun, wall] = [cpuMicroseconds(), performance.now()]
  broker.turns()
  return Math.min((cpuMicroseconds() - begun) / 1_000, performance.now() - wall)
}

/** Numbers that are the same in every run. */
function randomSeconds(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fff_ffff
    return 10_000 + (state % 1_000_000)
  }
}

/** A message that each subscriber holds back, beside one that each gets; and the intervals of many topics that end. */
async function conflatedTopics(): Promise<void> {
  const broker = await InProcess.from()
  subscribers(broker, SUBSCRIBERS, () => [['$conflate-ms', '3600000']])
  const publisher = broker.client()
  const bytes = publishBytes(TOPIC, 0)
  const holding: Slice = () => {
    for (let count = 0; count < MESSAGES; count++) publisher.saysBytes(bytes)
    return MESSAGES * SUBSCRIBERS
  }
  const [held, sent] = inTurn([holding, fanOut(await InProcess.from(), 0)])
  console.log(
    `conflated, 1 → ${SUBSCRIBERS}: held back ${shown(held?.least ?? 0)} µs a delivery, sent without conflation ${shown(sent?.least ?? 0)} µs`,
  )
  for (const topics of [1_000, 10_000]) await conflatedPage(topics)
}

/** One page of many topics, with two messages of each in an interval: the first is sent, the second when the interval is over. */
async function conflatedPage(topics: number): Promise<void> {
  const broker = await InProcess.from()
  broker.client(5).subscribes('page/#', 0, [['$conflate-ms', '500']])
  const publisher = broker.client()
  const all = Array.from({ length: topics }, (_, index) => publishBytes(`page/${index}`, 0))
  const longest: number[] = []
  const slice: Slice = () => {
    for (const bytes of all) publisher.saysBytes(bytes)
    for (const bytes of all) publisher.saysBytes(bytes)
    broker.now += 500
    let most = 0
    while (broker.core.broker.deadlines.next <= broker.now) {
      most = Math.max(most, holdOf(broker))
    }
    longest.push(most)
    return 2 * topics
  }
  const [result] = inTurn([slice], Math.ceil(SLICES / 5))
  console.log(
    `conflated, a page of ${topics} topics: ${shown(result?.least ?? 0)} µs a message, the longest turn ${shown(medianOf(longest))} ms`,
  )
}

/** A named queue with 10 consumers beside a share group of 10 durable members, each with a store in memory. */
async function queueBesideGroup(): Promise<void> {
  const [group, queue] = inTurn([
    await handedOut('$share/bench/jobs/#'),
    await handedOut('$queue/bench/jobs/#'),
  ])
  if (group === undefined || queue === undefined) return
  const ratios = group.all.map((time, index) => time / (queue.all[index] ?? time))
  console.log(
    `queues: group of 10 ${shown(group.least)} µs a message, queue with 10 consumers ${shown(queue.least)} µs: ${(group.least / queue.least).toFixed(2)} of its rate (median of pairs ${medianOf(ratios).toFixed(2)})`,
  )
}

async function handedOut(filter: string): Promise<Slice> {
  const broker = await InProcess.from(undefined, true)
  const consumers = Array.from({ length: 10 }, () => broker.client(4, false))
  for (const consumer of consumers) consumer.subscribes(filter, 1)
  const publisher = broker.client()
  const chunk = Buffer.concat(
    Array.from({ length: JOBS }, (_, index) => publishBytes('jobs/1', 1, index + 1)),
  )
  const { statistics } = broker.core.broker
  return () => {
    const before = statistics.messagesSent
    for (let count = 0; count < MESSAGES; count++) {
      publisher.saysBytes(chunk)
      for (const consumer of consumers) consumer.acknowledges()
      broker.settles()
    }
    const sent = statistics.messagesSent - before
    if (sent !== MESSAGES * JOBS) throw new Error(`${filter} has handed out ${sent}`)
    return sent
  }
}

/** Ten messages in a transaction beside the same messages singly, to a durable subscriber, with a store in memory. */
async function transactionsBesideMessages(): Promise<void> {
  const topics = Array.from({ length: STAGED }, () => `$tx/orders.${FIRST_NUMBER}/publish/jobs/1`)
  const staged = topics.map((topic, index) => publishBytes(topic, 1, index + 1))
  const commit = publishBytes(`$tx/orders.${FIRST_NUMBER}/commit`, 1, STAGED + 1, `${STAGED}`)
  const singly = topics.map((_, index) => publishBytes('jobs/1', 1, index + 1))
  const [alone, together] = inTurn([
    await toDurable(Buffer.concat(singly)),
    await toDurable(Buffer.concat([...staged, commit])),
  ])
  if (alone === undefined || together === undefined) return
  const ratios = alone.all.map((time, index) => time / (together.all[index] ?? time))
  console.log(
    `transactions: a message of ${STAGED} in one ${shown(together.least)} µs, singly ${shown(alone.least)} µs: ${(alone.least / together.least).toFixed(2)} of the rate (median of pairs ${medianOf(ratios).toFixed(2)})`,
  )
}

/** Each time the chunk is sent its transactions have the next number. */
async function toDurable(chunk: Buffer): Promise<Slice> {
  const broker = await InProcess.from(undefined, true)
  const subscriber = broker.client(4, false)
  subscriber.subscribes('jobs/#', 1)
  const publisher = broker.client()
  const places: number[] = []
  const digits = String(FIRST_NUMBER)
  for (let at = chunk.indexOf(digits); at !== -1; at = chunk.indexOf(digits, at + 1))
    places.push(at)
  let number = FIRST_NUMBER
  const { statistics } = broker.core.broker
  return () => {
    const before = statistics.messagesSent
    for (let count = 0; count < 5 * MESSAGES; count++) {
      number += 1
      renumber(chunk, places, number)
      publisher.saysBytes(chunk)
      subscriber.acknowledges()
      broker.settles()
    }
    const sent = statistics.messagesSent - before
    if (sent !== 5 * MESSAGES * STAGED) throw new Error(`${sent} messages have come`)
    return sent
  }
}

/** Digit by digit: a call for each place would be a part of what is measured. */
function renumber(chunk: Buffer, places: readonly number[], number: number): void {
  let rest = number
  for (let index = String(FIRST_NUMBER).length - 1; index >= 0; index--) {
    const digit = 0x30 + (rest % 10)
    for (const place of places) chunk[place + index] = digit
    rest = Math.floor(rest / 10)
  }
}

function medianOf(numbers: readonly number[]): number {
  return numbers.toSorted((one, other) => one - other)[Math.floor(numbers.length / 2)] ?? 0
}

function shown(microseconds: number): string {
  return microseconds.toPrecision(3)
}

function signed(percent: number): string {
  return `${percent < 0 ? '' : '+'}${percent.toFixed(1)}`
}
