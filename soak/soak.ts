// Starts a broker and its load, looks at it from time to time, lets everything end, and says what was not as it should be.

import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { makeCertificates } from '../bench/certificates.ts'
import { CLI, startBroker, type StartedBroker } from '../bench/started-broker.ts'
import { Random } from '../crash/random.ts'
import { FrontEndKiller } from './actors/front-end-killer.ts'
import type { Actor, Ground } from './ground.ts'
import { Ledger } from './ledger.ts'
import { actorsOf, receiversOf } from './load.ts'
import {
  countersBack,
  type Growth,
  growthOf,
  negativesIn,
  type Sample,
  sampleOf,
} from './samples.ts'

export interface SoakOptions {
  readonly minutes: number
  readonly seed: number
  /** How many processes have the sockets. One of them is killed from time to time. */
  readonly frontEnds: number
  readonly progress: (sample: Sample, ledger: Ledger) => void
}

export interface SoakResult {
  readonly samples: readonly Sample[]
  readonly ledger: Ledger
  readonly growth: Growth
  readonly done: readonly string[]
}

const SAMPLES = 240
const SAMPLE_MILLISECONDS_MIN = 1_000
const SAMPLE_TRIES = 20
const SETTLE_MILLISECONDS_MAX = 60_000
/** Certificates and settings are read anew this often. */
const RELOAD_MILLISECONDS = 10_000
/** Sessions of visitors and the broker's own caches end after some seconds. */
const REST_MILLISECONDS = 8_000
/** Growth is not judged in a run that is mostly warming up. */
const JUDGED_MINUTES_MIN = 8
/** What may be left after all have gone: sockets of this program's own requests. */
const DESCRIPTORS_LEFT_MAX = 4
const AT_ZERO = [
  'pondhawk_sessions',
  'pondhawk_subscriptions',
  'pondhawk_retained_messages',
  'pondhawk_queued_messages',
  'pondhawk_delayed_messages',
  'pondhawk_transactions_open',
  'pondhawk_transactions_undecided',
]

export async function soak(options: SoakOptions): Promise<SoakResult> {
  const directory = mkdtempSync(join(tmpdir(), 'pondhawk-soak-'))
  makeCertificates(join(directory, 'certs'))
  const broker = await startBroker(directory, configOf(directory, options.frontEnds))
  try {
    return await new Soak(options, broker, directory).run()
  } finally {
    broker.child.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  }
}

function configOf(directory: string, frontEnds: number): object {
  const host = '127.0.0.1'
  const [certFile, keyFile] = [
    join(directory, 'certs/server.crt'),
    join(directory, 'certs/server.key'),
  ]
  return {
    frontEnds,
    listeners: [
      { host, port: 0 },
      { host, port: 0, protocol: 'ws' },
      { host, port: 0, tls: { certFile, keyFile } },
    ],
    queues: {
      named: {
        'soak-parallel': { filters: ['soak/jobs'], retryDelaySeconds: 1, deliveriesMax: 1_000 },
        'soak-first': { filters: [], retryDelaySeconds: 0, deliveriesMax: 1_000 },
        'soak-second': { filters: [], retryDelaySeconds: 0, deliveriesMax: 1_000 },
        'soak-keyed': { filters: ['soak/orders/+'], order: 'keyed', key: 'topic' },
      },
    },
  }
}

class Soak {
  readonly #options: SoakOptions
  readonly #broker: StartedBroker
  readonly #directory: string
  readonly #ledger = new Ledger()
  readonly #samples: Sample[] = []
  readonly #actors: readonly Actor[]
  readonly #killer: FrontEndKiller
  readonly #start = performance.now()

  constructor(options: SoakOptions, broker: StartedBroker, directory: string) {
    this.#options = options
    this.#broker = broker
    this.#directory = directory
    const random = new Random(options.seed)
    const [tcp = 0, ws = 0, tls = 0] = broker.ports
    const ground: Ground = {
      ledger: this.#ledger,
      ports: { tcp, ws, tls },
      random: () => random.fraction(),
      losesConnections: options.frontEnds > 0,
    }
    this.#killer = new FrontEndKiller(ground, broker.child.pid ?? 0, options.frontEnds)
    this.#actors = actorsOf(ground)
  }

  async run(): Promise<SoakResult> {
    const { child } = this.#broker
    let ended = ''
    child.once('exit', (code, signal) => {
      ended = `the broker ended by itself: ${code ?? signal}`
    })
    const atRest = await this.#sample()
    for (const actor of this.#actors) await actor.start()
    this.#killer.start()
    const reloads = setInterval(() => child.kill('SIGHUP'), RELOAD_MILLISECONDS)
    const end = this.#start + this.#options.minutes * 60_000
    const step = Math.max(SAMPLE_MILLISECONDS_MIN, (this.#options.minutes * 60_000) / SAMPLES)
    while (performance.now() < end && ended === '') {
      await sleep(step)
      this.#judge(await this.#sample())
    }
    clearInterval(reloads)
    this.#killer.stop()
    const growth = growthOf(this.#samples)
    if (this.#options.minutes >= JUDGED_MINUTES_MIN && !growth.isFlat) {
      this.#ledger.found(
        `memory grew from ${mebibytes(growth.before)} to ${mebibytes(growth.after)}`,
      )
    }
    if (ended === '') await this.#end(atRest)
    else this.#ledger.found(ended)
    const done = [...this.#actors, this.#killer].map(({ done: sentence }) => sentence)
    return { samples: this.#samples, ledger: this.#ledger, growth, done }
  }

  async #end(atRest: Sample): Promise<void> {
    for (const actor of this.#actors.toReversed()) await actor.finish?.()
    await this.#settle()
    for (const actor of this.#actors) await actor.stop()
    await sleep(REST_MILLISECONDS)
    this.#killer.checkThatAllAreThere()
    const last = await this.#sample()
    for (const name of AT_ZERO) {
      const left = last.metrics.get(name)
      if (left !== 0) this.#ledger.found(`${name} is ${left} after all have gone`)
    }
    if (last.descriptors > atRest.descriptors + DESCRIPTORS_LEFT_MAX) {
      this.#ledger.found(
        `${last.descriptors} descriptors are open after all have gone, ${atRest.descriptors} at the start`,
      )
    }
    await this.#stopBroker()
  }

  /** Waits until everybody has everything. */
  async #settle(): Promise<void> {
    const until = performance.now() + SETTLE_MILLISECONDS_MAX
    let left = this.#ledger.outstanding(receiversOf())
    while (left.length > 0 && performance.now() < until) {
      await sleep(100)
      left = this.#ledger.outstanding(receiversOf())
    }
    for (const sentence of left) this.#ledger.found(sentence)
  }

  async #stopBroker(): Promise<void> {
    const { child } = this.#broker
    child.removeAllListeners('exit')
    child.kill('SIGTERM')
    const [code] = (await once(child, 'exit')) as [number | null]
    if (code !== 0) this.#ledger.found(`the broker ended with ${code}`)
    const store = join(this.#directory, 'store')
    const copy = join(this.#directory, 'copy')
    cpSync(store, copy, { recursive: true })
    await promisify(execFile)(process.execPath, [CLI, 'store', 'verify', '--data', copy]).catch(
      ({ stdout, stderr }: { stdout: string; stderr: string }) =>
        this.#ledger.found(`store verify: ${stdout}${stderr}`),
    )
  }

  async #sample(): Promise<Sample> {
    const seconds = (performance.now() - this.#start) / 1_000
    for (let left = SAMPLE_TRIES; ; left--) {
      try {
        return await sampleOf(this.#broker.child.pid ?? 0, this.#broker.webPort, seconds)
      } catch (error) {
        // Its front end may have been killed, which closes the connection at once.
        if (this.#options.frontEnds === 0 || left === 0) throw error
        if (error instanceof Error && error.name === 'TimeoutError')
          this.#ledger.found('/metrics was not answered, and its connection not closed')
        await sleep(100)
      }
    }
  }

  #judge(sample: Sample): void {
    const before = this.#samples.at(-1)
    for (const sentence of negativesIn(sample)) this.#ledger.found(sentence)
    if (before !== undefined) {
      for (const sentence of countersBack(before, sample)) this.#ledger.found(sentence)
    }
    this.#samples.push(sample)
    this.#options.progress(sample, this.#ledger)
  }
}

export function mebibytes(bytes: number): string {
  return `${(bytes / 1_024 / 1_024).toFixed(1)} MiB`
}
