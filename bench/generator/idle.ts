// Idle connections: measures the memory of each, and how fast the broker answers a PINGREQ of one of them.

import type { IdleJob, Measurement, Task } from '../job.ts'
import { Client, inParallel, type Role } from './client.ts'
import { latestMicroseconds, microsecondsBetween, microsecondsNow } from './clock.ts'
import { Growth } from './growth.ts'
import { Histogram } from './histogram.ts'
import { MeasuredTime, pause } from './measured-time.ts'
import { PINGRESP } from './packets.ts'

const CONNECTS_AT_ONCE = 50
/** The step from one connection to the next: each connection pings rarely, so its last answer has arrived. */
const STRIDE = 7_919

export async function measureIdle(job: IdleJob, task: Task): Promise<Measurement> {
  const problems: string[] = []
  const latencies = new Histogram()
  const clients: Pinging[] = []
  const growth = new Growth(task.brokerPid)
  for (const step of job.steps) {
    const first = clients.length
    await inParallel(step - first, CONNECTS_AT_ONCE, async offset => {
      const index = first + offset
      const client = new Client(task.address, `idle-${index}`, true, cause =>
        problems.push(`idle-${index} lost its connection: ${cause}`),
      )
      await client.connected()
      await client.subscribe([`idle/${index}`], 0)
      clients[index] = new Pinging(client, latencies)
    })
    await growth.point(step)
  }
  const time = new MeasuredTime(task.brokerPid)
  time.begin()
  await ping(clients, job.pingsPerSecond, task.seconds)
  const usage = time.end()
  await pause(0.2)
  const missing = clients.filter(client => client.isWaiting).length
  if (missing > 0) problems.push(`${missing} PINGREQ were not answered`)
  return {
    operations: latencies.total,
    ...usage,
    latency: latencies.summary(),
    acknowledgement: null,
    rssBytes: time.peakRssBytes,
    growth: growth.points,
    problems: problems.slice(0, 5),
  }
}

class Pinging implements Role {
  readonly #client: Client
  readonly #latencies: Histogram
  #askedAt = 0
  isWaiting = false

  constructor(client: Client, latencies: Histogram) {
    this.#client = client
    this.#latencies = latencies
    client.role = this
  }

  ask(): void {
    if (this.isWaiting) return
    this.isWaiting = true
    this.#askedAt = microsecondsNow()
    this.#client.ping()
  }

  packet(first: number): void {
    if (first >> 4 !== PINGRESP) return
    this.isWaiting = false
    this.#latencies.record(microsecondsBetween(this.#askedAt, latestMicroseconds()))
  }
}

/** Sends one ping after the other, each at its time. It does not sleep (see Pacer). */
async function ping(
  clients: readonly Pinging[],
  perSecond: number,
  seconds: number,
): Promise<void> {
  const startedAt = performance.now()
  const endsAt = startedAt + seconds * 1_000
  let sent = 0
  while (performance.now() < endsAt) {
    const due = ((performance.now() - startedAt) * perSecond) / 1_000
    for (; sent < due; sent++) clients[(sent * STRIDE) % clients.length]?.ask()
    await new Promise(resolve => setImmediate(resolve))
  }
}
