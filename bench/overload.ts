// Offers a broker with a small heap three times of what it can do, while its subscribers are slow. No acknowledged message may be lost,
// no client that was connected may be disconnected, and the memory must stay below its bound.
// `npm run overload -- --seconds 120 --heap 64`. With `--sensitive` the levels of overload begin at commits that are a few milliseconds
// old and at little memory, so that the second is reached on every machine.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Status } from '../src/observe/status.ts'
import { OverloadPublisher, OverloadSubscriber } from './overload-clients.ts'
import { type StartedBroker, startBroker } from './started-broker.ts'

const PAIRS = 4
const STEP_MS = 20
/** The window of each publisher while the capacity is measured. */
const WINDOW = 1_024
/** The first rounds measure a broker that is not warm yet; the best one counts. */
const ROUNDS = 3
/** Node itself and its young generation, besides twice the heap (the store's thread has one too) and the buffers. */
const OWN_MEBIBYTES = 200
const BUFFERS_MEBIBYTES = 64
const MEBIBYTE = 1_048_576

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '120' },
    heap: { type: 'string', default: '64' },
    times: { type: 'string', default: '3' },
    sensitive: { type: 'boolean', default: false },
  },
})
const seconds = Number(values.seconds)
const heap = Number(values.heap)

const sleep = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** Starts a broker that refuses what a queue has no room for: then an acknowledged message is never dropped. */
function started(directory: string): Promise<StartedBroker> {
  const config = {
    limits: {
      queueOverflow: 'refuse',
      queuedMessagesMax: 100_000,
      keptBufferBytesMax: BUFFERS_MEBIBYTES * MEBIBYTE,
    },
    ...(values.sensitive && {
      overload: {
        level1: { commitAgeMs: 1, memoryPercent: 1 },
        level2: { commitAgeMs: 2, memoryPercent: 2 },
        level3: { commitAgeMs: 4 },
      },
    }),
  }
  return startBroker(directory, config, [process.execPath, `--max-old-space-size=${heap}`])
}

async function statusOf({ webPort }: StartedBroker): Promise<Status> {
  const answer = await fetch(`http://127.0.0.1:${webPort}/api/v1/status`)
  return (await answer.json()) as Status
}

/** The most memory that the process has had. */
function peakMebibytes({ child }: StartedBroker): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  return Math.round(Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1_024)
}

class Load {
  readonly publishers: OverloadPublisher[] = []
  readonly subscribers: OverloadSubscriber[] = []

  async opens(port: number): Promise<void> {
    for (let index = 0; index < PAIRS; index++) {
      const subscriber = new OverloadSubscriber(port)
      await subscriber.opens(`subscriber-${index}`, false)
      subscriber.subscribes(`t/${index}`)
      const publisher = new OverloadPublisher(port, `t/${index}`)
      await publisher.opens(`publisher-${index}`, true)
      this.subscribers.push(subscriber)
      this.publishers.push(publisher)
    }
  }

  get acknowledged(): number {
    return this.publishers.reduce((sum, { acknowledged }) => sum + acknowledged, 0)
  }

  get sent(): number {
    return this.publishers.reduce((sum, { sent }) => sum + sent, 0)
  }

  get unanswered(): number {
    return this.sent - this.acknowledged
  }

  /** Messages that were acknowledged and did not come to their subscriber. */
  get lost(): number {
    let lost = 0
    for (const [index, { acknowledged }] of this.publishers.entries()) {
      const received = this.subscribers[index]?.received
      for (let number = 1; number <= acknowledged; number++) {
        if (received?.has(number) !== true) lost += 1
      }
    }
    return lost
  }

  get closed(): number {
    return [...this.publishers, ...this.subscribers].filter(({ isClosed }) => isClosed).length
  }

  ends(): void {
    for (const each of [...this.publishers, ...this.subscribers]) each.ends()
  }

  /** Returns how many messages a second are acknowledged when each publisher keeps to a window. */
  async capacity(forMs: number): Promise<number> {
    const before = this.acknowledged
    const since = performance.now()
    while (performance.now() - since < forMs) {
      for (const each of this.publishers) each.publishes(WINDOW - each.unanswered)
      await sleep(1)
    }
    return (1_000 * (this.acknowledged - before)) / (performance.now() - since)
  }

  /** Offers so many messages a second, and takes so many. */
  async overloads(forMs: number, offered: number, taken: number): Promise<void> {
    for (const each of this.subscribers) each.isFast = false
    const since = performance.now()
    let last = since
    while (last - since < forMs) {
      await sleep(STEP_MS)
      const now = performance.now()
      const part = (now - last) / 1_000 / PAIRS
      for (const each of this.publishers) each.publishes(Math.ceil(offered * part))
      for (const each of this.subscribers) each.acknowledges(Math.ceil(taken * part))
      last = now
    }
  }

  /** The subscribers take everything that there is. Gives up when nothing comes any more. */
  async drains(isAlive: () => boolean): Promise<void> {
    for (const each of this.subscribers) {
      each.isFast = true
      each.acknowledges(Infinity)
    }
    for (let idle = 0; idle < 200 && isAlive() && (this.unanswered > 0 || this.lost > 0); idle++) {
      const before = this.acknowledged
      await sleep(100)
      if (this.acknowledged > before) idle = 0
    }
  }
}

const directory = mkdtempSync(join(tmpdir(), 'pondhawk-overload-'))
const broker = await started(directory)
const isAlive = (): boolean => broker.child.exitCode === null && broker.child.signalCode === null
const load = new Load()
try {
  await load.opens(broker.port)
  let capacity = 0
  for (let round = 0; round < ROUNDS; round++) {
    capacity = Math.max(capacity, Math.round(await load.capacity(Math.min(2_000, seconds * 125))))
  }
  const offered = capacity * Number(values.times)
  let level = 0
  const looks = setInterval(() => {
    void statusOf(broker)
      .then(({ overloadLevel }) => (level = Math.max(level, overloadLevel)))
      .catch(() => {})
  }, 250)
  const taken = Math.round(capacity / 3)
  const before = load.acknowledged
  await load.overloads(seconds * 1_000, offered, taken)
  const acceptedPerSecond = Math.round((load.acknowledged - before) / seconds)
  await load.drains(isAlive)
  clearInterval(looks)
  const { overloadActions, publishesHeld } = await statusOf(broker)
  const peak = peakMebibytes(broker)
  const peakMax = 2 * heap + BUFFERS_MEBIBYTES + OWN_MEBIBYTES
  const { acknowledged, unanswered, lost, closed } = load
  const isGood = lost === 0 && closed === 0 && unanswered === 0 && peak <= peakMax
  const rates = { capacity, offered, taken, acceptedPerSecond }
  const outcome = { ...rates, acknowledged, unanswered, lost, closed, peak, peakMax, level }
  console.log(
    JSON.stringify({ ...outcome, publishesHeld, overloadActions }),
    isGood ? 'ok' : 'FAULT',
  )
  process.exitCode = isGood ? 0 : 1
} finally {
  load.ends()
  broker.child.kill('SIGKILL')
  rmSync(directory, { recursive: true, force: true })
}
