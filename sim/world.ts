// A world from one seed: clients, wires, a broker that is killed and restarted, and a disk that loses unsynced writes.

import type { Access } from '../src/access/access.ts'
import type { Broker } from '../src/broker/broker.ts'
import type { OverloadLevel } from '../src/broker/overload-levels.ts'
import type { QueueTask } from '../src/broker/queue-tasks.ts'
import { FORBIDDEN_PREFIX, UNGRANTED_PREFIX } from './rights.ts'
import { Random } from './random.ts'
import { Drops } from './drops.ts'
import { type Conflations, conflationsOf } from './conflations.ts'
import { type Delays, delaysOf } from './delays.ts'
import { EventQueue } from './event-queue.ts'
import { type Expressions, expressionsOf } from './expressions.ts'
import { History } from './history.ts'
import { calmTermsOf } from './random-requests.ts'
import { judge, judgeRetained } from './oracle.ts'
import { queuesOf, type SimQueueSettings, withDirectTopic } from './queue-settings.ts'
import { PreparedMessages } from './prepared-messages.ts'
import { QueueWorld } from './queue-world.ts'
import { TransactionWorld, transactionsOf } from './transaction-world.ts'
import { transfersOf } from './transfer-settings.ts'
import { TransferWorld } from './transfer-world.ts'
import { Script } from './script.ts'
import { SimBroker } from './sim-broker.ts'
import { SimClient } from './sim-client.ts'
import { PowerCut, SimDisk } from './sim-disk.ts'
import { SimStore } from './sim-store.ts'
import { type ClientEnd, SimWire } from './sim-wire.ts'
import type { StoreCore } from './store-core.ts'
import { type WorldSettings, settingsOf } from './world-settings.ts'

export interface Trial {
  readonly makeCore: (disk: SimDisk, settings: WorldSettings) => StoreCore
  /** Whether the broker acknowledges before its commit. */
  readonly answersTooEarly?: boolean
  /** Wires do not call `drained` when fewer bytes than this were pending. That breaks their contract, as Node's `drain` alone would. */
  readonly drainBytesMin?: number
  /** Named queues have these settings in place of their own. */
  readonly ofQueue?: (settings: SimQueueSettings) => SimQueueSettings
  /** Makes a fault in a broker that starts. */
  readonly spoils?: (broker: Broker) => void
  readonly traces?: boolean
}

/** In one world of this many, sequence and delivery numbers begin above `LARGE_NUMBER`: their upper bits could name a partition. */
const LARGE_NUMBERS_ONE_IN = 7
const LARGE_NUMBER = 2 ** 52 + 2 ** 47

export interface Counts {
  accepted: number
  received: number
  kills: number
  powerCuts: number
  events: number
  /** Messages that were applied in another partition. */
  crossed: number
  diskCalls: number
  /** Those that were committed. */
  transactions: number
  /** Messages that transactions carried through two queues. */
  transfers: number
  /** Of named queues. */
  handOuts: number
  deadLetters: number
}

export interface Outcome {
  readonly seed: number
  readonly violations: readonly string[]
  readonly trace: readonly string[]
  readonly counts: Counts
}

/** Milliseconds since 1970 at which every world begins. */
const BEGINNING = 1_700_000_000_000

/** More events than any run needs: a run that reaches it is in an endless loop. */
const EVENTS_MAX = 300_000

const PROBE_MS = 10_000
/** Long enough for all dead letters, also where a client gets few messages a second. */
const DEAD_LETTERS_MS = 100_000
/** The longest time for which the broker is overloaded. */
const OVERLOAD_MS = 10_000
const EVERYTHING = {
  filter: '#',
  qos: 2,
  noLocal: false,
  retainAsPublished: false,
  retainHandling: 0,
} as const

/** How long a stopping broker waits for its clients to close. */
const DRAIN_MS = 300

export function run(seed: number, trial: Trial): Outcome {
  const world = new World(seed, trial)
  try {
    world.run()
  } catch (error) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
    world.history.violation('crash', text)
  }
  return world.outcome()
}

export class World {
  readonly seed: number
  readonly random: Random
  readonly events = new EventQueue(BEGINNING)
  readonly history = new History()
  readonly settings: WorldSettings
  readonly disk: SimDisk
  readonly clients: readonly SimClient[]
  readonly conflations: Conflations | null
  readonly delays: Delays | null
  readonly expressions: Expressions | null
  brokerStartedAt: number | null = null
  /** Whether every commit that was handed over is done. */
  readonly #trial: Trial
  readonly #trace: string[] = []
  readonly #dropped = new Map<string, number>()
  readonly #drops: Drops
  /** Null in a world without named queues. */
  readonly #queues: QueueWorld | null
  readonly #prepared: PreparedMessages
  /** Null in a world without transactions. */
  readonly #transactions: TransactionWorld | null
  /** Null in a world without transfers. */
  readonly #transfers: TransferWorld | null
  #broker: SimBroker | null = null
  #store: SimStore | null = null
  #kills = 0
  #powerCuts = 0
  #isStopping = false
  readonly #queueSettings: ReadonlyMap<string, SimQueueSettings>

  constructor(seed: number, trial: Trial) {
    this.seed = seed
    this.#trial = trial
    this.random = new Random(seed)
    this.conflations = conflationsOf(seed)
    this.delays = delaysOf(seed)
    this.expressions = expressionsOf(seed)
    const queues = queuesOf(seed)
    const settings = settingsOf(this.random)
    this.settings = queues?.isFilledDirectly === true ? withDirectTopic(settings) : settings
    const transfers = transfersOf(seed)
    this.#queueSettings = new Map([...(queues?.named ?? []), ...(transfers?.named ?? [])])
    this.#queues = queues === null ? null : new QueueWorld(this, queues)
    this.#prepared = new PreparedMessages(this.history)
    const transactions = transactionsOf(seed)
    this.#transactions = transactions === null ? null : new TransactionWorld(this, transactions)
    this.#transfers = transfers === null ? null : new TransferWorld(this, transfers)
    this.#drops = new Drops(this.history, this.settings)
    this.disk = new SimDisk({ random: this.random })
    this.clients = Array.from(
      { length: this.settings.clients },
      (_, index) => new SimClient(`c${index + 1}`, this.random.chance(2) ? 5 : 4, this),
    )
  }

  /** Runs the world, from the first start of the broker to the final checks. */
  run(): void {
    this.starts()
    const script = new Script(this)
    script.begins()
    this.#queues?.begins()
    this.#transactions?.begins()
    this.#transfers?.begins()
    this.#passUntil(() => script.isOver)
    this.#queues?.calmsDown()
    this.#transactions?.calmsDown()
    this.#transfers?.calmsDown()
    script.calmsDown()
    if (this.random.chance(2)) script.diesOnceMore()
    this.#probes()
    this.conflations?.judge(this)
    this.#transfers?.judge()
    this.#judgeQueues()
    this.#transactions?.judge()
    this.#prepared.judge()
    if (this.#broker !== null) this.#count(this.#broker)
    judge(this.history, this.#dropped)
  }

  outcome(): Outcome {
    let accepted = 0
    let received = 0
    for (const each of this.history.publications.values())
      if (each.acceptedAt !== null) accepted += 1
    for (const session of this.history.sessions) received += session.received.size
    const { violations } = this.history
    return {
      seed: this.seed,
      violations,
      trace: this.#trace,
      counts: {
        accepted,
        received,
        kills: this.#kills,
        powerCuts: this.#powerCuts,
        events: this.events.count,
        diskCalls: this.disk.calls,
        crossed: 0,
        handOuts: this.#queues?.oracle.handOuts ?? 0,
        deadLetters: this.#queues?.oracle.deadLetters ?? 0,
        transactions: this.#transactions?.oracle.committed ?? 0,
        transfers: this.#transfers?.oracle.arrived ?? 0,
      },
    }
  }

  get isUp(): boolean {
    return this.#broker !== null
  }

  /** Lets time pass, and runs all events that are due meanwhile. */
  passes(milliseconds: number): void {
    const until = this.events.now + milliseconds
    while (this.events.step(until)) this.#assertNoCircle()
    this.events.now = until
  }

  trace(line: () => string): void {
    if (this.#trial.traces !== true) return
    const seconds = ((this.events.now - BEGINNING) / 1_000).toFixed(3)
    this.#trace.push(`${seconds.padStart(9)} [${this.events.count}] ${line()}`)
  }

  mayEndWith(reason: number): boolean {
    // Session taken over, keep-alive, the broker stops, an administrator.
    if (reason === 0x8e || reason === 0x8d || reason === 0x8b || reason === 0x98) return true
    // A queue is full, which is said to a publisher.
    return reason === 0x97 && [...this.#queueSettings.values()].some(isRefusing)
  }

  /** Whether CONNECT may be refused with this: clients of MQTT 3 read 0x89 as 0x88. */
  mayRefuse(reason: number): boolean {
    return this.mayEndWith(reason) || reason === 0x89 || reason === 0x88
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
    const wireSettings = { ...this.settings.wires, drainBytesMin }
    const wire = new SimWire(this.events, this.random, wireSettings, client)
    this.#broker.accepts(wire)
    return wire
  }

  /** Starts a new process of the broker on what the disk holds. */
  starts(): void {
    const { random, events, settings, disk } = this
    let isAlive = true
    const broker: SimBroker = new SimBroker({
      limits: { ...settings.limits, publishBacklogBytesMax: settings.publishBacklogBytesMax },
      namedQueues: this.#queuesAsStarted(),
      handedOut: (clientId, message) => {
        this.#queues?.oracle.handedOut(clientId, message)
        this.conflations?.sent(clientId, message, this)
      },
      shareStrategy: settings.shareStrategy,
      shareBounds: settings.shareBounds,
      drops: this.#drops,
      turnMs: settings.turnMs,
      flushesMax: settings.flushesMax,
      access: this.#access(),
      events,
      random,
      lastNumber: this.seed % LARGE_NUMBERS_ONE_IN === 0 ? LARGE_NUMBER : 0,
      store: (this.#store = new SimStore({
        core: this.#trial.makeCore(disk, settings),
        durability: settings.durability,
        events,
        random,
        commitMs: settings.commitMs,
        runs: work => this.#runs(work),
        isAlive: () => isAlive && broker.isAlive,
        answersTooEarly: this.#trial.answersTooEarly ?? false,
        observers: [this.#prepared, ...(this.#queues === null ? [] : [this.#queues.oracle.stored])],
      })),
      commitFailed: error => this.#commitFailed(error),
    })
    this.#trial.spoils?.(broker.broker)
    this.#broker = broker
    this.#runs(() => broker.starts())
    isAlive = this.#broker === broker
    if (isAlive) {
      this.brokerStartedAt = events.now
      this.trace(() => `the broker is up, files: ${disk.fileNames.join(' ')}`)
    }
  }

  /** Ends the process at once. With a loss of power the disk loses what was not synced. */
  dies(power: boolean): void {
    if (this.#broker === null) return
    if (power) this.#powerCuts += 1
    else this.#kills += 1
    this.trace(() => (power ? 'the power goes' : 'the broker is killed'))
    this.#count(this.#broker)
    this.#broker.dies(power)
    this.#queues?.oracle.stored.died()
    this.#prepared.died()
    this.conflations?.died()
    this.#broker = null
    this.#isStopping = false
    this.brokerStartedAt = null
    if (power) this.disk.crashes()
    else this.disk.processDies()
    this.events.after(this.random.below(500), () => this.starts())
  }

  /** Stops the broker in good order, as SIGTERM does. */
  stops(): void {
    const broker = this.#broker
    if (broker === null || this.#isStopping) return
    this.trace(() => 'the broker is stopped')
    this.#isStopping = true
    broker.stops()
    this.#endsWhenDone(broker, this.events.now + DRAIN_MS)
  }

  /** Ends the connection of a client, as an administrator does. */
  disconnects(clientId: string): void {
    this.trace(() => `an administrator disconnects ${clientId}`)
    this.#broker?.disconnects(clientId)
  }

  /** Changes a share group, or takes all changes back, as an administrator does. */
  regroups(isOver: boolean): void {
    const broker = this.#broker
    if (broker === null) return
    const clientIds = this.clients.map(({ clientId }) => clientId)
    const done = isOver ? broker.resetsGroups() : broker.regroups(this.random, clientIds)
    this.trace(() => `an administrator changes groups: ${done}`)
  }

  /** Changes a named queue as an operator does; null deletes it. */
  operates(name: string, changes: Partial<SimQueueSettings> | null): void {
    this.trace(() => `an operator sets ${name} ${JSON.stringify(changes)}`)
    this.#broker?.operates(name, changes)
  }

  /** Purges, moves or redrives what waits in a named queue, as an operator does. */
  sweeps(name: string, task: QueueTask, max: number): void {
    this.trace(() => `an operator begins with ${name} ${JSON.stringify(task)}, ${max} at most`)
    this.#broker?.sweeps(name, task, max)
  }

  /** The broker does less for a while; at level 0 as much as it can again. */
  overloads(level: OverloadLevel): void {
    const broker = this.#broker
    if (broker === null) return
    this.trace(() => `overload of level ${level}`)
    broker.overloads(level)
    if (level > 0) this.events.after(this.random.below(OVERLOAD_MS), () => broker.overloads(0))
  }

  /** Whether nothing waits for the store. */
  get isStoreIdle(): boolean {
    return this.#store?.isIdle === true
  }

  #endsWhenDone(broker: SimBroker, until: number): void {
    this.events.after(this.settings.turnMs + 1, () => {
      if (this.#broker !== broker) return
      const isDone = broker.socketCount === 0 || this.events.now >= until
      if (isDone && this.#store?.isIdle === true) {
        this.#runs(() => this.#store?.closeNow())
        // A power cut may come right after this.
        this.dies(this.settings.durability === 'fsync' && this.random.chance(2))
      } else {
        this.#endsWhenDone(broker, until)
      }
    })
  }

  #commitFailed(error: Error): void {
    this.history.violation('store', `a commit failed on a healthy disk: ${error.message}`)
    this.dies(false)
  }

  /** Runs work of the broker's process. A power cut meanwhile ends the process. */
  #runs(work: () => void): void {
    try {
      work()
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error
    }
    if (this.disk.isCut) this.dies(true)
  }

  /** A new client subscribes to all retained messages. */
  #probes(): void {
    const probe = new SimClient('probe', 5, this)
    probe.connects(calmTermsOf(probe, this.random, this.settings, this.events.now))
    this.passes(PROBE_MS)
    probe.subscribes([EVERYTHING])
    this.passes(PROBE_MS)
    judgeRetained(this.history, probe.session.record)
  }

  #judgeQueues(): void {
    if (this.#queues === null || this.#broker === null) return
    this.#queues.readsDeadLetters()
    this.passes(DEAD_LETTERS_MS)
    this.#queues.judge(this.#broker.broker.subscriptions.queues.all)
  }

  #queuesAsStarted(): ReadonlyMap<string, SimQueueSettings> {
    const { ofQueue = each => each } = this.#trial
    return new Map(Array.from(this.#queueSettings, ([name, each]) => [name, ofQueue(each)]))
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
    if (protocolErrors > 0) this.history.violation('peace', `${protocolErrors} protocol errors`)
  }
}

function isRefusing({ overflow }: SimQueueSettings): boolean {
  return overflow === 'refuse'
}
