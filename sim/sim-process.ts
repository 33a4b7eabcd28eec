// The process of a broker, which is killed and started again on one disk.

import type { StoreCore } from './store-core.ts'
import type { Drops } from './drops.ts'
import type { EventQueue } from './event-queue.ts'
import type { History } from './history.ts'
import type { Random } from './random.ts'
import { ACCESS } from './rights.ts'
import { SimBroker, type SimBrokerOptions } from './sim-broker.ts'
import { PowerCut, SimDisk } from './sim-disk.ts'
import { SimStore, type SimStoreOptions } from './sim-store.ts'
import { type ClientEnd, SimWire } from './sim-wire.ts'
import type { WorldSettings } from './world-settings.ts'

const RESTART_MS = 500
/** How long a stopping broker waits for its clients to close. */
const DRAIN_MS = 300

/** What each start of the broker is given by its world. */
interface StartOptions
  extends
    Pick<SimBrokerOptions, 'namedQueues' | 'handedOut' | 'lastNumber' | 'restored'>,
    Pick<SimStoreOptions, 'answersTooEarly' | 'observers'> {}

/** The world of the process. */
interface Surroundings {
  readonly events: EventQueue
  readonly random: Random
  readonly history: History
  readonly settings: WorldSettings
  readonly drops: Drops
  makeCore(disk: SimDisk, settings: WorldSettings): StoreCore
  starting(): StartOptions
  /** The broker is made, and has not read its store. */
  made(broker: SimBroker): void
  /** The broker has read its store. */
  isUp(broker: SimBroker): void
  /** The broker has ended; the disk has not lost anything yet. */
  died(): void
  /** Whether the power goes right after an end in good order. */
  losesPowerAtEnd(): boolean
  trace(line: () => string): void
}

// Wide on purpose: it has one method for each thing that happens to a process.
export class SimProcess {
  readonly disk: SimDisk
  broker: SimBroker | null = null
  kills = 0
  powerCuts = 0
  /** Of all runs that were counted, by reason. */
  readonly dropped: Map<string, number> = new Map()
  readonly #world: Surroundings
  #store: SimStore | null = null
  #isStopping = false

  constructor(world: Surroundings) {
    this.#world = world
    this.disk = new SimDisk({ random: world.random })
  }

  /** Whether nothing waits for the store. */
  get isStoreIdle(): boolean {
    return this.#store?.isIdle === true
  }

  /** Opens a wire to the broker; null when it does not listen. */
  wire(client: ClientEnd, drainBytesMin: number): SimWire | null {
    if (this.broker === null || this.#isStopping) return null
    const { events, random, settings } = this.#world
    const wire = new SimWire(events, random, { ...settings.wires, drainBytesMin }, client)
    this.broker.accepts(wire)
    return wire
  }

  /** Starts a new process of the broker on what the disk holds. */
  starts(): void {
    const { random, events, settings, drops } = this.#world
    const { answersTooEarly = false, observers, ...options } = this.#world.starting()
    let isAlive = true
    const broker: SimBroker = new SimBroker({
      ...options,
      limits: { ...settings.limits, publishBacklogBytesMax: settings.publishBacklogBytesMax },
      shareStrategy: settings.shareStrategy,
      shareBounds: settings.shareBounds,
      drops,
      turnMs: settings.turnMs,
      flushesMax: settings.flushesMax,
      access: ACCESS,
      events,
      random,
      store: (this.#store = new SimStore({
        core: this.#world.makeCore(this.disk, settings),
        durability: settings.durability,
        events,
        random,
        commitMs: settings.commitMs,
        runs: work => this.runs(work),
        isAlive: () => isAlive && broker.isAlive,
        answersTooEarly,
        observers,
      })),
      commitFailed: error => this.#commitFailed(error),
    })
    this.#world.made(broker)
    this.broker = broker
    this.runs(() => broker.starts())
    isAlive = this.broker === broker
    if (isAlive) this.#world.isUp(broker)
  }

  /** Ends the process at once. With a loss of power the disk loses what was not synced. */
  dies(power: boolean): void {
    const { broker } = this
    if (broker === null) return
    if (power) this.powerCuts += 1
    else this.kills += 1
    const { events, random } = this.#world
    this.#world.trace(() => (power ? 'the power goes' : 'the broker is killed'))
    this.counts()
    broker.dies(power)
    this.broker = null
    this.#isStopping = false
    this.#world.died()
    if (power) this.disk.crashes()
    else this.disk.processDies()
    events.after(random.below(RESTART_MS), () => this.starts())
  }

  /** Stops the broker in good order, as SIGTERM does. */
  stops(): void {
    const { broker } = this
    if (broker === null || this.#isStopping) return
    this.#world.trace(() => 'the broker is stopped')
    this.#isStopping = true
    broker.stops()
    this.#endsWhenDone(broker, this.#world.events.now + DRAIN_MS)
  }

  /** Adds what the running broker has counted. */
  counts(): void {
    if (this.broker === null) return
    const { dropped, protocolErrors } = this.broker.broker.statistics
    for (const [reason, count] of Object.entries(dropped)) {
      this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + count)
    }
    if (protocolErrors > 0)
      this.#world.history.violation('peace', `${protocolErrors} protocol errors`)
  }

  /** Runs work of the process. A power cut meanwhile ends it. */
  runs(work: () => void): void {
    try {
      work()
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error
    }
    if (this.disk.isCut) this.dies(true)
  }

  #endsWhenDone(broker: SimBroker, until: number): void {
    const { events, settings } = this.#world
    events.after(settings.turnMs + 1, () => {
      if (this.broker !== broker) return
      const isDone = broker.socketCount === 0 || events.now >= until
      if (isDone && this.isStoreIdle) {
        this.runs(() => this.#store?.closeNow())
        // A power cut may come right after this.
        this.dies(this.#world.losesPowerAtEnd())
      } else this.#endsWhenDone(broker, until)
    })
  }

  #commitFailed(error: Error): void {
    this.#world.history.violation('store', `a commit failed on a healthy disk: ${error.message}`)
    this.dies(false)
  }
}
