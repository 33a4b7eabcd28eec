// A whole world from one seed: clients, wires, a broker that dies and comes back, and a disk that forgets.

import type { Access } from '../src/access/access.ts'
import { FORBIDDEN_PREFIX, UNGRANTED_PREFIX } from './rights.ts'
import { Dice } from './dice.ts'
import { Drops } from './drops.ts'
import { EventQueue } from './event-queue.ts'
import { Ledger } from './ledger.ts'
import { calmTermsOf } from './habits.ts'
import { judge, judgeRetained } from './oracle.ts'
import { Script } from './script.ts'
import { SimBroker } from './sim-broker.ts'
import { SimClient } from './sim-client.ts'
import { PowerCut, SimDisk } from './sim-disk.ts'
import { SimStore } from './sim-store.ts'
import { type ClientEnd, SimWire } from './sim-wire.ts'
import type { StoreCore } from './store-core.ts'
import { type Weather, weatherOf } from './weather.ts'

export interface Trial {
  readonly makeCore: (disk: SimDisk, weather: Weather) => StoreCore
  /** The broker that acknowledges before its commit. */
  readonly answersTooEarly?: boolean
  /** Wires that say nothing when less than this much is taken late: they break their contract, as a `drain` of Node alone would. */
  readonly drainBytesMin?: number
  readonly tellsStory?: boolean
}

export interface Counts {
  accepted: number
  heard: number
  kills: number
  powerCuts: number
  events: number
  diskCalls: number
}

export interface Outcome {
  readonly seed: number
  readonly violations: readonly string[]
  readonly story: readonly string[]
  readonly counts: Counts
}

/** Milliseconds since 1970 at which every world begins. */
const BEGINNING = 1_700_000_000_000

/** More events than any run needs: whoever gets here goes round in circles. */
const EVENTS_MAX = 300_000

const PROBE_MS = 10_000
const EVERYTHING = {
  filter: '#',
  qos: 2,
  noLocal: false,
  retainAsPublished: false,
  retainHandling: 0,
} as const

/** How long a broker that stops waits for its clients to go. */
const DRAIN_MS = 300

export function run(seed: number, trial: Trial): Outcome {
  const world = new World(seed, trial)
  try {
    world.lives()
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    world.ledger.violation('crash', text)
  }
  return world.outcome()
}

export class World {
  readonly seed: number
  readonly dice: Dice
  readonly events = new EventQueue(BEGINNING)
  readonly ledger = new Ledger()
  readonly weather: Weather
  readonly disk: SimDisk
  readonly clients: readonly SimClient[]
  brokerStartedAt: number | null = null
  /** Every commit that was handed over is made. */
  readonly #trial: Trial
  readonly #story: string[] = []
  readonly #dropped = new Map<string, number>()
  readonly #drops: Drops
  #broker: SimBroker | null = null
  #store: SimStore | null = null
  #kills = 0
  #powerCuts = 0
  #isStopping = false

  constructor(seed: number, trial: Trial) {
    this.seed = seed
    this.#trial = trial
    this.dice = new Dice(seed)
    this.weather = weatherOf(this.dice)
    this.#drops = new Drops(this.ledger, this.weather)
    this.disk = new SimDisk({ dice: this.dice })
    this.clients = Array.from(
      { length: this.weather.clients },
      (_, index) => new SimClient(`c${index + 1}`, this.dice.chance(2) ? 5 : 4, this),
    )
  }

  /** From the first start of the broker to the verdict. */
  lives(): void {
    this.starts()
    const script = new Script(this)
    script.begins()
    this.#passUntil(() => script.isOver)
    script.calmsDown()
    if (this.dice.chance(2)) script.diesOnceMore()
    this.#probes()
    if (this.#broker !== null) this.#count(this.#broker)
    judge(this.ledger, this.#dropped)
  }

  outcome(): Outcome {
    let accepted = 0
    let heard = 0
    for (const each of this.ledger.publications.values())
      if (each.acceptedAt !== null) accepted += 1
    for (const session of this.ledger.sessions) heard += session.heard.size
    const { violations } = this.ledger
    return {
      seed: this.seed,
      violations,
      story: this.#story,
      counts: {
        accepted,
        heard,
        kills: this.#kills,
        powerCuts: this.#powerCuts,
        events: this.events.count,
        diskCalls: this.disk.calls,
      },
    }
  }

  get isUp(): boolean {
    return this.#broker !== null
  }

  /** Time passes, and all that happens meanwhile. */
  passes(milliseconds: number): void {
    const until = this.events.now + milliseconds
    while (this.events.step(until)) this.#assertNoCircle()
    this.events.now = until
  }

  tells(story: () => string): void {
    if (this.#trial.tellsStory !== true) return
    const seconds = ((this.events.now - BEGINNING) / 1_000).toFixed(3)
    this.#story.push(`${seconds.padStart(9)} [${this.events.count}] ${story()}`)
  }

  mayEndWith(reason: number): boolean {
    // Takeover, keep-alive, a broker that stops, an administrator.
    return reason === 0x8e || reason === 0x8d || reason === 0x8b || reason === 0x98
  }

  mayPublish(topic: string): boolean {
    return !topic.startsWith(FORBIDDEN_PREFIX)
  }

  maySubscribe(topicFilter: string): boolean {
    return !topicFilter.startsWith(UNGRANTED_PREFIX)
  }

  wire(client: ClientEnd): SimWire | null {
    if (this.#broker === null || this.#isStopping) return null
    const drainBytesMin = this.#trial.drainBytesMin ?? 0
    const habits = { ...this.weather.wires, drainBytesMin }
    const wire = new SimWire(this.events, this.dice, habits, client)
    this.#broker.accepts(wire)
    return wire
  }

  /** The broker's process begins anew on what the disk holds. */
  starts(): void {
    const { dice, events, weather, disk } = this
    let isAlive = true
    const broker: SimBroker = new SimBroker({
      limits: { ...weather.limits, publishBacklogBytesMax: weather.publishBacklogBytesMax },
      shareStrategy: weather.shareStrategy,
      shareBounds: weather.shareBounds,
      drops: this.#drops,
      turnMs: weather.turnMs,
      flushesMax: weather.flushesMax,
      access: this.#access(),
      events,
      dice,
      store: (this.#store = new SimStore({
        core: this.#trial.makeCore(disk, weather),
        durability: weather.durability,
        events,
        dice,
        commitMs: weather.commitMs,
        runs: work => this.#runs(work),
        isAlive: () => isAlive && broker.isAlive,
        answersTooEarly: this.#trial.answersTooEarly ?? false,
      })),
      commitFailed: error => this.#commitFailed(error),
    })
    this.#broker = broker
    this.#runs(() => broker.starts())
    isAlive = this.#broker === broker
    if (isAlive) {
      this.brokerStartedAt = events.now
      this.tells(() => `the broker is up, files: ${disk.fileNames.join(' ')}`)
    }
  }

  /** The process dies at once; with the power, the disk forgets what was not synced. */
  dies(power: boolean): void {
    if (this.#broker === null) return
    if (power) this.#powerCuts += 1
    else this.#kills += 1
    this.tells(() => (power ? 'the power goes' : 'the broker is killed'))
    this.#count(this.#broker)
    this.#broker.dies(power)
    this.#broker = null
    this.#isStopping = false
    this.brokerStartedAt = null
    if (power) this.disk.crashes()
    else this.disk.processDies()
    this.events.after(this.dice.below(500), () => this.starts())
  }

  /** The broker is stopped as a server is stopped. */
  stops(): void {
    const broker = this.#broker
    if (broker === null || this.#isStopping) return
    this.tells(() => 'the broker is told to stop')
    this.#isStopping = true
    broker.stops()
    this.#endsWhenDone(broker, this.events.now + DRAIN_MS)
  }

  /** An administrator ends the connection of a client. */
  disconnects(clientId: string): void {
    this.tells(() => `an administrator disconnects ${clientId}`)
    this.#broker?.disconnects(clientId)
  }

  /** Nothing waits for the store any more. */
  get isStoreIdle(): boolean {
    return this.#store?.isIdle === true
  }

  #endsWhenDone(broker: SimBroker, until: number): void {
    this.events.after(this.weather.turnMs + 1, () => {
      if (this.#broker !== broker) return
      const isDone = broker.socketCount === 0 || this.events.now >= until
      if (isDone && this.#store?.isIdle === true) {
        this.#runs(() => this.#store?.closeNow())
        // The power may go right after.
        this.dies(this.weather.durability === 'fsync' && this.dice.chance(2))
      } else {
        this.#endsWhenDone(broker, until)
      }
    })
  }

  #commitFailed(error: Error): void {
    this.ledger.violation('store', `a commit failed on a healthy disk: ${error.message}`)
    this.dies(false)
  }

  /** Work of the broker's process. If the power goes meanwhile, that is the end of it. */
  #runs(work: () => void): void {
    try {
      work()
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error
    }
    if (this.disk.isCut) this.dies(true)
  }

  /** A stranger asks for all retained messages. */
  #probes(): void {
    const probe = new SimClient('probe', 5, this)
    probe.connects(calmTermsOf(probe, this.dice, this.weather, this.events.now))
    this.passes(PROBE_MS)
    probe.subscribes([EVERYTHING])
    this.passes(PROBE_MS)
    judgeRetained(this.ledger, probe.session.record)
  }

  #access(): Access {
    const permissions = {
      mayPublish: (topic: string): boolean => this.mayPublish(topic),
      maySubscribe: (filter: string): boolean => this.maySubscribe(filter),
    }
    return {
      authenticate: () => ({ kind: 'allowed', permissions }),
      beginExchange: () => null,
      permissionsOf: () => permissions,
    }
  }

  #passUntil(isDone: () => boolean): void {
    while (!isDone() && this.events.step(Infinity)) this.#assertNoCircle()
  }

  #assertNoCircle(): void {
    if (this.events.count > EVENTS_MAX) throw new Error('the run does not come to an end')
  }

  #count(broker: SimBroker): void {
    const { dropped, protocolErrors } = broker.broker.statistics
    for (const [reason, count] of Object.entries(dropped)) {
      this.#dropped.set(reason, (this.#dropped.get(reason) ?? 0) + count)
    }
    if (protocolErrors > 0) this.ledger.violation('peace', `${protocolErrors} protocol errors`)
  }
}
