// Clients that connect and disconnect as fast as the broker accepts them. In a cycle each one also subscribes to a topic
// of its own, publishes to it, and waits for its message.

import type { Measurement, StormJob, Task } from '../job.ts'
import { Client } from './client.ts'
import { microsecondsBetween, microsecondsNow } from './clock.ts'
import { Histogram } from './histogram.ts'
import { MeasuredTime, pause } from './measured-time.ts'
import { PUBLISH, publishForm } from './packets.ts'
import { STAMP_BYTES } from './stamp.ts'

export async function measureStorm(job: StormJob, task: Task): Promise<Measurement> {
  const storm = new Storm(task, job.isCycle)
  const clients = Array.from({ length: job.atOnce }, (_, index) => storm.comeAndGo(index))
  await pause(task.warmUpSeconds)
  const measurement = await storm.measure()
  await Promise.all(clients)
  return { ...measurement, problems: storm.problems }
}

class Storm {
  readonly problems: string[] = []
  readonly #task: Task
  readonly #isCycle: boolean
  readonly #latencies = new Histogram()
  #accepted = 0
  #isOver = false

  constructor(task: Task, isCycle: boolean) {
    this.#task = task
    this.#isCycle = isCycle
  }

  async comeAndGo(index: number): Promise<void> {
    let round = 0
    while (!this.#isOver) {
      const startedAt = microsecondsNow()
      const clientId = `storm-${index}-${round}`
      const client = new Client(this.#task.address, clientId, true, cause => this.#complain(cause))
      round += 1
      try {
        await client.connected()
        if (this.#isCycle) await publishToItself(client, clientId)
      } catch (error) {
        this.#complain(String(error))
        return
      }
      this.#accepted += 1
      this.#latencies.record(microsecondsBetween(startedAt, microsecondsNow()))
      await client.leave()
    }
  }

  async measure(): Promise<Measurement> {
    const time = new MeasuredTime(this.#task.brokerPid)
    const before = this.#accepted
    this.#latencies.clear()
    time.begin()
    await pause(this.#task.seconds)
    const usage = time.end()
    const operations = this.#accepted - before
    this.#isOver = true
    return {
      operations,
      ...usage,
      latency: this.#latencies.summary(),
      acknowledgement: null,
      rssBytes: time.peakRssBytes,
      growth: [],
      problems: [],
    }
  }

  #complain(sentence: string): void {
    if (this.problems.length < 5) this.problems.push(sentence)
  }
}

async function publishToItself(client: Client, clientId: string): Promise<void> {
  const topic = `bench/${clientId}`
  await client.subscribe([topic], 0)
  const heard = new Promise<void>(resolve => {
    client.role = { packet: first => void (first >> 4 === PUBLISH && resolve()) }
  })
  client.write(publishForm(topic, 0, STAMP_BYTES).bytes)
  await heard
}
