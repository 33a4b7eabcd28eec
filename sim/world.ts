// A world from one seed: clients, wires, a broker that is killed and restarted, and a disk that loses unsynced writes.

import type { Broker } from '../src/broker/broker.ts'
import type { OverloadLevel } from '../src/broker/overload-levels.ts'
import type { QueueTask } from '../src/broker/queue-tasks.ts'
import { Random } from './random.ts'
import { Drops } from './drops.ts'
import { type Conflations, conflationsOf } from './conflations.ts'
import { type Delays, delaysOf } from './delays.ts'
import { mayEndAny } from './end-reasons.ts'
import { EventQueue } from './event-queue.ts'
import { type Expressions, expressionsOf } from './expressions.ts'
import { History } from './history.ts'
import { calmTermsOf, EVERYTHING } from './random-requests.ts'
import { judge } from './oracle.ts'
import { judgeRetained } from './retained-oracle.ts'
import { BEGINNING, messagesIn, type Outcome, outcomeOf, Trace } from './outcome.ts'
import { queuesOf, type SimQueueSettings, withDirectTopic } from './queue-settings.ts'
import { PreparedMessages } from './prepared-messages.ts'
import { QueueWorld } from './queue-world.ts'
import { TransactionWorld, transactionsOf } from './transaction-world.ts'
import { transfersOf } from './transfer-settings.ts'
import { TransferWorld } from './transfer-world.ts'
import { Script } from './script.ts'
import { SimClient } from './sim-client.ts'
import type { SimDisk } from './sim-disk.ts'
import { SimProcess } from './sim-process.ts'
import type { ClientEnd, SimWire } from './sim-wire.ts'
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

/** More events than any run needs: a run that reaches it is in an endless loop. */
const EVENTS_MAX = 300_000

const PROBE_MS = 10_000
/** Long enough for all dead letters, also where a client gets few messages a second. */
const DEAD_LETTERS_MS = 100_000
/** The longest time for which the broker is overloaded. */
const OVERLOAD_MS = 10_000
export function run(seed: number, trial: Trial): Outcome {
  return outcomeOf(new World(seed, trial))
}

export class World {
  readonly seed: number
  readonly random: Random
  readonly events = new EventQueue(BEGINNING, EVENTS_MAX)
  readonly history = new History()
  readonly settings: WorldSettings
  readonly clients: readonly SimClient[]
  readonly conflations: Conflations | null
  readonly delays: Delays | null
  readonly expressions: Expressions | null
  brokerStartedAt: number | null = null
  readonly #trial: Trial
  readonly #trace: Trace
  readonly #process: SimProcess
  /** Null in a world without named queues. */
  readonly #queues: QueueWorld | null
  readonly #prepared: PreparedMessages
  /** Null in a world without transactions. */
  readonly #transactions: TransactionWorld | null
  /** Null in a world without transfers. */
  readonly #transfers: TransferWorld | null
  readonly #queueSettings: ReadonlyMap<string, SimQueueSettings>

  constructor(seed: number, trial: Trial) {
    this.seed = seed
    this.#trial = trial
    this.random = new Random(seed)
    this.#trace = new Trace(this.events, trial.traces === true)
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
    this.#process = this.#newProcess()
    this.clients = Array.from(
      { length: this.settings.clients },
      (_, index) => new SimClient(`c${index + 1}`, this.random.chance(2) ? 5 : 4, this),
    )
  }

  /** Runs the world, from the first start of the broker to the final checks. */
  run(): void {
    this.#process.starts()
    const script = new Script(this)
    script.begins()
    this.#queues?.begins()
    this.#transactions?.begins()
    this.#transfers?.begins()
    while (!script.isOver && this.events.step(Infinity));
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
    this.#process.counts()
    judge(this.history, this.#process.dropped)
  }

  outcome(): Outcome {
    const { seed, history, events } = this
    const { kills, powerCuts, disk } = this.#process
    return {
      seed,
      violations: history.violations,
      trace: this.#trace.lines,
      counts: {
        ...messagesIn(history),
        kills,
        powerCuts,
        events: events.count,
        diskCalls: disk.calls,
        crossed: 0,
        handOuts: this.#queues?.oracle.handOuts ?? 0,
        deadLetters: this.#queues?.oracle.deadLetters ?? 0,
        transactions: this.#transactions?.oracle.committed ?? 0,
        transfers: this.#transfers?.oracle.arrived ?? 0,
      },
    }
  }

  get isUp(): boolean {
    return this.#process.broker !== null
  }

  get disk(): SimDisk {
    return this.#process.disk
  }

  passes(milliseconds: number): void {
    this.events.passes(milliseconds)
  }

  trace(line: () => string): void {
    this.#trace.add(line)
  }

  mayEndWith(reason: number): boolean {
    if (mayEndAny(reason)) return true
    // A queue is full, which is said to a publisher.
    return reason === 0x97 && [...this.#queueSettings.values()].some(isRefusing)
  }

  wire(client: ClientEnd): SimWire | null {
    return this.#process.wire(client, this.#trial.drainBytesMin ?? 0)
  }

  dies(power: boolean): void {
    this.#process.dies(power)
  }

  stops(): void {
    this.#process.stops()
  }

  /** Ends the connection of a client, as an administrator does. */
  disconnects(clientId: string): void {
    this.trace(() => `an administrator disconnects ${clientId}`)
    this.#process.broker?.disconnects(clientId)
  }

  /** Changes a share group, or takes all changes back, as an administrator does. */
  regroups(isOver: boolean): void {
    const { broker } = this.#process
    if (broker === null) return
    const clientIds = this.clients.map(({ clientId }) => clientId)
    const done = isOver ? broker.resetsGroups() : broker.regroups(this.random, clientIds)
    this.trace(() => `an administrator changes groups: ${done}`)
  }

  /** Changes a named queue as an operator does; null deletes it. */
  operates(name: string, changes: Partial<SimQueueSettings> | null): void {
    this.trace(() => `an operator sets ${name} ${JSON.stringify(changes)}`)
    this.#process.broker?.operates(name, changes)
  }

  /** Purges, moves or redrives what waits in a named queue, as an operator does. */
  sweeps(name: string, task: QueueTask, max: number): void {
    this.trace(() => `an operator begins with ${name} ${JSON.stringify(task)}, ${max} at most`)
    this.#process.broker?.sweeps(name, task, max)
  }

  /** The broker does less for a while; at level 0 as much as it can again. */
  overloads(level: OverloadLevel): void {
    const { broker } = this.#process
    if (broker === null) return
    this.trace(() => `overload of level ${level}`)
    broker.overloads(level)
    if (level > 0) this.events.after(this.random.below(OVERLOAD_MS), () => broker.overloads(0))
  }

  get isStoreIdle(): boolean {
    return this.#process.isStoreIdle
  }

  #newProcess(): SimProcess {
    const { events, random, history, settings, seed, conflations } = this
    const queues = this.#queues?.oracle
    const prepared = this.#prepared
    const { makeCore, answersTooEarly = false, spoils } = this.#trial
    return new SimProcess({
      ...{ events, random, history, settings, makeCore },
      drops: new Drops(history, settings),
      starting: () => ({
        namedQueues: this.#queuesAsStarted(),
        handedOut: (clientId, message) => {
          queues?.handedOut(clientId, message)
          conflations?.sent(clientId, message, this)
        },
        lastNumber: seed % LARGE_NUMBERS_ONE_IN === 0 ? LARGE_NUMBER : 0,
        answersTooEarly,
        observers: [prepared, ...(queues === undefined ? [] : [queues.stored])],
      }),
      made: ({ broker }) => spoils?.(broker),
      isUp: () => {
        this.brokerStartedAt = events.now
        this.trace(() => `the broker is up, files: ${this.disk.fileNames.join(' ')}`)
      },
      died: () => {
        queues?.died()
        prepared.died()
        conflations?.died()
        this.brokerStartedAt = null
      },
      losesPowerAtEnd: () => settings.durability === 'fsync' && random.chance(2),
      trace: line => this.trace(line),
    })
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
    if (this.#queues === null || this.#process.broker === null) return
    this.#queues.readsDeadLetters()
    this.passes(DEAD_LETTERS_MS)
    this.#queues.judge(this.#process.broker.broker.subscriptions.queues.all)
  }

  #queuesAsStarted(): ReadonlyMap<string, SimQueueSettings> {
    const { ofQueue = each => each } = this.#trial
    return new Map(Array.from(this.#queueSettings, ([name, each]) => [name, ofQueue(each)]))
  }
}

function isRefusing({ overflow }: SimQueueSettings): boolean {
  return overflow === 'refuse'
}
