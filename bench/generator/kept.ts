// Measures what a broker keeps for clients that are not connected: sessions, retained messages, queued messages.

import type { KeptJob, Measurement, Task } from '../job.ts'
import { Client, inParallel, type Role } from './client.ts'
import { Growth } from './growth.ts'
import { MeasuredTime } from './measured-time.ts'
import { packetIdOf, PUBACK, publishForm } from './packets.ts'

const AT_ONCE = 50
const PAYLOAD_BYTES = 64
const PACKETS_OF_WRITE = 200
/** The sessions among which the queued messages are divided. */
const QUEUES = 100

export async function measureKept(job: KeptJob, task: Task): Promise<Measurement> {
  const time = new MeasuredTime(task.brokerPid)
  time.begin()
  const growth = new Growth(task.brokerPid)
  const add = await adder(job, task)
  let count = 0
  for (const step of job.steps) {
    await add(count, step)
    count = step
    await growth.point(step)
  }
  return {
    operations: count,
    ...time.end(),
    latency: null,
    acknowledgement: null,
    rssBytes: time.peakRssBytes,
    growth: growth.points,
    problems: [],
  }
}

/** Adds the items from the first number up to the second. */
type Adder = (from: number, to: number) => Promise<void>

async function adder({ what }: KeptJob, task: Task): Promise<Adder> {
  switch (what) {
    case 'sessions':
      return (from, to) => addSessions(task, from, to)
    case 'retained': {
      const feeder = await Feeder.connect(task)
      return (from, to) => feeder.publish(from, to, index => `kept/${index}`, true)
    }
    case 'queued': {
      await addSessions(task, 0, QUEUES)
      const feeder = await Feeder.connect(task)
      return (from, to) => feeder.publish(from, to, index => `kept/${index % QUEUES}`, false)
    }
  }
}

async function addSessions(task: Task, from: number, to: number): Promise<void> {
  await inParallel(to - from, AT_ONCE, async offset => {
    const index = from + offset
    const client = await connected(task, `kept-${index}`, false)
    await client.subscribe([`kept/${index}`], 1)
    await client.leave()
  })
}

/** Publishes at QoS 1: when it resolves, the broker keeps all messages. */
export class Feeder implements Role {
  readonly #client: Client
  #outstanding = 0
  #outstandingMax = 0
  #resolve: () => void = () => {}

  private constructor(client: Client) {
    this.#client = client
    client.role = this
  }

  static async connect(task: Task): Promise<Feeder> {
    return new Feeder(await connected(task, 'feeder', true))
  }

  async publish(
    from: number,
    to: number,
    topicOf: (index: number) => string,
    retain: boolean,
  ): Promise<void> {
    for (let first = from; first < to; first += PACKETS_OF_WRITE) {
      const count = Math.min(PACKETS_OF_WRITE, to - first)
      const packets = Array.from({ length: count }, (_, offset) => {
        const form = publishForm(topicOf(first + offset), 1, PAYLOAD_BYTES, retain)
        form.bytes.writeUInt16BE(packetIdOf(first + offset), form.packetIdOffset)
        return form.bytes
      })
      this.#outstanding += count
      this.#client.write(Buffer.concat(packets))
      // The next messages are sent before all of these are acknowledged, so that the broker never waits for the generator's TCP.
      await this.#until(PACKETS_OF_WRITE)
    }
    await this.#until(0)
  }

  packet(first: number): void {
    if (first >> 4 !== PUBACK) return
    this.#outstanding -= 1
    if (this.#outstanding <= this.#outstandingMax) this.#resolve()
  }

  async #until(outstandingMax: number): Promise<void> {
    this.#outstandingMax = outstandingMax
    if (this.#outstanding <= outstandingMax) return
    await new Promise<void>(resolve => (this.#resolve = resolve))
  }
}

export async function connected(
  task: Task,
  clientId: string,
  cleanSession: boolean,
): Promise<Client> {
  const client = new Client(task.address, clientId, cleanSession, cause => {
    throw new Error(`${clientId} lost its connection: ${cause}`)
  })
  await client.connected()
  return client
}
