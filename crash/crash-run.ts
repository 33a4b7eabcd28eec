// Kills the broker again and again under load. After a number of kills it lets everything settle and checks the event log.

import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { BrokerProcess } from './brokers/broker-process.ts'
import {
  type BrokerName,
  type BrokerUnderTest,
  type Level,
  mosquitto,
  pondhawk,
} from './brokers/broker-under-test.ts'
import { NatsCluster } from './brokers/nats-cluster.ts'
import { Fleet } from './fleet.ts'
import { Executioner, planKill } from './kill-plan.ts'
import { EventLog } from './event-log.ts'
import { Random } from './random.ts'

export interface CrashOptions {
  readonly broker: BrokerName
  readonly level: Level
  /** How many servers of NATS have the log, with the level `jetstream`. */
  readonly servers?: number
  readonly kills: number
  readonly seed: number
  readonly messagesPerLife: number
  readonly withMosquittoSub: boolean
  /** The directory for event logs with findings. */
  readonly evidence: string
  readonly progress?: (kills: number, findings: number) => void
}

export interface CrashResult {
  readonly name: string
  readonly options: CrashOptions
  readonly kills: number
  /** How often a server of NATS was killed. */
  readonly serverKills: number
  readonly log: EventLog
  /** The times from the start of the process to the first acknowledged message, for each run of the broker that had one. */
  readonly firstAckMilliseconds: readonly number[]
  readonly seconds: number
  /** The directory of the event logs with findings, if there are any. */
  readonly evidence: string | null
}

const KILLS_PER_ACCOUNT = 25
const CHANCE_OF_KILL_AT_START = 0.08
const START_MILLISECONDS_MAX = 200
const QUIET_MILLISECONDS = 80
const NO_PROGRESS_MILLISECONDS = 5_000
const NO_PROGRESS_IN_CLUSTER_MILLISECONDS = 90_000
const EVIDENCE_FILES_MAX = 3

export async function crash(options: CrashOptions): Promise<CrashResult> {
  const directory = mkdtempSync(join(tmpdir(), 'pondhawk-crash-'))
  const cluster = await clusterFor(options, directory)
  await cluster?.start()
  const run = new CrashRun(options, directory, await freePort(), cluster)
  try {
    return await run.run()
  } finally {
    await cluster?.stop()
    rmSync(directory, { recursive: true, force: true })
  }
}

async function clusterFor(
  { level, servers = 1, seed }: CrashOptions,
  directory: string,
): Promise<NatsCluster | null> {
  if (level !== 'jetstream') return null
  const ports: number[] = []
  while (ports.length < servers) ports.push(await freePort())
  return new NatsCluster(directory, ports, new Random(seed))
}

class CrashRun {
  readonly #options: CrashOptions
  readonly #port: number
  readonly #file: string
  readonly #log: EventLog
  readonly #random: Random
  readonly #fleet: Fleet
  readonly #under: BrokerUnderTest
  readonly #broker: BrokerProcess
  /** The servers that have the log; null if it lies in files. */
  readonly #cluster: NatsCluster | null
  readonly #firstAcks: number[] = []
  #kills = 0
  #isBroken = false
  #findingsBefore = 0
  #evidenceFiles = 0

  constructor(options: CrashOptions, directory: string, port: number, cluster: NatsCluster | null) {
    this.#options = options
    this.#cluster = cluster
    this.#port = port
    this.#file = join(directory, 'log')
    this.#log = new EventLog(this.#file)
    this.#random = new Random(options.seed)
    const withQueues = options.broker === 'pondhawk'
    this.#fleet = new Fleet(this.#log, this.#random.fork(), { ...options, withQueues })
    this.#under =
      options.broker === 'pondhawk'
        ? pondhawk(directory, port, options.level, cluster?.urls ?? [])
        : mosquitto(directory, port)
    this.#broker = new BrokerProcess(this.#under, sentence => this.#broken(sentence))
  }

  async run(): Promise<CrashResult> {
    const startedAt = performance.now()
    while (this.#kills < this.#options.kills && !this.#isBroken) {
      await this.#life()
      this.#log.flush()
      const isLast = this.#kills >= this.#options.kills
      if (this.#kills % KILLS_PER_ACCOUNT === 0 || isLast) await this.#closeAccounts()
      this.#options.progress?.(this.#kills, this.#log.checker.count())
    }
    this.#fleet.stop()
    this.#broker.kill()
    await this.#broker.exited()
    return {
      name: this.#under.name,
      options: this.#options,
      kills: this.#kills,
      serverKills: this.#cluster?.kills ?? 0,
      log: this.#log,
      firstAckMilliseconds: this.#firstAcks,
      seconds: (performance.now() - startedAt) / 1_000,
      evidence: this.#evidenceFiles > 0 ? this.#options.evidence : null,
    }
  }

  /** One run of the broker, from start to kill. It may be running already, after a check of the event log. */
  async #life(): Promise<void> {
    this.#cluster?.strike()
    if (!this.#broker.isRunning) {
      if (this.#random.chance(CHANCE_OF_KILL_AT_START)) return this.#killAtStart()
      if (!(await this.#start())) return
    }
    await new Promise<void>(resolve => {
      const executioner = new Executioner(planKill(this.#random), () => void this.#strike(resolve))
      this.#watch(executioner)
      if (this.#isBroken) resolve()
    })
    this.#log.watcher = null
    await this.#broker.exited()
  }

  async #start(): Promise<boolean> {
    const isReady = await this.#broker.start()
    if (!isReady) return false
    this.#log.record({ kind: 'started' })
    this.#fleet.up(this.#port)
    return true
  }

  #watch(executioner: Executioner | null): void {
    let isFirst = true
    this.#log.watcher = event => {
      if (isFirst && event.kind === 'accepted') {
        isFirst = false
        this.#firstAcks.push(performance.now() - this.#broker.startedAt)
      }
      executioner?.see(event)
    }
  }

  /** Kills at once, unless a participant does something that a kill would make ambiguous. */
  async #strike(struck: () => void): Promise<void> {
    while (this.#fleet.isBusy && !this.#isBroken) await sleep(1)
    this.#kill()
    struck()
  }

  #kill(): void {
    this.#broker.kill()
    this.#kills += 1
    this.#log.record({ kind: 'killed' })
  }

  async #killAtStart(): Promise<void> {
    const isUp = this.#broker.start()
    await sleep(this.#random.whole(0, START_MILLISECONDS_MAX))
    this.#kill()
    await isUp
    await this.#broker.exited()
  }

  /** All clients reconnect, all missing deliveries arrive, and the event log is checked. */
  async #closeAccounts(): Promise<void> {
    if (this.#isBroken) return this.#keepEvidence()
    await this.#cluster?.rest()
    this.#fleet.settle()
    if (!this.#broker.isRunning && !(await this.#start())) return this.#keepEvidence()
    this.#watch(null)
    await this.#untilQuiet()
    this.#fleet.readRetained()
    await this.#untilQuiet()
    this.#log.record({ kind: 'quiet' })
    this.#log.flush()
    this.#keepEvidence()
    this.#log.clear()
    this.#fleet.resume()
  }

  /** Waits until nothing is missing and nothing more comes, or until nothing has come for a long time. */
  async #untilQuiet(): Promise<void> {
    for (;;) {
      await sleep(QUIET_MILLISECONDS / 4)
      const idle = performance.now() - this.#log.lastAt
      if (this.#isBroken || idle > this.#noProgressMs) return
      if (idle > QUIET_MILLISECONDS && this.#fleet.isSettled && this.#log.checker.isSettled) return
    }
  }

  /** The servers of NATS may have to elect who leads. */
  get #noProgressMs(): number {
    return this.#cluster === null ? NO_PROGRESS_MILLISECONDS : NO_PROGRESS_IN_CLUSTER_MILLISECONDS
  }

  #broken(sentence: string): void {
    this.#isBroken = true
    this.#log.checker.report('broker-fault', sentence)
  }

  #keepEvidence(): void {
    const { checker } = this.#log
    const isNew = checker.count() > this.#findingsBefore
    this.#findingsBefore = checker.count()
    if (!isNew || this.#evidenceFiles === EVIDENCE_FILES_MAX) return
    this.#log.flush()
    const { evidence, broker, seed } = this.#options
    mkdirSync(evidence, { recursive: true })
    const name = join(evidence, `${broker}-seed-${seed}-kill-${this.#kills}`)
    copyFileSync(this.#file, `${name}.log`)
    const sentences = checker.findings.map(
      ({ kind, at, sentence }) => `${at} ${kind}: ${sentence}\n`,
    )
    writeFileSync(`${name}.findings`, sentences.join(''))
    writeFileSync(`${name}.broker`, this.#broker.log.map(line => `${line}\n`).join(''))
    this.#evidenceFiles += 1
  }
}

/** A port outside the range of outgoing connections, so that it is free again after each kill. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000)
    const isFree = await new Promise<boolean>(resolve => {
      const server = createServer()
      server.once('error', () => resolve(false))
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
    })
    if (isFree) return port
  }
}
