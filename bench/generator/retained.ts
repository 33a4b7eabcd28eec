// A large set of retained messages: measures the cost to store each, or to send each to a new subscriber of all of them.

import type { Measurement, RetainedJob, Task } from '../job.ts'
import { Answers, PUBACK_BYTE } from './answers.ts'
import { type Client, type Role } from './client.ts'
import { connected, Feeder } from './kept.ts'
import { MeasuredTime } from './measured-time.ts'
import { PUBLISH } from './packets.ts'
import { Pulse } from './pulse.ts'

const PREFIX = 'retained'

export async function measureRetained(job: RetainedJob, task: Task): Promise<Measurement> {
  const { count, measures } = job
  const feeder = await Feeder.connect(task)
  const store = (): Promise<void> =>
    feeder.publish(0, count, index => `${PREFIX}/${index % 100}/${index}`, true)
  const time = new MeasuredTime(task.brokerPid)
  if (measures === 'store') {
    time.begin()
    await store()
    return measurement(time, count)
  }
  await store()
  const client = await connected(task, 'reader', true)
  const reader = new Reader(client, count)
  time.begin()
  await client.subscribe([`${PREFIX}/#`], 1)
  await reader.all
  return measurement(time, count)
}

function measurement(time: MeasuredTime, operations: number): Measurement {
  return {
    operations,
    ...time.end(),
    latency: null,
    acknowledgement: null,
    rssBytes: time.peakRssBytes,
    growth: [],
    problems: [],
  }
}

/** Acknowledges messages until this many have arrived. */
class Reader implements Role {
  readonly all: Promise<void>
  readonly #answers: Answers
  #left: number
  #resolve: () => void = () => {}

  constructor(client: Client, count: number) {
    this.#left = count
    this.#answers = new Answers(client, new Pulse())
    this.all = new Promise(resolve => (this.#resolve = resolve))
    client.role = this
  }

  packet(first: number, bytes: Buffer, start: number): void {
    if (first >> 4 !== PUBLISH) return
    const idAt = start + 2 + (((bytes[start] ?? 0) << 8) | (bytes[start + 1] ?? 0))
    this.#answers.add(PUBACK_BYTE, bytes[idAt] ?? 0, bytes[idAt + 1] ?? 0)
    this.#left -= 1
    if (this.#left === 0) this.#resolve()
  }
}
