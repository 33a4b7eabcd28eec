// Publishers and subscribers: warms up, measures, stops, and checks that everything has arrived.

import type { Measurement, Task, TrafficJob } from '../job.ts'
import { Client, inParallel } from './client.ts'
import { Histogram } from './histogram.ts'
import { SequenceCheck } from './sequence-check.ts'
import { MeasuredTime, pause } from './measured-time.ts'
import { Pacer } from './pacer.ts'
import { Publisher } from './publisher.ts'
import { Pulse } from './pulse.ts'
import { Subscriber } from './subscriber.ts'
import { filterOf, receiversOfMessage, topicsOf, unrelatedFilter } from './topics.ts'

const CONNECTS_AT_ONCE = 50
const DRAIN_SECONDS_MAX = 20
const FILTERS_OF_CLIENT = 1_000
const FILTERS_OF_PACKET = 50
/** A run that reaches less than this share of the pace is invalid. */
const PACE_KEPT_MIN = 0.98

export async function measureTraffic(job: TrafficJob, task: Task): Promise<Measurement> {
  const traffic = new Traffic(job, task)
  await traffic.enterUnrelatedFilters()
  await traffic.connect()
  return traffic.run()
}

class Traffic {
  readonly #job: TrafficJob
  readonly #task: Task
  readonly #check: SequenceCheck
  readonly #latencies = new Histogram()
  readonly #acknowledgements = new Histogram()
  readonly #pulse = new Pulse()
  readonly #publishers: Publisher[] = []

  constructor(job: TrafficJob, task: Task) {
    this.#job = job
    this.#task = task
    const isHandedOut = job.pattern === 'shared' || job.pattern === 'queue'
    const reach = isHandedOut ? 'one-of-the-group' : 'every-subscriber'
    this.#check = new SequenceCheck(job.publishers, job.subscribers, reach)
  }

  async enterUnrelatedFilters(): Promise<void> {
    const { unrelatedFilters } = this.#job
    await inParallel(Math.ceil(unrelatedFilters / FILTERS_OF_CLIENT), 4, async index => {
      const client = await this.#client(`filters-${index}`, true)
      const first = index * FILTERS_OF_CLIENT
      const last = Math.min(first + FILTERS_OF_CLIENT, unrelatedFilters)
      for (let from = first; from < last; from += FILTERS_OF_PACKET) {
        const count = Math.min(FILTERS_OF_PACKET, last - from)
        const filters = Array.from({ length: count }, (_, offset) => unrelatedFilter(from + offset))
        await client.subscribe(filters, 0)
      }
    })
  }

  async connect(): Promise<void> {
    const { subscribers, publishers, qos, isDurable } = this.#job
    await inParallel(subscribers, CONNECTS_AT_ONCE, async index => {
      const client = await this.#client(`subscriber-${index}`, !isDurable)
      client.role = this.#subscriber(client, index)
      await client.subscribe([filterOf(this.#job, index)], qos)
    })
    await inParallel(publishers, CONNECTS_AT_ONCE, async index => {
      const client = await this.#client(`publisher-${index}`, true)
      const publisher = this.#publisher(client, index)
      client.role = publisher
      this.#publishers[index] = publisher
    })
  }

  async run(): Promise<Measurement> {
    const { rate } = this.#job
    const pacer = rate === null ? null : new Pacer(this.#publishers, rate)
    if (pacer === null) for (const publisher of this.#publishers) publisher.nudge()
    else pacer.start()
    await pause(this.#task.warmUpSeconds)
    const time = new MeasuredTime(this.#task.brokerPid)
    const before = this.#check.deliveries
    this.#latencies.clear()
    this.#acknowledgements.clear()
    time.begin()
    await pause(this.#task.seconds)
    const usage = time.end()
    const operations = this.#check.deliveries - before
    const latency = this.#latencies.summary()
    const acknowledgement = this.#acknowledgements.summary()
    pacer?.stop()
    this.#assertPace(operations / usage.seconds)
    await this.#drain()
    const { peakRssBytes } = time
    const { problems } = this.#check
    return {
      operations,
      ...usage,
      latency,
      acknowledgement,
      rssBytes: peakRssBytes,
      growth: [],
      problems,
    }
  }

  #assertPace(perSecond: number): void {
    const { rate } = this.#job
    if (rate === null) return
    const wanted = rate * receiversOfMessage(this.#job)
    if (perSecond >= wanted * PACE_KEPT_MIN) return
    this.#check.complain(`only ${Math.round(perSecond)} of ${wanted} deliveries a second`)
  }

  /** After the last message was sent, waits for all missing deliveries. */
  async #drain(): Promise<void> {
    for (const publisher of this.#publishers) publisher.stop()
    const giveUpAt = performance.now() + DRAIN_SECONDS_MAX * 1_000
    const receivers = receiversOfMessage(this.#job)
    while (this.#check.missing(receivers) > 0 && performance.now() < giveUpAt) await pause(0.02)
    // Long enough to notice deliveries that should not come.
    await pause(0.1)
    const missing = this.#check.missing(receivers)
    if (missing > 0) this.#check.complain(`${missing} deliveries were lost`)
    if (missing < 0) this.#check.complain(`${-missing} deliveries too many`)
    const waiting = this.#publishers.filter(publisher => !publisher.isAcknowledged).length
    if (waiting > 0) this.#check.complain(`${waiting} publishers miss acknowledgements`)
  }

  async #client(clientId: string, cleanSession: boolean): Promise<Client> {
    const lost = (cause: string): void =>
      this.#check.complain(`${clientId} lost its connection: ${cause}`)
    const { isVersion5 } = this.#job
    const client = new Client(this.#task.address, clientId, cleanSession, lost, isVersion5)
    await client.connected()
    return client
  }

  #subscriber(client: Client, index: number): Subscriber {
    const { payloadBytes, isVersion5 } = this.#job
    return new Subscriber(client, {
      index,
      isVersion5,
      payloadBytes,
      publishers: this.#publishers,
      check: this.#check,
      latencies: this.#latencies,
      pulse: this.#pulse,
    })
  }

  #publisher(client: Client, index: number): Publisher {
    const { qos, payloadBytes, window, batch, messagesOfTransaction, rate, isVersion5 } = this.#job
    return new Publisher(client, {
      index,
      topics: topicsOf(this.#job, index),
      qos,
      payloadBytes,
      window,
      batch,
      messagesOfTransaction,
      isVersion5,
      isPaced: rate !== null,
      receiversOfMessage: receiversOfMessage(this.#job),
      check: this.#check,
      acknowledgements: this.#acknowledgements,
      pulse: this.#pulse,
    })
  }
}
